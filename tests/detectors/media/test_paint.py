import numpy as np
import pytest
from PIL import Image

from detectors.media.canonical import canonicalise
from detectors.media.decode import MediaError
from detectors.media.paint import mask
from detectors.media.sizes import Bound
from tests.pictures import encoded, jpeg, opened, photo, png, written

BOX = ((100.0, 100.0), (220.0, 100.0), (220.0, 130.0), (100.0, 130.0))


@pytest.mark.parametrize(
    ("form", "media_type", "made", "levels"),
    [("PNG", "image/png", "PNG", 0), ("JPEG", "image/jpeg", "JPEG", 3), ("WEBP", "", "PNG", 0)],
)
def test_outside_the_box_nothing_changes(
    form: str, media_type: str, made: str, levels: int
) -> None:
    data = encoded(photo(), form)
    masked, kind = mask(data, media_type, [BOX])
    before, after = (np.asarray(opened(one).convert("RGB")).astype(int) for one in (data, masked))
    changed = np.abs(before - after)
    assert opened(masked).format == made
    assert kind == f"image/{made.lower()}"
    changed[80:150, 80:240] = 0
    assert changed.mean() <= levels
    assert (levels > 0) or changed.max() == 0


@pytest.mark.parametrize("paper", ["white", "#203060", "#c0c0c0"])
def test_a_box_on_paper_takes_the_papers_colour(paper: str) -> None:
    page = written("secret", (320, 230), font=28, paper=paper, ink="red")
    masked, _ = mask(png(page), "image/png", [((40, 80), (280, 80), (280, 150), (40, 150))])
    plain = np.asarray(Image.new("RGB", page.size, paper)).astype(int)
    assert np.abs(np.asarray(opened(masked)) - plain).max() <= 6


@pytest.mark.parametrize(
    "box",
    [
        ((600.0, 440.0), (900.0, 440.0), (900.0, 600.0), (600.0, 600.0)),
        ((-50.0, -50.0), (20.0, -50.0), (20.0, 20.0), (-50.0, 20.0)),
        ((300.0, 200.0), (380.0, 260.0), (360.0, 290.0), (280.0, 230.0)),
        ((10.0, 10.0), (10.0, 10.0), (10.0, 10.0), (10.0, 10.0)),
        ((0.0, 0.0), (640.0, 0.0), (640.0, 480.0), (0.0, 480.0)),
    ],
    ids=["over the edge", "before the edge", "turned", "a point", "all of it"],
)
def test_boxes_of_any_place_and_shape(box: tuple[tuple[float, float], ...]) -> None:
    data = png(photo())
    masked, _ = mask(data, "image/png", [box])
    assert opened(masked).size == (640, 480)
    assert masked != data


def test_what_was_painted_is_canonical() -> None:
    masked, kind = mask(jpeg(photo()), "image/jpeg", [BOX])
    assert canonicalise(masked, kind, bound=Bound()).changes == ()


def test_a_broken_picture_is_refused() -> None:
    with pytest.raises(MediaError, match="truncated"):
        mask(png(photo())[:-30], "image/png", [BOX])
