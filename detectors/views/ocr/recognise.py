"""Reads one line of text: PP-OCRv6's recogniser and greedy CTC decoding."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from detectors.views.ocr.detect import Network, Picture, Quad

HEIGHT = 48
"""Pixels: every line is brought to this height before it is read."""

WIDTH_STEP = 32
"""Widths are filled up to multiples of this, so that few input shapes occur."""

SHORTEST, LONGEST = 64, 3200
"""Pixels. A line that would be wider at 48 px height is squeezed to ``LONGEST``."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a line says, how surely (mean probability of its characters), and where it stands."""

    text: str
    score: float
    quad: Quad

    @property
    def size(self) -> tuple[float, float]:
        """Width along the line, and height, in pixels."""
        sides = np.linalg.norm(self.quad[[1, 3]] - self.quad[0], axis=1)
        return float(sides[0]), float(sides[1])


def recognise(network: Network, alphabet: tuple[str, ...], picture: Picture, quad: Quad) -> Reading:
    """Reads the line that stands in ``quad``, from its first corner towards its second."""
    line = straighten(picture, quad)
    height, width = line.shape[:2]
    scaled = min(LONGEST, max(1, round(width * HEIGHT / height)))
    line = cv2.resize(line, (scaled, HEIGHT))
    filled = max(SHORTEST, -(-scaled // WIDTH_STEP) * WIDTH_STEP)
    tensor = np.zeros((1, 3, HEIGHT, filled), dtype=np.float32)
    tensor[0, :, :, :scaled] = line.transpose(2, 0, 1) / np.float32(127.5) - 1
    text, score = decode_steps(network(tensor)[0], alphabet)
    return Reading(text, score, quad)


def straighten(picture: Picture, quad: Quad) -> Picture:
    """The line alone, from its first corner towards its second, as a picture of its own."""
    width = max(np.linalg.norm(quad[1] - quad[0]), np.linalg.norm(quad[2] - quad[3]))
    height = max(np.linalg.norm(quad[3] - quad[0]), np.linalg.norm(quad[2] - quad[1]))
    size = (max(1, int(width)), max(1, int(height)))
    corners = np.array([[0, 0], [size[0], 0], size, [0, size[1]]], dtype=np.float32)
    return cv2.warpPerspective(
        picture,
        cv2.getPerspectiveTransform(quad, corners),
        size,
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )


def decode_steps(probability: np.ndarray, alphabet: tuple[str, ...]) -> tuple[str, float]:
    """Greedy CTC over steps x classes: drop repeats, then blanks (the first class).

    Spaces (the last class) read surely in any noise: they add nothing to the score, and where
    they outnumber the letters they lower it.
    """
    best = probability.argmax(axis=1)
    first = np.append(True, best[1:] != best[:-1])
    steps = np.flatnonzero(first & (best != 0))
    letters = steps[best[steps] != len(alphabet) - 1]
    if not len(letters):
        return "", 0.0
    text = "".join(alphabet[best[step]] for step in steps)
    sure = float(probability[letters, best[letters]].sum())
    return text, sure / max(len(letters), len(steps) - len(letters))
