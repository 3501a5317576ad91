"""The faces here are drawn: nobody has them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from detectors.contract.detector import ModelError, SelfCheckError
from detectors.contract.exchange import DocumentPart, ImagePart, Origin, Part, TextPart
from detectors.media.blur import blur
from detectors.media.decode import MediaError
from detectors.views import faces as module
from detectors.views.faces import EXTRA, MOST_CANDIDATES, SURE, Faces, drawn_face, installed
from tests.pictures import jpeg, photo, png, receipt, written

with_extra = pytest.mark.skipif(not installed(), reason="the extra `faces` is not installed")


@pytest.fixture(scope="module")
def faces() -> Faces:
    return Faces.load()


def picture(image: Image.Image) -> ImagePart:
    return ImagePart(pointer="/0", origin=Origin.USER, data=png(image), media_type="image/png")


def beside(*places: tuple[int, int, int], size: tuple[int, int] = (900, 600)) -> Image.Image:
    """A photo with a face of so many pixels at each place (left, top, side)."""
    image = photo(1, size)
    for left, top, side in places:
        image.paste(drawn_face(side), (left, top))
    return image


def shown(faces: Faces, part: Part) -> list[tuple[float, float]]:
    """The middles of the faces, from left to right."""
    return sorted(
        ((line.box[0][0] + line.box[2][0]) / 2, (line.box[0][1] + line.box[2][1]) / 2)
        for text in faces.reveal(part)
        if isinstance(text, TextPart)
        for line in text.lines
    )


FOUND = {
    "alone": (drawn_face(256), [(128, 118)]),
    "large": (drawn_face(900), [(450, 412)]),
    "small in a photo": (beside((300, 200, 120)), [(360, 255)]),
    "two": (beside((60, 80, 240), (560, 180, 240)), [(180, 190), (680, 290)]),
    "beside print": (receipt(), []),
    "a photo": (photo(2), []),
    "a word": (written("Plain words"), []),
    "one pixel": (Image.new("RGB", (1, 1)), []),
    "a thread": (Image.new("RGB", (3000, 2), "white"), []),
}


@with_extra
@pytest.mark.parametrize("name", FOUND)
def test_faces_are_found_where_they_stand(faces: Faces, name: str) -> None:
    image, expected = FOUND[name]
    found = shown(faces, picture(image))
    assert len(found) == len(expected)
    for place, middle in zip(found, expected, strict=True):
        assert place == pytest.approx(middle, abs=0.06 * image.width)


@with_extra
def test_a_face_is_a_line_without_words(faces: Faces) -> None:
    (part,) = faces.reveal(picture(drawn_face(256)))
    assert isinstance(part, TextPart)
    assert (part.key, part.origin, part.text) == ("/0#faces", Origin.THIRD_PARTY, "")
    (line,) = part.lines
    assert (line.text, line.start) == ("", 0)
    assert SURE <= line.score <= 1
    (left, top), (right, _), (_, bottom), _ = line.box
    assert 0 <= left < right <= 256
    assert 0 <= top < bottom <= 256


@with_extra
@pytest.mark.parametrize("side", [120, 256, 600])
def test_a_blurred_face_is_found_no_more(faces: Faces, side: int) -> None:
    data = jpeg(beside((100, 0, side)))
    part = ImagePart(pointer="/0", origin=Origin.USER, data=data, media_type="image/jpeg")
    (found,) = faces.reveal(part)
    assert isinstance(found, TextPart)
    blurred, kind = blur(data, "image/jpeg", [line.box for line in found.lines])
    again = ImagePart(pointer="/0", origin=Origin.USER, data=blurred, media_type=kind)
    assert faces.reveal(again) == ()


@with_extra
def test_threads_find_the_same(faces: Faces) -> None:
    parts = [picture(beside((60, 80, 240), (560, 180, 240))), picture(photo(3))] * 4
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda part: shown(faces, part), parts))
    assert found == [shown(faces, part) for part in parts]


@with_extra
def test_a_pattern_of_faces_costs_no_more_than_a_few(
    faces: Faces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FAINT", 0.0)  # every cell of the outputs is a candidate now
    assert len(faces.find(photo(4))) <= 2 * MOST_CANDIDATES


@with_extra
def test_it_checks_itself(faces: Faces, monkeypatch: pytest.MonkeyPatch) -> None:
    faces.self_check()
    monkeypatch.setattr(module, "drawn_face", lambda side: Image.new("RGB", (side, side)))
    with pytest.raises(SelfCheckError, match="did not find a face"):
        faces.self_check()


@with_extra
def test_only_pictures_are_searched(faces: Faces) -> None:
    document = DocumentPart(pointer="/0", origin=Origin.USER, data=b"", media_type="text/plain")
    assert faces.applies(picture(photo(0)))
    assert not faces.applies(document)
    assert faces.reveal(document) == ()


@with_extra
def test_a_broken_picture_is_refused(faces: Faces) -> None:
    part = ImagePart(
        pointer="/0", origin=Origin.USER, data=png(photo())[:-30], media_type="image/png"
    )
    with pytest.raises(MediaError, match="truncated"):
        faces.reveal(part)


def test_without_the_extra_its_name_and_a_command_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    assert not installed()
    with pytest.raises(ModelError) as raised:
        Faces.load()
    assert EXTRA in str(raised.value)
