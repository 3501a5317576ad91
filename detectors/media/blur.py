"""Makes parts of a picture unrecognisable, and leaves that something is there."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

from detectors.media.decode import Limits, decode, flatten, upright
from detectors.media.encode import encode
from detectors.media.paint import Box

MARGIN = 0.3
"""A box is grown on each side by this part of its longer side: hair, ears and chin tell too."""

SPOTS, FEWEST = 4, 4
"""Colours left of a box, across and down, and the pixels that each stands for at least.

With 6 colours, a detector still finds faces in some.
"""


def blur(
    data: bytes, media_type: str, boxes: Sequence[Box], *, limits: Limits | None = None
) -> tuple[bytes, str]:
    """The picture with each box blurred, and its media type; the rest stays as it is.

    What is left of a box are at most ``SPOTS`` x ``SPOTS`` averages, drawn into each other.
    JPEG stays JPEG, all else becomes PNG. Raises ``MediaError``.
    """
    pixels = np.asarray(flatten(upright(decode(data, limits or Limits())))).copy()
    for box in boxes:
        left, top, right, bottom = _grown(box, pixels.shape[1], pixels.shape[0])
        if right > left and bottom > top:
            size = (right - left, bottom - top)
            few = [max(1, min(SPOTS, side // FEWEST)) for side in size]
            spots = cv2.resize(pixels[top:bottom, left:right], few, interpolation=cv2.INTER_AREA)
            drawn = cv2.resize(spots, size, interpolation=cv2.INTER_LINEAR)
            pixels[top:bottom, left:right] = drawn
    return encode(Image.fromarray(pixels), media_type)


def _grown(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom in pixels, inside the picture."""
    xs, ys = [x for x, _ in box], [y for _, y in box]
    more = MARGIN * max(max(xs) - min(xs), max(ys) - min(ys))
    return (
        max(0, round(min(xs) - more)),
        max(0, round(min(ys) - more)),
        min(width, round(max(xs) + more)),
        min(height, round(max(ys) + more)),
    )
