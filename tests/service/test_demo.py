from pathlib import Path

import pytest

from detectors.contract.exchange import ImagePart, Origin, TextPart
from detectors.media.canonical import canonicalise
from detectors.media.sizes import bound_for
from detectors.views.ocr import Ocr
from service.demo import INJECTION, RECEIPT, write_demo


@pytest.fixture(scope="module")
def ocr() -> Ocr:
    return Ocr.load()


def text_of(ocr: Ocr, path: Path) -> list[str]:
    part = ImagePart(
        pointer="/a", origin=Origin.USER, data=path.read_bytes(), media_type="image/png"
    )
    (text,) = ocr.reveal(part)
    assert isinstance(text, TextPart)
    return text.text.split("\n")


def test_the_pictures_say_what_they_are_meant_to_say(ocr: Ocr, tmp_path: Path) -> None:
    harmless, attack = write_demo(tmp_path / "new" / "folder")
    assert text_of(ocr, attack) == list(INJECTION)
    assert {item for row in RECEIPT for item in row} <= set(text_of(ocr, harmless))


def test_the_pictures_pass_unchanged_and_are_drawn_alike_each_time(tmp_path: Path) -> None:
    first, second = write_demo(tmp_path / "one"), write_demo(tmp_path / "two")
    for one, other in zip(first, second, strict=True):
        data = one.read_bytes()
        assert data == other.read_bytes()
        assert canonicalise(data, "image/png", bound=bound_for("sandbox", None)).changes == ()
        assert len(data) < 200_000
