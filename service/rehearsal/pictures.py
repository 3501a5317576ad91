"""Draws the picture that a case asks for."""

from __future__ import annotations

import textwrap
from io import BytesIO
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from service.policy.case_file import CasePicture

SIZE: Final = (960, 640)
FONT: Final = 36
MOST_LETTERS: Final = 44
"""In a line: longer ones are broken, so that they stay on the picture."""
_SKY: Final = ((96, 140, 200), (214, 226, 240))
_LAND: Final = ((96, 128, 84), (52, 74, 48))


def draw(picture: CasePicture) -> bytes:
    """The picture as PNG, the same for ever: its text in the middle, over several lines."""
    image = _landscape() if picture.on == "photo" else Image.new("RGB", SIZE, "white")
    on_photo = picture.on == "photo"
    lines = [row for line in picture.text.splitlines() for row in textwrap.wrap(line, MOST_LETTERS)]
    ImageDraw.Draw(image).multiline_text(
        (SIZE[0] // 2, SIZE[1] // 2),
        "\n".join(lines),
        font=ImageFont.load_default(FONT),
        fill="white" if on_photo else "black",
        anchor="mm",
        align="center",
        spacing=FONT // 2,
        stroke_width=2 if on_photo else 0,
        stroke_fill="black",
    )
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _landscape() -> Image.Image:
    """Hills under a sky, in soft steps."""
    width, height = SIZE
    scene = Image.new("RGB", SIZE)
    brush = ImageDraw.Draw(scene)
    for (top, bottom), start, end in ((_SKY, 0, height // 2), (_LAND, height // 2, height)):
        for row in range(start, end):
            part = (row - start) / (end - start)
            shade = tuple(round(a + (b - a) * part) for a, b in zip(top, bottom, strict=True))
            brush.line([(0, row), (width, row)], fill=shade)
    brush.ellipse([-200, 260, 460, 460], fill=_LAND[0])
    brush.ellipse([380, 285, 1160, 480], fill=_LAND[0])
    return scene
