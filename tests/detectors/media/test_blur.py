import numpy as np
import pytest
from PIL import Image

from detectors.media.blur import MARGIN, blur
from detectors.media.canonical import canonicalise
from detectors.media.decode import MediaError
from detectors.media.sizes import Bound
from tests.pictures import encoded, jpeg, opened, photo, png

BOX = ((200.0, 100.0), (300.0, 100.0), (300.0, 200.0), (200.0, 200.0))


def noise(size: tuple[int, int] = (640, 480)) -> Image.Image:
    """Every pixel tells something that its neighbours do not."""
    levels = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(levels)


@pytest.mark.parametrize(
    ("form", "media_type", "made", "levels"),
    [("PNG", "image/png", "PNG", 0), ("JPEG", "image/jpeg", "JPEG", 3), ("WEBP", "", "PNG", 0)],
)
def test_outside_the_box_and_its_margin_nothing_changes(
    form: str, media_type: str, made: str, levels: int
) -> None:
    data = encoded(photo(), form)
    blurred, kind = blur(data, media_type, [BOX])
    before, after = (np.asarray(opened(one).convert("RGB")).astype(int) for one in (data, blurred))
    changed = np.abs(before - after)
    assert opened(blurred).format == made
    assert kind == f"image/{made.lower()}"
    more = round(MARGIN * 100)
    changed[100 - more : 200 + more, 200 - more : 300 + more] = 0
    assert changed.mean() <= levels
    assert (levels > 0) or changed.max() == 0


def test_of_the_box_only_a_few_averages_are_left() -> None:
    blurred, _ = blur(png(noise()), "image/png", [BOX])
    inside = np.asarray(opened(blurred)).astype(int)[100:200, 200:300]
    # Averages over a sixteenth of the box, of levels drawn evenly, lie close to their middle.
    assert np.abs(inside - 127.5).max() < 25
    assert np.abs(np.diff(inside, axis=0)).max() <= 2
    assert np.abs(np.diff(inside, axis=1)).max() <= 2


@pytest.mark.parametrize(
    "box",
    [
        ((600.0, 440.0), (900.0, 440.0), (900.0, 600.0), (600.0, 600.0)),
        ((-50.0, -50.0), (20.0, -50.0), (20.0, 20.0), (-50.0, 20.0)),
        ((0.0, 0.0), (640.0, 0.0), (640.0, 480.0), (0.0, 480.0)),
        ((10.0, 10.0), (12.0, 10.0), (12.0, 12.0), (10.0, 12.0)),
    ],
    ids=["over the edge", "before the edge", "all of it", "a few pixels"],
)
def test_boxes_of_any_place(box: tuple[tuple[float, float], ...]) -> None:
    data = png(noise())
    blurred, _ = blur(data, "image/png", [box])
    assert opened(blurred).size == (640, 480)
    assert blurred != data


@pytest.mark.parametrize("place", [(700.0, 500.0), (10.0, 10.0)], ids=["outside", "a point"])
def test_a_box_that_covers_nothing_changes_nothing(place: tuple[float, float]) -> None:
    page = photo()
    blurred, _ = blur(png(page), "image/png", [(place,) * 4])
    assert np.array_equal(np.asarray(opened(blurred)), np.asarray(page))


def test_what_was_blurred_is_canonical() -> None:
    blurred, kind = blur(jpeg(photo()), "image/jpeg", [BOX])
    assert canonicalise(blurred, kind, bound=Bound()).changes == ()


def test_a_broken_picture_is_refused() -> None:
    with pytest.raises(MediaError, match="truncated"):
        blur(png(photo())[:-30], "image/png", [BOX])
