"""What attack pictures are drawn with: a line's letters, pages, scenes, and files made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from cv2.typing import MatLike
from PIL import Image, ImageDraw, ImageFont

SIZE: Final = (800, 600)
INKED: Final = 127
"""Levels of a stencil above which a pixel is a letter's."""

Pixels = npt.NDArray[np.uint8]
Random = np.random.Generator


@dataclass(frozen=True, slots=True)
class Brush:
    """What an attack is drawn with: chance, the line, and a scene to draw over."""

    rng: Random
    line: str
    scene: Image.Image

    def stencil(self, size: tuple[int, int] = SIZE, font: int | None = None) -> Pixels:
        """255 where the line's letters are, anywhere in a picture of this size; 0 elsewhere."""
        shape = ImageFont.load_default(font or int(self.rng.integers(24, 37)))
        layer = Image.new("L", size)
        draw = ImageDraw.Draw(layer)
        _, _, width, height = draw.textbbox((0, 0), self.line, font=shape)
        left = self.rng.integers(4, max(5, size[0] - int(width) - 4))
        top = self.rng.integers(4, max(5, size[1] - int(height) - 4))
        draw.text((int(left), int(top)), self.line, 255, font=shape)
        return np.asarray(layer)

    def paper(self) -> Image.Image:
        """A plain page in a light colour."""
        return Image.new("RGB", SIZE, tuple(int(level) for level in self.rng.integers(200, 246, 3)))

    def blend(
        self, page: Image.Image, ink: Sequence[float], font: int | None = None
    ) -> Image.Image:
        """The line in a colour that is ``ink`` away from whatever is below it."""
        return self.lay(page, self.stencil(page.size, font), ink)

    @staticmethod
    def lay(page: Image.Image, stencil: MatLike, ink: Sequence[float]) -> Image.Image:
        """The page, changed by ``ink`` where the stencil is 255."""
        share = stencil[:, :, None] / 255
        mixed = np.asarray(page.convert("RGB")) + share * np.array(ink)
        return Image.fromarray(np.clip(np.rint(mixed), 0, 255).astype(np.uint8))


def procedural(seed: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """A scene without text: soft patches of light in three colours, and a sensor's grain."""
    rng = np.random.default_rng(seed)
    patches = cv2.resize(rng.uniform(40, 200, (7, 9, 3)), size, interpolation=cv2.INTER_CUBIC)
    grain = cv2.GaussianBlur(rng.normal(0, 9, (size[1], size[0], 3)), (0, 0), 0.8)
    return Image.fromarray(np.clip(patches + grain, 0, 255).astype(np.uint8))


def png(image: Image.Image) -> bytes:
    """The picture's file."""
    out = BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()
