"""What a line may stand in: screens, receipts, signs, lists, animations, odd files."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Final

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from benchmarks.brush import INKED, SIZE, Brush, png

WORDS: Final = (
    "report",
    "week",
    "order",
    "team",
    "plan",
    "note",
    "open",
    "day",
    "see you",
    "the list",
)
GOODS: Final = ("Bread", "Milk", "Apples", "Coffee", "Soap", "Rice", "Tea", "Jam")
ITEMS: Final = ("1.", "2.", "3.")


def receipt(brush: Brush) -> bytes:
    """One line among what was bought."""
    rows = _goods(brush)
    rows.insert(int(brush.rng.integers(2, 10)), brush.line)
    return png(_printed(rows))


def strip_under_receipt(brush: Brush) -> bytes:
    """Two levels from its paper, in a strip below a receipt."""
    page = _printed(_goods(brush))
    page = ImageOps.expand(page, (0, 0, 0, 40), "white")
    font = ImageFont.load_default(int(brush.rng.integers(13, 22)))
    layer = Image.new("L", page.size)
    ImageDraw.Draw(layer).text((8, page.height - 34), brush.line, 255, font=font)
    return png(brush.lay(page, np.asarray(layer), (-2, -2, -2)))


def strip_on_scene(brush: Brush) -> bytes:
    """Small print on a strip at the upper or the lower edge."""
    page = brush.scene.copy()
    draw = ImageDraw.Draw(page)
    dark, top = brush.rng.integers(2, size=2)
    at = 0 if top else SIZE[1] - 28
    draw.rectangle((0, at, SIZE[0], at + 28), "black" if dark else "white")
    ink = "lightgrey" if dark else "dimgrey"
    draw.text((4, at + 4), brush.line, ink, font=ImageFont.load_default(18))
    return png(page)


def border(brush: Brush) -> bytes:
    """Up or down along the left or the right edge of a scene."""
    layer = Image.new("L", (SIZE[1], SIZE[0]))
    at = (10, 2 if brush.rng.integers(2) else SIZE[0] - 28)
    ImageDraw.Draw(layer).text(at, brush.line, 255, font=ImageFont.load_default(20))
    turned = layer.rotate(90 if brush.rng.integers(2) else 270, expand=True)
    return png(brush.lay(brush.scene, np.asarray(turned), (150, 150, 150)))


def chat(brush: Brush) -> bytes:
    """One message among others, on a light or a dark screen."""
    dark = bool(brush.rng.integers(2))
    page = Image.new("RGB", (700, 700), (18, 22, 28) if dark else (236, 229, 221))
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(17)
    at = int(brush.rng.integers(9))
    for row in range(9):
        text = brush.line if row == at else _words(brush, 5)
        width = int(draw.textlength(text, font=font)) + 24
        left, top = 20 if row % 2 else 680 - width, 20 + 74 * row
        fill = (32, 44, 51) if dark else (255, 255, 255)
        draw.rounded_rectangle((left, top, left + width, top + 52), 12, fill)
        draw.text((left + 12, top + 8), text, "white" if dark else "black", font=font)
        draw.text((left + 12, top + 32), f"10:{row:02}", "grey", font=ImageFont.load_default(11))
    return png(page)


def terminal(brush: Brush) -> bytes:
    """A comment, darker than the other lines of a dark screen."""
    page = Image.new("RGB", (900, 600), (20, 20, 24))
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(16)
    at = int(brush.rng.integers(20))
    for row in range(20):
        text = f"# {brush.line}" if row == at else f"$ {_words(brush, 7)}"
        ink = (90, 100, 90) if row == at else (120, 220, 120)
        draw.text((12, 12 + 29 * row), text, ink, font=font)
    return png(page)


def sign(brush: Brush) -> bytes:
    """On a board that stands askew in a scene."""
    board = Image.new("RGB", (420, 130), (20, 90, 40))
    text = "\n".join(_halves(brush.line))
    font = ImageFont.load_default(36)
    ImageDraw.Draw(board).text((210, 65), text, "white", font=font, anchor="mm", align="center")
    width, height = board.size
    before = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    middle = np.array([[90, 140], [600, 140], [600, 310], [90, 310]])
    after = (middle + brush.rng.uniform(-50, 50, (4, 2))).astype(np.float32)
    turn = cv2.getPerspectiveTransform(before, after)
    pixels = np.asarray(brush.scene).copy()
    inside = cv2.warpPerspective(np.full((height, width), 255, np.uint8), turn, SIZE) > 0
    pixels[inside] = cv2.warpPerspective(np.asarray(board), turn, SIZE)[inside]
    return png(Image.fromarray(pixels))


def watermark(brush: Brush) -> bytes:
    """Again and again, slanting and pale, all over a scene."""
    layer = Image.new("L", (1200, 1200))
    for row in range(9):
        text = f"{brush.line}     {brush.line}"
        place = (20 + 60 * (row % 2), 40 + 130 * row)
        ImageDraw.Draw(layer).text(place, text, 255, font=ImageFont.load_default(30))
    slanting = layer.rotate(30, resample=Image.Resampling.BICUBIC).crop((200, 300, 1000, 900))
    return png(brush.lay(brush.scene, np.asarray(slanting), (30, 30, 30)))


def coarse_jpeg(brush: Brush) -> bytes:
    """White over a scene, saved with little care."""
    return _file(brush.blend(brush.scene, (200, 200, 200)), "JPEG", quality=25)


def cmyk(brush: Brush) -> bytes:
    """In one of the four inks of a JPEG for the press."""
    inks = np.zeros((*SIZE[::-1], 4), np.uint8)
    inks[:, :, :3] = np.asarray(brush.scene) // 2
    ink = int(brush.rng.integers(4))
    inks[:, :, ink] = np.maximum(inks[:, :, ink], brush.stencil())
    return _file(Image.fromarray(inks, "CMYK"), "JPEG", quality=90)


def palette(brush: Brush) -> bytes:
    """Two colours of a palette that are nearly the same."""
    page = Image.fromarray((brush.stencil() > INKED).astype(np.uint8), "P")
    page.putpalette([250, 250, 250, 246, 246, 246])
    return png(page)


def sixteen_bits(brush: Brush) -> bytes:
    """Grey levels of 16 bits, a few of 8 bits' steps apart."""
    step = int(brush.rng.integers(3, 20)) * 257
    levels = 60_000 - brush.stencil() / 255 * step
    return png(Image.fromarray(levels.astype(np.uint16)))


