"""One other way to look at a picture, and how its gate measures: tile by tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from detectors.views.ocr.detect import Picture

Plane = npt.NDArray[np.float32]
"""Height x width: one value a pixel."""

TILE: Final = 16
"""Pixels: about a letter."""


@dataclass(frozen=True, slots=True)
class Look:
    """A picture to read, and the method that names what is found there (``ocr:faint``).

    It may have any size: it shows the same scene as the picture that is sent, edge to edge. With
    ``elsewhere`` only places are read where nothing was read before: the rest shows it once more.
    """

    method: str
    picture: Picture
    elsewhere: bool = False


def grey(plane: Plane) -> Picture:
    """A plane as a picture; values are clipped to 0..255."""
    levels = np.clip(plane, 0, 255).astype(np.uint8)
    return np.repeat(levels[:, :, np.newaxis], 3, axis=2)


def ranges(plane: Picture) -> npt.NDArray[Any]:
    """By how much the values of a plane differ within each of its whole tiles."""
    rows, columns = (side // TILE for side in plane.shape)
    cut = plane[: rows * TILE, : columns * TILE].reshape(rows, TILE, columns, TILE)
    high, low = cut.max(axis=1).max(axis=2), cut.min(axis=1).min(axis=2)
    apart: npt.NDArray[Any] = high - low
    return apart


def shares(marks: npt.NDArray[np.bool_]) -> Plane:
    """Which part of each whole tile is marked, 0 to 1."""
    rows, columns = (side // TILE for side in marks.shape)
    cut = marks[: rows * TILE, : columns * TILE].astype(np.float32)
    return cv2.resize(cut, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32)


def longest_run(marks: npt.NDArray[np.bool_]) -> int:
    """The most marks side by side or one below the other: a line of print is a row of tiles."""
    return max(_longest_row(marks), _longest_row(marks.T))


def _longest_row(marks: npt.NDArray[np.bool_]) -> int:
    longest, current = 0, np.zeros(marks.shape[0], dtype=int)
    for column in marks.T:
        current = (current + 1) * column
        longest = max(longest, int(current.max(initial=0)))
    return longest
