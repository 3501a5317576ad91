"""What stands too little above its paper: steps of a few levels in an area that is else flat."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np

from detectors.views.ocr.detect import Picture
from detectors.views.ocr.looks.look import TILE, Look, longest_run, ranges, shares

METHOD: Final = "ocr:faint"
GAIN: Final = 16
AROUND: Final = 61
"""Pixels: a picture less its own mean over such a square keeps what is small, as letters are."""

SMALLEST_RANGE, LARGEST_RANGE = 2, 14
"""Levels of 255 within a tile: what differs by more, the plain reading sees."""
EDGES: Final = 2
"""Percent of a line's pixels, of the darkest and of the lightest, that are not looked at."""
LEAST_FLAT, MOST_FLAT = 0.4, 0.97
"""Share of a tile's pixels that are as their neighbours: letters leave their paper flat."""
SHORTEST_RUN, SHORTEST_COLOURED = 7, 10
"""Such tiles side by side or one below the other, in grey and in blue or red: a line of print."""


def faint_looks(sent: Picture) -> Iterator[Look]:
    """The picture with its small steps made large, where some of it looks like faint print.

    In its colours where blue or red hold such steps, else in grey, which is less disturbed.
    """
    if min(sent.shape[:2]) < TILE:
        return
    levels = cv2.cvtColor(sent, cv2.COLOR_BGR2GRAY)
    if max(map(faint_run, cv2.split(sent)[::2])) >= SHORTEST_COLOURED:
        yield Look(METHOD, _strengthened(sent), elsewhere=True)
    elif faint_run(levels) >= SHORTEST_RUN:
        yield Look(METHOD, _strengthened(cv2.merge([levels] * 3)), elsewhere=True)


def stands_out(line: Picture) -> bool:
    """Whether the print of a line, cut out of its picture, differs from its paper as print does.

    The plain reading reads fainter lines than a person sees.
    """
    low, high = np.percentile(line.reshape(-1, line.shape[-1]), (EDGES, 100 - EDGES), axis=0)
    return bool(np.max(high - low) > LARGEST_RANGE)


def _strengthened(picture: Picture) -> Picture:
    levels = picture.astype(np.float32)
    apart = 128 + GAIN * (levels - cv2.blur(levels, (AROUND, AROUND)))
    return np.clip(apart, 0, 255, out=np.empty(picture.shape, np.uint8), casting="unsafe")


def faint_run(levels: Picture) -> int:
    """The most tiles in a row or a column that mix flat pixels with small steps and no others."""
    step = np.zeros_like(levels)
    step[:, 1:] = cv2.absdiff(levels[:, 1:], levels[:, :-1])
    step[1:] = np.maximum(step[1:], cv2.absdiff(levels[1:], levels[:-1]))
    spread, flat = ranges(levels), shares(step == 0)
    faint = (spread >= SMALLEST_RANGE) & (spread <= LARGEST_RANGE)
    return longest_run(faint & (flat >= LEAST_FLAT) & (flat <= MOST_FLAT))
