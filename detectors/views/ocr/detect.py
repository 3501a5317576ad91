"""Finds where lines of text stand in a picture: PP-OCRv6's detector and DB's post-processing.

Method: Liao et al., "Real-time Scene Text Detection with Differentiable Binarization", 2020.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
from cv2.typing import MatLike

Picture = MatLike
"""8-bit, height x width x 3, in OpenCV's order of colours (BGR)."""

Quad = npt.NDArray[np.float32]
"""4 x 2: the corners (x, y) of a line, from its own top left along its reading direction."""

Tensor = npt.NDArray[np.float32]
Network = Callable[[Tensor], Tensor]
"""A loaded model: batch x 3 x height x width in, whatever it computes out. Any thread may call."""

STEP = 32
"""The detector's input sides are multiples of this many pixels."""

MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32) * 255
STD = np.array([0.229, 0.224, 0.225], dtype=np.float32) * 255
"""ImageNet's: these weights answer far better to it than to rapidocr's 0.5 and 0.5."""

LONG_SIDE = 960
PIXEL_THRESHOLD = 0.3
BOX_THRESHOLD = 0.5
UNCLIP_RATIO = 1.6
SMALLEST_SIDE = 3
"""Pixels of the detector's map: a region thinner than this is no text."""

TALL = 1.5
"""A line this many times as high as wide is read from top to bottom."""


def find_lines(network: Network, picture: Picture) -> list[Quad]:
    """The quads of all lines of text, in pixels of ``picture``, in no particular order."""
    height, width = picture.shape[:2]
    scale = min(1.0, LONG_SIDE / max(height, width))
    size = (_round(width * scale), _round(height * scale))
    kernel = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    shown = cv2.resize(picture, size, interpolation=kernel)
    tensor = np.ascontiguousarray(shown.transpose(2, 0, 1), dtype=np.float32)
    tensor -= MEAN[:, np.newaxis, np.newaxis]
    tensor /= STD[:, np.newaxis, np.newaxis]
    probability = network(tensor[np.newaxis])[0, 0]
    ratio = np.array([width / size[0], height / size[1]], dtype=np.float32)
    limit = np.array([width, height], dtype=np.float32)
    return [np.clip(quad * ratio, 0, limit) for quad in _quads(probability)]


def _round(side: float) -> int:
    return max(STEP, round(side / STEP) * STEP)


def _quads(probability: Tensor) -> list[Quad]:
    """Quads of the regions that are likely enough, in pixels of the map, grown to full height."""
    regions = (probability > PIXEL_THRESHOLD).astype(np.uint8)
    contours, _ = cv2.findContours(regions, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    quads = []
    for contour in contours:
        centre, (width, height), angle = cv2.minAreaRect(contour)
        if min(width, height) < SMALLEST_SIDE:
            continue
        corners = cv2.boxPoints((centre, (width, height), angle))
        if _mean_inside(probability, corners) < BOX_THRESHOLD:
            continue
        # The detector learnt shrunken regions. For a rectangle, Vatti clipping comes to this:
        grow = 2 * width * height * UNCLIP_RATIO / (2 * (width + height))
        quads.append(facing(cv2.boxPoints((centre, (width + grow, height + grow), angle))))
    return quads


def _mean_inside(probability: Tensor, corners: MatLike) -> float:
    height, width = probability.shape
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, (width - 1, height - 1))
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int), 0, (width - 1, height - 1))
    inside = np.zeros((bottom - top + 1, right - left + 1), dtype=np.uint8)
    cv2.fillPoly(inside, [(corners - (left, top)).astype(np.int32)], 1)
    return float(cv2.mean(probability[top : bottom + 1, left : right + 1], inside)[0])


def facing(corners: MatLike) -> Quad:
    """Corners from the top left, clockwise; a tall line as if it ran from top to bottom."""
    by_x = corners[np.argsort(corners[:, 0], kind="stable")]
    top_left, bottom_left = by_x[:2][np.argsort(by_x[:2, 1], kind="stable")]
    top_right, bottom_right = by_x[2:][np.argsort(by_x[2:, 1], kind="stable")]
    quad = np.array([top_left, top_right, bottom_right, bottom_left], dtype=np.float32)
    wide, high = np.linalg.norm(quad[1] - quad[0]), np.linalg.norm(quad[3] - quad[0])
    return np.roll(quad, -1, axis=0) if high >= wide * TALL else quad
