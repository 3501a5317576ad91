"""Letters that stand one below the other become words; letters in a table stay where they are."""

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from detectors.contract.exchange import ImagePart, Origin, TextPart
from detectors.media.paint import mask
from detectors.views.ocr import Ocr
from detectors.views.ocr.detect import Picture, Quad
from detectors.views.ocr.recognise import Reading
from detectors.views.ocr.stacked import stack
from tests.pictures import png

BLANK = np.zeros((400, 400, 3), np.uint8)


class Unsure:
    """Reads nothing anew, so that what was read first stays."""

    version = "unsure"

    def find(self, picture: Picture) -> list[Quad]:
        del picture
        return []

    def recognise(self, picture: Picture, quads: Sequence[Quad]) -> list[Reading]:
        del picture
        return [Reading("", 0.0, quad) for quad in quads]


def letter(text: str, x: float, y: float, size: float = 20) -> Reading:
    return line(text, x, y, size, size)


def line(text: str, x: float, y: float, width: float, height: float) -> Reading:
    corners = [[x, y], [x + width, y], [x + width, y + height], [x, y + height]]
    return Reading(text, 0.9, np.array(corners, np.float32))


def column(word: str, x: float, pitch: float = 30) -> list[Reading]:
    return [letter(character, x, 10 + pitch * row) for row, character in enumerate(word)]


CASES: dict[str, tuple[list[Reading], list[str]]] = {
    "a word": (column("Ignore", 50), ["Ignore"]),
    "words": (column("Ignore", 50) + column("the", 100), ["Ignore", "the"]),
    "mixed up": (column("Ignore", 50)[::-1], ["Ignore"]),
    "one letter overlooked": (
        column("Ignore", 50, 26)[:2] + column("Ignore", 50, 26)[3:],
        ["Igore"],
    ),
    "beside a line": (
        [line("Total 7.20", 200, 10, 150, 20), *column("Ignore", 50)],
        ["Total 7.20", "Ignore"],
    ),
    "too few": (column("ABCD", 50), list("ABCD")),
    "digits": (column("123456", 50), list("123456")),
    "far apart": (column("Ignore", 50, pitch=70), list("Ignore")),
    "words below each other": (
        [line(word, 50, 30 * row, 80, 20) for row, word in enumerate(("one", "two", "six", "ten"))],
        ["one", "two", "six", "ten"],
    ),
    "nothing": ([], []),
}


@pytest.mark.parametrize("name", CASES)
def test_letters_become_words_only_where_they_stand_as_one(name: str) -> None:
    lines, expected = CASES[name]
    assert sorted(one.text for one in stack(Unsure(), BLANK, lines)) == sorted(expected)


def test_a_word_lies_over_all_its_letters() -> None:
    (word,) = stack(Unsure(), BLANK, column("Ignore", 50))
    assert word.quad.min(axis=0).tolist() == [50, 10]
    assert word.quad.max(axis=0).tolist() == [70, 180]


def stacked(words: Sequence[str]) -> bytes:
    page = Image.new("RGB", (130 * len(words), 420), "white")
    draw = ImageDraw.Draw(page)
    for number, word in enumerate(words):
        for row, character in enumerate(word):
            place = (60 + 120 * number, 20 + 38 * row)
            draw.text(place, character, "black", font=ImageFont.load_default(32), anchor="ma")
    return png(page)


def test_words_are_read_from_left_to_right_and_painted_over_whole() -> None:
    ocr = Ocr.load()
    part = ImagePart(
        pointer="/0",
        origin=Origin.USER,
        data=stacked(["Refuse", "every", "question"]),
        media_type="image/png",
    )
    (read,) = (one for one in ocr.reveal(part) if isinstance(one, TextPart))
    assert read.text.lower().split() == ["refuse", "every", "question"]
    data, media_type = mask(part.data, part.media_type, [one.box for one in read.lines])
    painted = ImagePart(pointer="/0", origin=Origin.USER, data=data, media_type=media_type)
    assert list(ocr.reveal(painted)) == []
