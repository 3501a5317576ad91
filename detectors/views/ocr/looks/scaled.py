"""What a picture shows only when it is scaled down carelessly (Quiring et al., USENIX 2020).

A resampler that does not look at every pixel looks at some that stand at a regular distance. Text
hidden in those leaves two marks: their distance is a sharp peak in the picture's spectrum, and the
picture scaled down so differs, in the mean of whole areas, from one scaled down fairly.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np

from detectors.views.ocr.detect import Picture
from detectors.views.ocr.looks.look import Look, Plane

METHOD: Final = "ocr:scaled"
KERNELS: Final = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC)
FACTORS: Final = (2, 3, 4, 5, 6)
SMALLEST_FACTOR, LARGEST_FACTOR = 1.95, 6.6
NARROWEST: Final = 200
"""Pixels: a picture scaled below this holds no sentence."""
SHARP_PEAK: Final = 10.0
"""Times the median of the spectrum; of 152 harmless pictures 8 have as sharp a one."""
MOST_RESIDUAL: Final = 60.0

TILE: Final = 16
DISAGREE: Final = 10.0
"""Levels of 255 between the means of a tile: noise and fine detail keep theirs."""
FEWEST_TILES: Final = 20
"""Hidden lines have 27 and more; of 152 harmless pictures one has as many."""
MOST_LOOKS: Final = 2


def scaled_looks(original: Picture) -> Iterator[Look]:
    """The two careless ways of scaling down that disagree most with the fair one, if any does."""
    found: list[tuple[int, Picture]] = []
    for size in _sizes(original):
        fair = cv2.resize(original, size, interpolation=cv2.INTER_AREA)
        careless = [cv2.resize(original, size, interpolation=kernel) for kernel in KERNELS]
        found += [(disagreement(one, fair), one) for one in careless]
    found.sort(key=lambda one: -one[0])
    for tiles, picture in found[:MOST_LOOKS]:
        if tiles >= FEWEST_TILES:
            yield Look(METHOD, picture)


def disagreement(careless: Picture, fair: Picture) -> int:
    """In how many tiles the means of two pictures of one size differ."""
    height, width = careless.shape[:2]
    tiles = (max(1, width // TILE), max(1, height // TILE))
    one, other = (cv2.cvtColor(each, cv2.COLOR_BGR2GRAY) for each in (careless, fair))
    apart = cv2.subtract(one, other, dtype=cv2.CV_32F)
    means = cv2.resize(apart, tiles, interpolation=cv2.INTER_AREA)
    return int((np.abs(means) > DISAGREE).sum())


def _sizes(original: Picture) -> list[tuple[int, int]]:
    """The sizes for which text may be hidden: whole factors, and those of the spectrum's peaks."""
    height, width = original.shape[:2]
    levels = cv2.cvtColor(original, cv2.COLOR_BGR2GRAY)
    residual: Plane = cv2.absdiff(levels, cv2.medianBlur(levels, 5)).astype(np.float32)
    residual = np.minimum(residual, MOST_RESIDUAL)
    factors: list[float] = [*FACTORS]
    for axis in (0, 1):
        distance, sharpness = _distance(residual.sum(axis=axis))
        if sharpness >= SHARP_PEAK:
            factors += [distance, 2 * distance]
    sizes = {(round(width / factor), round(height / factor)) for factor in factors}
    return [size for size in sorted(sizes) if min(size) >= NARROWEST]


def _distance(profile: np.ndarray) -> tuple[float, float]:
    """The distance of the most regular marks in a profile, and how far it stands out."""
    profile = profile - cv2.blur(profile.reshape(1, -1), (31, 1))[0]
    padded = 1 << int(np.ceil(np.log2(8 * len(profile))))
    spectrum = np.abs(np.fft.rfft(profile * np.hanning(len(profile)), padded))
    frequency = np.arange(len(spectrum)) / padded
    within = (frequency > 1 / LARGEST_FACTOR) & (frequency < 1 / SMALLEST_FACTOR)
    strength, at = spectrum[within], frequency[within]
    best = int(strength.argmax())
    return float(1 / at[best]), float(strength[best] / max(1e-6, np.median(strength)))
