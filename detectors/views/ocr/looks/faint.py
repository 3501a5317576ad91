"""What stands too little above its paper: steps of a few levels in an area that is else flat."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np

from detectors.views.ocr.detect import Picture
from detectors.views.ocr.looks.look import Look, Plane, grey

METHOD: Final = "ocr:faint"
GAIN: Final = 16
AROUND: Final = 61
"""Pixels: a picture less its own mean over such a square keeps what is small, as letters are."""

TILE: Final = 16
SMALLEST_RANGE, LARGEST_RANGE = 2, 5
"""Levels of 255 within a tile: what differs by more, the plain reading sees."""
LEAST_FLAT, MOST_FLAT = 0.4, 0.97
"""Share of a tile's pixels that are as their neighbours: letters leave their paper flat."""
SHORTEST_RUN: Final = 6
"""Such tiles side by side or one below the other: a line of print. Chosen on 152 harmless
pictures, of which 15 % have as many, most of them scanned pages."""


def faint_looks(sent: Picture) -> Iterator[Look]:
    """The picture with its small steps made large, where some of it looks like faint print."""
    levels = cv2.cvtColor(sent, cv2.COLOR_BGR2GRAY).astype(np.float32)
    if longest_run(levels) >= SHORTEST_RUN:
        around = cv2.blur(levels, (AROUND, AROUND))
        yield Look(METHOD, grey(128 + GAIN * (levels - around)), elsewhere=True)


def longest_run(levels: Plane) -> int:
    """The most tiles in a row or a column that mix flat pixels with small steps and no others."""
    height, width = (side // TILE * TILE for side in levels.shape)
    if not height or not width:
        return 0
    cut = levels[:height, :width]
    step = np.maximum(
        np.abs(np.diff(cut, axis=1, prepend=cut[:, :1])),
        np.abs(np.diff(cut, axis=0, prepend=cut[:1])),
    )
    tiles = cut.reshape(height // TILE, TILE, width // TILE, TILE)
    spread = tiles.max(axis=(1, 3)) - tiles.min(axis=(1, 3))
    flat = (step == 0).reshape(tiles.shape).mean(axis=(1, 3))
    faint = (spread >= SMALLEST_RANGE) & (spread <= LARGEST_RANGE)
    faint &= (flat >= LEAST_FLAT) & (flat <= MOST_FLAT)
    return max(_run(faint), _run(faint.T))


def _run(marks: np.ndarray) -> int:
    longest, current = 0, np.zeros(marks.shape[0], dtype=int)
    for column in marks.T:
        current = (current + 1) * column
        longest = max(longest, int(current.max()))
    return longest
