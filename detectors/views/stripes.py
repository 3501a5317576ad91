"""Where a picture shows straight stripes side by side, as barcodes are, that run askew.

Method: the structure tensor (Bigun and Granlund, 1987) of cells of the picture at half its size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float64]

CELL: Final = 64
"""Pixels of a cell's side."""
STRONG: Final = 25.0
"""Levels from edge to edge, of 255, in the mean of a cell: print on paper has 60 and more."""
ONE_WAY: Final = 0.3
"""Coherence of a cell, 1 for stripes and nothing else: rows of short bars have 0.4 and more."""
AGREED: Final = 0.8
"""Of a group's cells, how much they run one way: 1 if all do."""
FEWEST: Final = 4
"""Cells of a group: the smallest code with words has about as many."""
MOST: Final = 3
"""Groups of a picture that are told of, the largest."""
UPRIGHT: Final = 8.0
"""Degrees from an axis: a reader of barcodes needs no help with less."""


@dataclass(frozen=True, slots=True, eq=False)
class Stripes:
    """A piece of the picture, turned so that the stripes in it stand upright.

    ``back`` is the affine 2 x 3 matrix that leads from the piece's pixels to the picture's.
    """

    piece: Grey
    back: Matrix


def stripes(grey: Grey) -> Iterator[Stripes]:
    """The groups of stripes that run askew, the largest first. About 1 ms for a megapixel."""
    if min(grey.shape) < CELL:
        return
    strength, coherence, double = _cells(grey)
    marked = ((strength > STRONG) & (coherence > ONE_WAY)).astype(np.uint8)
    if int(marked.sum()) < FEWEST:
        return
    _, labels, stats, _ = cv2.connectedComponentsWithStats(marked, connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    groups = [label for label in np.argsort(-areas).tolist() if label and areas[label] >= FEWEST]
    for label in groups[:MOST]:
        inside = labels == label
        mean = np.average(double[inside], weights=strength[inside])
        angle = float(np.degrees(np.angle(mean))) / 2
        askew = abs((angle + 45) % 90 - 45)
        if abs(mean) >= AGREED and askew > UPRIGHT:
            left, top, wide, tall = (int(number) for number in stats[label, :4])
            yield _turned(grey, (left - 1, top - 1, wide + 2, tall + 2), marked.shape, angle)


def _cells(grey: Grey) -> tuple[Matrix, Matrix, npt.NDArray[np.complex128]]:
    """Of each cell how strong its edges are, how much they run one way, and which: twice the angle.

    The angle is that across the stripes, as a complex number of length 1.
    """
    height, width = grey.shape
    half = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    across = cv2.Scharr(half, cv2.CV_32F, 1, 0, scale=1 / 16)
    down = cv2.Scharr(half, cv2.CV_32F, 0, 1, scale=1 / 16)
    size = (width // CELL, height // CELL)
    xx, yy, xy = (
        cv2.resize(cv2.multiply(one, other), size, interpolation=cv2.INTER_AREA).astype(np.float64)
        for one, other in ((across, across), (down, down), (across, down))
    )
    energy = xx + yy
    way = np.asarray((xx - yy) + 2j * xy, dtype=np.complex128)
    length = np.abs(way)
    return np.sqrt(energy), length / (energy + 1), np.asarray(way / (length + 1e-9))


def _turned(
    grey: Grey, cells: tuple[int, int, int, int], grid: tuple[int, ...], angle: float
) -> Stripes:
    """A group of cells: left, top, width and height, in a grid of so many rows and columns."""
    height, width = grey.shape
    across, down = width / grid[1], height / grid[0]
    wide, tall = cells[2] * across, cells[3] * down
    middle = (cells[0] * across + wide / 2, cells[1] * down + tall / 2)
    side = int(np.hypot(wide, tall))
    there = np.asarray(cv2.getRotationMatrix2D(middle, angle, 1.0), dtype=np.float64)
    there[:, 2] += side / 2 - np.asarray(middle)
    piece = cv2.warpAffine(grey, there, (side, side), flags=cv2.INTER_LINEAR, borderValue=(255.0,))
    return Stripes(np.asarray(piece, dtype=np.uint8), np.asarray(cv2.invertAffineTransform(there)))
