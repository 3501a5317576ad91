"""One other way to look at a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.views.ocr.detect import Picture

Plane = npt.NDArray[np.float32]
"""Height x width: one value a pixel."""


@dataclass(frozen=True, slots=True)
class Look:
    """A picture to read, and the method that names what is found there (``ocr:faint``).

    It may have any size: it shows the same scene as the picture that is sent, edge to edge. With
    ``elsewhere`` only places are read where nothing was read before: the rest shows it once more.
    """

    method: str
    picture: Picture
    elsewhere: bool = False


def grey(plane: Plane) -> Picture:
    """A plane as a picture; values are clipped to 0..255."""
    levels = np.clip(plane, 0, 255).astype(np.uint8)
    return np.repeat(levels[:, :, np.newaxis], 3, axis=2)
