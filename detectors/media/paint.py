"""Paints over parts of a picture in the colours that surround them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
from cv2.typing import MatLike
from PIL import Image

from detectors.media.decode import Limits, decode, flatten, upright
from detectors.media.encode import encode

Box = Sequence[tuple[float, float]]
"""Four corners (x, y) in pixels."""

GROWTH = 0.2
"""A box is grown on each side by this part of its shorter side, so that no stroke sticks out."""

COARSE = 4
"""The cover is worked out on a picture this many times smaller: smooth, and fast on full pages."""


def mask(
    data: bytes, media_type: str, boxes: Sequence[Box], *, limits: Limits | None = None
) -> tuple[bytes, str]:
    """The picture with the boxes painted over, and its media type; the rest stays as it is.

    JPEG stays JPEG, all else becomes PNG. Raises ``MediaError``.
    """
    pixels = np.asarray(flatten(upright(decode(data, limits or Limits())))).copy()
    covered = np.zeros(pixels.shape[:2], dtype=np.uint8)
    for box in boxes:
        cv2.fillConvexPoly(covered, _grown(np.array(box, dtype=np.float32)), 255)
    inside = covered > 0
    pixels[inside] = _surroundings(pixels, covered)[inside]
    return encode(Image.fromarray(pixels), media_type)


def _grown(box: npt.NDArray[np.float32]) -> npt.NDArray[np.int32]:
    centre, (width, height), angle = cv2.minAreaRect(box)
    more = 2 * max(1.0, GROWTH * min(width, height))
    return np.rint(cv2.boxPoints((centre, (width + more, height + more), angle))).astype(np.int32)


def _surroundings(pixels: MatLike, covered: MatLike) -> MatLike:
    """The picture with the colours around the covered pixels drawn into them.

    Method: Telea, "An Image Inpainting Technique Based on the Fast Marching Method", 2004.
    """
    height, width = covered.shape
    size = (-(-width // COARSE), -(-height // COARSE))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    hole = (cv2.resize(covered, size, interpolation=cv2.INTER_AREA) > 0).astype(np.uint8)
    filled = cv2.inpaint(small, hole, 3, cv2.INPAINT_TELEA)
    return cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)