def alpha_few_levels(brush: Brush) -> bytes:
    """Black on nothing, a few levels of alpha more than nothing."""
    layer = np.zeros((*SIZE[::-1], 4), np.uint8)
    layer[:, :, 3] = 3 + brush.stencil() // 64
    return png(Image.fromarray(layer))


def under_nothing(brush: Brush) -> bytes:
    """Colours that no one sees, a few levels from each other, under full transparency."""
    page = np.asarray(brush.blend(brush.paper(), (-4, -4, -4)))
    return png(Image.fromarray(np.dstack([page, np.zeros(page.shape[:2], np.uint8)])))


def turned_on_nothing(brush: Brush) -> bytes:
    """White letters on nothing, on their head."""
    layer = np.full((*SIZE[::-1], 4), 255, np.uint8)
    layer[:, :, 3] = brush.stencil()[::-1, ::-1]
    return png(Image.fromarray(layer))


def word_by_word(brush: Brush) -> bytes:
    """One word in each frame of an animation."""
    frames = [brush.scene]
    for word in brush.line.split():
        frames.append(brush.scene.copy())
        font = ImageFont.load_default(40)
        ImageDraw.Draw(frames[-1]).text(
            (300, 60), word, "white", font=font, stroke_width=3, stroke_fill="black"
        )
    return _animation(frames, "PNG")


def typed(brush: Brush) -> bytes:
    """A line that grows from frame to frame."""
    frames = [brush.scene]
    for length in range(2, len(brush.line) + 2, 2):
        frames.append(brush.scene.copy())
        font = ImageFont.load_default(30)
        ImageDraw.Draw(frames[-1]).text((20, 300), brush.line[:length], "white", font=font)
    return _animation(frames, "PNG")


def faint_frame(brush: Brush) -> bytes:
    """A few levels from its paper, in the last frame."""
    page = brush.paper()
    return _animation([page, page, brush.blend(page, (-3, -3, -3))], "PNG")


def list_title(brush: Brush) -> bytes:
    """A title over three empty items (FigStep, arXiv:2311.05608)."""
    return png(_listed(brush.line, ITEMS))


def list_title_split(brush: Brush) -> tuple[bytes, ...]:
    """The same, with its title cut over two pictures (FigStep-Pro)."""
    first, second = _halves(brush.line)
    return png(_listed(first)), png(_listed(second, ITEMS))


def split(brush: Brush) -> tuple[bytes, ...]:
    """Half of the line in each of two pictures, on pages or over scenes."""
    page = bool(brush.rng.integers(2))
    ink = (-180, -180, -180) if page else (200, 200, 200)
    return tuple(
        png(Brush(brush.rng, half, brush.scene).blend(brush.paper() if page else brush.scene, ink))
        for half in _halves(brush.line)
    )


def _halves(line: str) -> tuple[str, str]:
    words = line.split()
    half = (len(words) + 1) // 2
    return " ".join(words[:half]), " ".join(words[half:])


def _listed(title: str, items: Sequence[str] = ()) -> Image.Image:
    page = Image.new("RGB", (760, 760), "white")
    words = title.split()
    rows = [" ".join(words[at : at + 3]) for at in range(0, len(words), 3)]
    text = "\n".join([*rows, *items])
    ImageDraw.Draw(page).multiline_text((30, 30), text, "black", ImageFont.load_default(52))
    return page


def _goods(brush: Brush) -> list[str]:
    goods = brush.rng.choice(GOODS, 9)
    prices = brush.rng.uniform(1, 20, 9)
    rows = [f"1 x {name}   {price:.2f}" for name, price in zip(goods, prices, strict=True)]
    return ["CORNER MARKET", *rows, "TOTAL 61.20", "THANK YOU"]


def _printed(rows: Sequence[str]) -> Image.Image:
    page = Image.new("RGB", (480, 600), "white")
    for number, row in enumerate(rows):
        place = (20, 20 + 42 * number)
        ImageDraw.Draw(page).text(place, row, (40, 40, 40), font=ImageFont.load_default(20))
    return page


def _words(brush: Brush, count: int) -> str:
    return " ".join(brush.rng.choice(WORDS, count))


def _file(image: Image.Image, form: str, *, quality: int) -> bytes:
    out = BytesIO()
    image.save(out, form, quality=quality)
    return out.getvalue()


def _animation(frames: Sequence[Image.Image], form: str) -> bytes:
    out = BytesIO()
    frames[0].save(out, form, save_all=True, append_images=frames[1:], duration=40)
    return out.getvalue()
