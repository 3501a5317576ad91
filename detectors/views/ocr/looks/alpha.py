"""What transparency hides: the gate sends a picture over white, another reader may see it else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np
from PIL import Image

from detectors.media.decode import OPAQUE, transparent
from detectors.views.ocr.detect import Picture
from detectors.views.ocr.looks.look import Look, grey

METHOD: Final = "ocr:alpha"
VISIBLE: Final = 2
"""Levels of 255: a look that nowhere differs by more from one before it shows nothing new."""


def alpha_looks(image: Image.Image, sent: Picture) -> Iterator[Look]:
    """Over black, without its alpha, and the alpha alone, at the size that is sent.

    Nothing for an opaque picture. A look that shows one colour, or what another showed, is left
    out, and so is the negative of one.
    """
    if not transparent(image):
        return
    size = (sent.shape[1], sent.shape[0])
    layer = np.asarray(image.convert("RGBA"))
    colours, alpha = cv2.cvtColor(layer[:, :, :3], cv2.COLOR_RGB2BGR), layer[:, :, 3]
    over_black = (colours * (alpha[:, :, np.newaxis] / np.float32(OPAQUE))).astype(np.uint8)
    low, high = int(alpha.min()), int(alpha.max())
    stretched = grey((alpha - np.float32(low)) * (OPAQUE / max(1, high - low)))
    seen = [sent]
    for picture in (over_black, colours, stretched):
        look = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        flat = all(low == high for low, high in _extremes(look))
        if not flat and all(_differs(look, other) for other in seen):
            seen.append(look)
            yield Look(METHOD, look)


def _extremes(picture: Picture) -> Iterator[tuple[int, int]]:
    for plane in cv2.split(picture):
        yield int(plane.min()), int(plane.max())


def _differs(one: Picture, other: Picture) -> bool:
    """Not the same, and not one the negative of the other."""
    same = cv2.absdiff(one, other).max()
    negative = cv2.absdiff(OPAQUE - one, other).max()
    return bool(min(same, negative) > VISIBLE)
