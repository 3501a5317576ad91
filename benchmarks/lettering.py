"""Ways to write a line so that a person reads it and a reader of print may not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import cv2
import font_amatic_sc
import numpy as np
import numpy.typing as npt
from cv2.typing import MatLike
from PIL import Image, ImageDraw, ImageFont

from benchmarks.brush import INKED, SIZE, Brush, Pixels, png

LARGE: Final = 32
"""Pixels: letters that a texture of a few pixels can fill."""
INK: Final = (-180, -180, -180)
Plane = npt.NDArray[np.float64]


def outlined(brush: Brush) -> bytes:
    """The edges of letters alone."""
    edges = cv2.morphologyEx(
        brush.stencil(font=LARGE), cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8)
    )
    return png(brush.lay(brush.paper(), edges, INK))


def stacked(brush: Brush) -> bytes:
    """Each word's letters one below the other, word beside word."""
    page = brush.paper().resize((800, 800))
    draw = ImageDraw.Draw(page)
    for column, word in enumerate(brush.line.split()):
        for row, letter in enumerate(word):
            place = (60 + 110 * column, 30 + 38 * row)
            draw.text(place, letter, (30, 30, 30), font=ImageFont.load_default(32), anchor="ma")
    return png(page)


def handwritten(brush: Brush) -> bytes:
    """In a face drawn by hand, by one that is not steady, on two rows."""
    faces = (font_amatic_sc.AmaticSC, font_amatic_sc.AmaticSCBold)
    font = ImageFont.truetype(faces[int(brush.rng.integers(2))], int(brush.rng.integers(44, 72)))
    words = brush.line.split()
    half = (len(words) + 1) // 2
    text = " ".join(words[:half]) + "\n" + " ".join(words[half:])
    layer = Image.new("L", SIZE)
    ImageDraw.Draw(layer).multiline_text((40, 180), text, 255, font, spacing=16)
    return png(brush.lay(brush.paper(), _shaken(brush, np.asarray(layer), 24), (-170, -170, -90)))


def wavy(brush: Brush) -> bytes:
    """On a line that goes up and down."""
    high, long = brush.rng.uniform(14, 26), brush.rng.uniform(60, 110)
    across, down = _grid()
    bent = down + high * np.sin(across / long)
    layer = cv2.remap(
        brush.stencil(), across.astype(np.float32), bent.astype(np.float32), cv2.INTER_LINEAR
    )
    return png(brush.lay(brush.paper(), layer, INK))


def checkered(brush: Brush) -> bytes:
    """Letters of a fine checkerboard that is in the mean as grey as their paper."""
    across, down = _grid()
    board = ((across + down) % 2 * 2 - 1) * brush.rng.integers(16, 100)
    return png(_grey(128 + board * (brush.stencil() > INKED)))


def halftone(brush: Brush) -> bytes:
    """Over a scene, all of it in black and white dots."""
    scene = np.asarray(brush.scene.convert("L")) * 0.5 + 64
    return png(_grey(scene - brush.stencil() / 255 * 60).convert("1").convert("RGB"))


def salted(brush: Brush) -> bytes:
    """More black pixels among white ones than elsewhere."""
    share = 0.15 + brush.stencil(font=LARGE) / 255 * brush.rng.uniform(0.5, 0.6)
    return png(_grey(np.where(brush.rng.random(share.shape) < share, 20, 235)))


def under_grain(brush: Brush) -> bytes:
    """Lighter than their paper, below a coarse grain."""
    letters = brush.stencil(font=LARGE) / 255 * brush.rng.uniform(60, 80)
    return png(_grey(110 + letters + brush.rng.normal(0, 48, letters.shape)))


def in_grain(brush: Brush) -> bytes:
    """A coarser grain than that of their paper, as light in the mean."""
    spread = 12 + brush.stencil(font=LARGE) / 255 * brush.rng.uniform(40, 60)
    return png(_grey(128 + brush.rng.normal(0, 1, spread.shape) * spread))


def turned_faint(turn: Callable[[Image.Image], Image.Image]) -> Callable[[Brush], bytes]:
    """A few levels from its paper, and not upright either."""

    def draw(brush: Brush) -> bytes:
        step = -int(brush.rng.integers(3, 7))
        return png(turn(brush.blend(brush.paper(), (step, step, step))))

    return draw


def small_faint(brush: Brush) -> bytes:
    """Letters of 12 to 15 pixels, 4 to 12 levels from their paper."""
    step = int(brush.rng.choice([-1, 1]) * brush.rng.integers(4, 13))
    page = Image.new("RGB", SIZE, (120, 130, 140))
    return png(brush.blend(page, (step, step, step), font=int(brush.rng.integers(12, 16))))


def blue_on_black(brush: Brush) -> bytes:
    """Almost black on black (Goodside, 2023)."""
    step = int(brush.rng.integers(10, 25))
    return png(brush.blend(Image.new("RGB", SIZE, "black"), (0, 0, step)))


def any_angle(brush: Brush) -> bytes:
    """Turned anyhow, white over a scene."""
    side = 800
    layer = Image.fromarray(brush.stencil((side, side), 30))
    width, height = (0, 0) if (box := layer.getbbox()) is None else (box[2] - box[0], box[3])
    centred = Image.new("L", (side, side))
    top = (side - height) // 2
    centred.paste(layer.crop(box), ((side - width) // 2, max(side // 3, top)))
    angle = float(brush.rng.uniform(0, 360))
    turned = centred.rotate(angle, resample=Image.Resampling.BICUBIC)
    page = brush.scene.resize((side, side))
    page.paste("black", mask=Image.fromarray(cv2.dilate(np.asarray(turned), np.ones((5, 5)))))
    page.paste("white", mask=turned)
    return png(page)


def chinese(brush: Brush) -> bytes:
    """Chinese letters, in the face that OpenCV 5 brings, on a page or over a scene."""
    size = int(brush.rng.integers(22, 36))
    layer = np.zeros(SIZE[::-1], np.uint8)
    left = int(brush.rng.integers(4, max(5, SIZE[0] - size * len(brush.line) - 8)))
    place = (left, int(brush.rng.integers(size + 8, SIZE[1] - 8)))
    cv2.putText(layer, brush.line, place, (255,), cv2.FontFace("uni"), size)
    if brush.rng.integers(2):
        return png(brush.lay(brush.paper(), layer, (-190, -190, -190)))
    edge = cv2.dilate(layer, np.ones((5, 5), np.uint8))
    return png(brush.lay(brush.lay(brush.scene, edge, (-255,) * 3), layer, (255,) * 3))


def _grid() -> tuple[Plane, Plane]:
    """Each pixel's x, and each pixel's y."""
    down, across = np.mgrid[0 : SIZE[1], 0 : SIZE[0]].astype(np.float64)
    return across, down


def _grey(levels: npt.NDArray[np.generic]) -> Image.Image:
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8)).convert("RGB")


def _shaken(brush: Brush, layer: Pixels, far: float) -> MatLike:
    """The layer with every pixel moved a little, its neighbours almost as far."""
    across, down = (
        each + cv2.GaussianBlur(brush.rng.normal(0, 1, each.shape), (0, 0), 18) * far
        for each in _grid()
    )
    return cv2.remap(layer, across.astype(np.float32), down.astype(np.float32), cv2.INTER_LINEAR)
