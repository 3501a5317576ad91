"""Letters in a texture: under a coarse grain, or in dots and stripes of their paper's own grey."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np

from detectors.views.ocr.detect import Picture
from detectors.views.ocr.looks.look import TILE, Look, Plane, longest_run, ranges, shares

METHOD: Final = "ocr:texture"

ROUGH: Final = 20.0
"""Levels of 255 by which a pixel of a grain differs from the mean of those around it."""
MOSTLY: Final = 0.5
LONGEST_ROUGH: Final = 10
"""Share of a tile that is rough, and such tiles side by side: print leaves its paper flat."""
SMOOTH: Final = (1.0, 2.0)
"""Pixels, sigma: takes a fine or a coarse grain away and leaves letters."""

TEXTURED: Final = 6.0
"""Levels of 255 by which the steps within a tile differ in strength."""
SHARE: Final = 2.0
"""Times the range of its grey: letters of another grey have both."""
LONGEST_TEXTURED: Final = 8


def texture_looks(sent: Picture) -> Iterator[Look]:
    """The picture without its grain, and its grain without the picture, each where it may hide."""
    if min(sent.shape[:2]) < TILE:
        return
    levels: Plane = cv2.cvtColor(sent, cv2.COLOR_BGR2GRAY).astype(np.float32)
    rough = np.abs(levels - cv2.blur(levels, (3, 3))) > ROUGH
    if longest_run(shares(rough) >= MOSTLY) >= LONGEST_ROUGH:
        for sigma in SMOOTH:
            yield Look(METHOD, _stretched(cv2.GaussianBlur(sent, (0, 0), sigma)))
    across = np.abs(np.diff(levels, axis=1, prepend=levels[:, :1]))
    down = np.abs(np.diff(levels, axis=0, prepend=levels[:1]))
    smooth, across, down = (
        cv2.GaussianBlur(each, (0, 0), SMOOTH[1]) for each in (levels, across, down)
    )
    limit = np.maximum(TEXTURED, SHARE * ranges(smooth))
    if max(longest_run(ranges(each) > limit) for each in (across, down)) >= LONGEST_TEXTURED:
        yield Look(METHOD, _stretched(np.dstack([across, down, (across + down) / 2])))


def _stretched(picture: Picture) -> Picture:
    """Each colour from its lowest level to its highest, over all levels."""
    low, high = picture.min(axis=(0, 1)), picture.max(axis=(0, 1))
    shown: Picture = (picture - low) * (np.float32(255) / np.maximum(1.0, high - low))
    return np.clip(shown, 0, 255, out=np.empty(picture.shape, np.uint8), casting="unsafe")
