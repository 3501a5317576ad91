"""Words whose letters stand one below the other: found letter by letter, read as words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from detectors.views.ocr.detect import Picture, Quad
from detectors.views.ocr.engine import OcrEngine
from detectors.views.ocr.recognise import Reading

MOST_CHARACTERS: Final = 2
"""Of a line that may be one letter of such a word."""

FEWEST_LETTERS: Final = 5
"""Of the longest word: fewer stand below each other in many a table. Digits do not count."""

ASIDE: Final = 0.6
NEAREST, FARTHEST = 0.3, 2.8
"""How far the next letter's middle may be aside, and below, in heights of a letter.

So far below that one letter between them may have been overlooked.
"""

WIDEST: Final = 1.6
"""A letter's width by its height."""


@dataclass(frozen=True, slots=True)
class _Box:
    """One letter and its place: edges in pixels."""

    line: Reading
    left: float
    top: float
    right: float
    bottom: float

    def follows(self, other: _Box, size: float) -> bool:
        """Whether this letter is the next below the other, where letters are of such a size."""
        aside = abs((self.left + self.right) - (other.left + other.right)) / 2
        below = (self.top + self.bottom - other.top - other.bottom) / 2
        return aside < ASIDE * size and NEAREST * size < below < FARTHEST * size


def stack(engine: OcrEngine, picture: Picture, lines: Sequence[Reading]) -> list[Reading]:
    """The lines, where single letters that stand below each other have become words.

    Nothing is changed where no word of ``FEWEST_LETTERS`` stands so.
    """
    boxes = [_box(line) for line in lines if _is_letter(line)]
    if len(boxes) < FEWEST_LETTERS:
        return list(lines)
    columns = [column for column in _columns(boxes) if len(column) > 1]
    if not any(_letters(column) >= FEWEST_LETTERS for column in columns):
        return list(lines)
    stacked = {id(box.line) for column in columns for box in column}
    words = [_word(engine, picture, column) for column in columns]
    return [line for line in lines if id(line) not in stacked] + words


def _is_letter(line: Reading) -> bool:
    _, _, width, height = cv2.boundingRect(line.quad)
    return len(line.text.strip()) <= MOST_CHARACTERS and width < WIDEST * height


def _box(line: Reading) -> _Box:
    (left, top), (right, bottom) = line.quad.min(axis=0), line.quad.max(axis=0)
    return _Box(line, float(left), float(top), float(right), float(bottom))


def _columns(boxes: Sequence[_Box]) -> list[list[_Box]]:
    size = float(np.median([box.bottom - box.top for box in boxes]))
    columns: list[list[_Box]] = []
    for box in sorted(boxes, key=lambda box: box.top + box.bottom):
        above = next((one for one in columns if box.follows(one[-1], size)), None)
        if above is None:
            columns.append([box])
        else:
            above.append(box)
    return columns


def _letters(column: Sequence[_Box]) -> int:
    return sum(any(map(str.isalpha, box.line.text)) for box in column)


def _word(engine: OcrEngine, picture: Picture, column: Sequence[_Box]) -> Reading:
    """The letters side by side, read as one line, which stands from top to bottom."""
    height = round(max(box.bottom - box.top for box in column))
    row = cv2.hconcat([_cut(picture, box, height) for box in column])
    (read,) = engine.recognise(row, [_corners(0, 0, row.shape[1], height)])
    alone = Reading(
        "".join(box.line.text.strip() for box in column),
        float(np.mean([box.line.score for box in column])),
        _corners(
            min(box.left for box in column),
            column[0].top,
            max(box.right for box in column),
            column[-1].bottom,
        )[[0, 3, 2, 1]],
    )
    better = read if read.score > alone.score else alone
    return replace(better, text="".join(better.text.split()), quad=alone.quad)


def _cut(picture: Picture, box: _Box, height: int) -> Picture:
    """The letter in the middle of so many rows, and what is beside it within its box."""
    size = (max(1, round(box.right - box.left)), height)
    return cv2.getRectSubPix(
        picture, size, ((box.left + box.right) / 2, (box.top + box.bottom) / 2)
    )


def _corners(left: float, top: float, right: float, bottom: float) -> Quad:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float32)
