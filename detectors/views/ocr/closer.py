"""Small print in a large picture: the detector looks again, closer, at parts of it.

A picture that a model is shown whole, at 3,000 pixels, is found text in at 960: letters of a dozen
pixels are then smears. A part is looked at where it holds detail that is lost at that size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from detectors.views.ocr.detect import LONG_SIDE, Picture, Quad
from detectors.views.ocr.engine import OcrEngine
from detectors.views.ocr.looks.look import TILE, longest_run, shares
from detectors.views.ocr.recognise import Reading

PART: Final = 1440
"""Pixels of a part's side, and of the long side of a picture that is looked at once only: what is
two thirds as large is still found."""
OVERLAP: Final = 64
"""Pixels that neighbours share: a line of small print stands whole in one of them."""
LOST: Final = 10.0
"""Levels of 255 by which a pixel differs from what is left of it."""
SOME: Final = 0.08
LONGEST: Final = 5
"""Share of a tile's pixels that are lost, and such tiles side by side: a few words of print."""

SMALL: Final = 40.0
"""Pixels of height of a line above which the first look at the whole finds it as well."""
CLEAR: Final = 0.85
"""Score of a line that stays, whatever small print stands over it."""
UPRIGHT: Final = 1.25
"""A quad's bounding box, by its area, up to which it counts as upright."""
SAME_ROW: Final = 0.6
SAME_PLACE: Final = 0.3
"""Share of the lower one's height, and of either's area, that two lines have in common."""


def find_closely(engine: OcrEngine, picture: Picture) -> list[Quad]:
    """Where small lines stand in a large picture; nothing of a picture that is not large."""
    closer: list[Quad] = []
    if max(picture.shape[:2]) > PART:
        for left, top, part in _parts(picture):
            for quad in engine.find(part):
                if _height(quad) <= SMALL:
                    _add(closer, quad + np.array([left, top], dtype=np.float32))
    return closer


def without_smears(lines: Sequence[Reading], closer: Sequence[Reading]) -> list[Reading]:
    """All lines, but for those that are read worse, from afar, than a closer one in their place."""
    clear = [
        line
        for line in lines
        if line.score >= CLEAR
        or not any(one.score > line.score and _same_place(one.quad, line.quad) for one in closer)
    ]
    seen = [one for one in closer if not any(_again(one, line) for line in clear)]
    return clear + seen


def _again(one: Reading, line: Reading) -> bool:
    return one.text in line.text and _same_place(one.quad, line.quad)


def _parts(picture: Picture) -> Iterator[tuple[int, int, Picture]]:
    """The parts in which something is lost, with their places."""
    height, width = picture.shape[:2]
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    scale = LONG_SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    left_of_it = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    lost = cv2.absdiff(grey, cv2.resize(left_of_it, (width, height))) > LOST
    for top in _starts(height):
        for left in _starts(width):
            rows, columns = slice(top, top + PART), slice(left, left + PART)
            if min(height, width) < TILE or _holds_print(lost[rows, columns]):
                yield left, top, np.ascontiguousarray(picture[rows, columns])


def _holds_print(lost: npt.NDArray[np.bool_]) -> bool:
    return longest_run(shares(lost) >= SOME) >= LONGEST


def _starts(side: int) -> list[int]:
    """Where parts begin, evenly spread over a side."""
    if side <= PART:
        return [0]
    count = -(-(side - OVERLAP) // (PART - OVERLAP))
    return [round(number * (side - PART) / (count - 1)) for number in range(count)]


def _add(closer: list[Quad], quad: Quad) -> None:
    """Adds a line; with those that it repeats or continues it becomes one."""
    for at in reversed(range(len(closer))):
        area, _ = cv2.intersectConvexConvex(quad, closer[at])
        if area and _one_row(quad, closer[at]):
            quad = _around(quad, closer.pop(at))
        elif _same_place(quad, closer[at]):
            return
    closer.append(quad)


def _height(quad: Quad) -> float:
    return float(min(np.linalg.norm(quad[1] - quad[0]), np.linalg.norm(quad[3] - quad[0])))


def _same_place(one: Quad, other: Quad) -> bool:
    area, _ = cv2.intersectConvexConvex(one, other)
    return bool(area > SAME_PLACE * min(cv2.contourArea(one), cv2.contourArea(other)))


def _one_row(one: Quad, other: Quad) -> bool:
    """Whether two upright lines stand side by side, or one upon the other."""
    if not (_upright(one) and _upright(other)):
        return False
    (high, low), (high_too, low_too) = (
        (each[:, 1].min(), each[:, 1].max()) for each in (one, other)
    )
    common = min(low, low_too) - max(high, high_too)
    return bool(common > SAME_ROW * max(low - high, low_too - high_too))


def _upright(quad: Quad) -> bool:
    (x, y), (wide, high) = quad.min(axis=0), np.ptp(quad, axis=0)
    first_is_top_left = abs(quad[0] - (x, y)).max() < high / 2
    return bool(
        wide > high and first_is_top_left and wide * high <= UPRIGHT * cv2.contourArea(quad)
    )


def _around(*quads: Quad) -> Quad:
    corners = np.concatenate(quads)
    (left, top), (right, bottom) = np.min(corners, axis=0), np.max(corners, axis=0)
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float32)
