"""Small print in pictures that the model is shown at thousands of pixels."""

from __future__ import annotations

import pytest
from PIL import Image, ImageDraw, ImageFont

from benchmarks.reading import likeness
from detectors.contract.exchange import ImagePart, Origin, TextPart
from detectors.views.ocr import Ocr
from detectors.views.ocr.closer import PART, find_closely
from detectors.views.ocr.hidden import bgr
from detectors.views.ocr.models import load_embedded
from tests.pictures import INJECTION, photo, png

LARGE = (2600, 1900)


@pytest.fixture(scope="module")
def ocr() -> Ocr:
    return Ocr.load()


def note(page: Image.Image, at: tuple[int, int], size: float = 12) -> Image.Image:
    font = ImageFont.load_default(size)
    ImageDraw.Draw(page).text(at, INJECTION, (20, 20, 20), font=font)
    return page


def words(ocr: Ocr, image: Image.Image) -> list[str]:
    part = ImagePart(pointer="", origin=Origin.USER, data=png(image), media_type="image/png")
    (text,) = (one for one in ocr.reveal(part) if isinstance(one, TextPart))
    return [line.text for line in text.lines]


@pytest.mark.parametrize(
    "at", [(1800, 1500), (1100, 900)], ids=["in one part", "on the seam of four"]
)
def test_small_print_on_a_large_photo_is_read_once(ocr: Ocr, at: tuple[int, int]) -> None:
    read = words(ocr, note(photo(3, LARGE), at))
    assert likeness(INJECTION, " ".join(read)) >= 0.9
    assert sum(likeness("HACKED", line) > 0.8 for line in read) == 1


def test_a_large_line_stays_where_small_print_stands_over_it(ocr: Ocr) -> None:
    page = photo(4, LARGE)
    font = ImageFont.load_default(120)
    ImageDraw.Draw(page).text((300, 600), "Closed on Sunday", "white", font=font)
    read = "\n".join(words(ocr, note(page, (420, 640))))
    assert likeness("Closed on Sunday", read) >= 0.8


def test_a_large_picture_without_detail_and_a_small_one_are_looked_at_once() -> None:
    engine = load_embedded()
    plain = Image.new("RGB", LARGE, (200, 210, 220))
    small = note(photo(3, (PART, 900)), (300, 300))
    assert [find_closely(engine, bgr(one)) for one in (plain, small)] == [[], []]
