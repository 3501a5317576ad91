"""What an animation or a TIFF shows after its first frame or page, which alone is sent."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Final

import cv2
import numpy as np
from PIL import Image

from detectors.media.decode import Limits, flatten
from detectors.media.formats import READ
from detectors.views.ocr.detect import Picture
from detectors.views.ocr.looks.look import Look

METHOD: Final = "ocr:frame"
MOST_FRAMES: Final = 64
MOST_PIXELS: Final = 100_000_000
"""Decoded of one animation, or of a TIFF's pages, all together."""

MOST_LOOKS: Final = 8
"""Read of one animation: those that differ most from each other and from the first."""

CHANGED: Final = 1
"""Levels of 255, in the mean of a cell: frames that nowhere differ by as much show the same."""

MAP: Final = (64, 64)


def frame_looks(data: bytes, sent: Picture) -> Iterator[Look]:
    """The frames that differ most, each from the picture that is sent and the others.

    A frame that cannot be decoded ends the search: none of them is sent.
    """
    with Image.open(BytesIO(data), formats=sorted(READ)) as image:
        count = min(MOST_FRAMES, MOST_PIXELS // max(1, image.width * image.height))
        maps = [_map(frame) for frame in _frames(image, range(count))]
        for frame in _frames(image, sorted(_most_different(maps, _map(sent)))):
            size = (sent.shape[1], sent.shape[0])
            yield Look(METHOD, cv2.resize(frame, size, interpolation=cv2.INTER_AREA))


def _frames(image: Image.Image, numbers: range | list[int]) -> Iterator[Picture]:
    most = Limits().max_pixels
    for number in numbers:
        try:
            image.seek(number)
            if image.width * image.height > most:  # a page may be larger than the first
                return
            frame = flatten(image)
        except Exception:  # noqa: BLE001 - Pillow's decoders raise whatever a broken frame provokes
            return
        yield cv2.cvtColor(np.asarray(frame), cv2.COLOR_RGB2BGR)


def _map(picture: Picture) -> Picture:
    return cv2.resize(picture, MAP, interpolation=cv2.INTER_AREA)


def _most_different(maps: list[Picture], first: Picture) -> list[int]:
    """Which frames to read: each time the one that is farthest from all that were chosen.

    Of a line that grows from frame to frame, that is the whole line first.
    """
    chosen: list[int] = []
    apart = [_distance(one, first) for one in maps]
    while len(chosen) < MOST_LOOKS and apart and max(apart) > 0:
        chosen.append(int(np.argmax(apart)))
        latest = maps[chosen[-1]]
        apart = [min(known, _distance(one, latest)) for known, one in zip(apart, maps, strict=True)]
    return chosen


def _distance(one: Picture, other: Picture) -> float:
    """Over how much two frames differ, and how far; 0 where no cell differs by enough."""
    apart = cv2.absdiff(one, other)
    return float(apart.sum()) if apart.max() >= CHANGED else 0.0
