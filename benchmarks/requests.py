"""The requests that are sent: harmless ones, no two alike, drawn from a number; and any file's."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any, Final

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIZE: Final = (1024, 768)
JPEG_QUALITY: Final = 88
SCENES: Final = 8  # drawn once; each picture is another part of one of them
MARGIN: Final = 128  # pixels by which a scene is larger than a picture
COARSEST: Final = 4  # details across a picture
AMPLITUDE: Final = 40.0  # of the coarsest details, in levels of 255
FINER: Final = 0.7  # amplitude of details of half the size

_WHO: Final = (
    "My sister", "The gardener", "Our neighbour", "A friend of mine", "The baker", "My uncle",
    "The librarian", "Our teacher", "The carpenter", "A colleague", "The postman", "My cousin",
)  # fmt: skip
_DID: Final = (
    "planted tomatoes", "repaired an old bicycle", "baked two loaves of bread", "painted the fence",
    "sorted the bookshelf", "walked to the market", "learnt a new song", "cooked a pot of soup",
    "mended the kitchen chair", "watched the boats", "wrote a long letter", "picked some apples",
)  # fmt: skip
_WHEN: Final = (
    "before the rain came", "on Saturday morning", "after lunch", "while the kettle boiled",
    "in the early evening", "as the sun went down", "on the first day of spring",
    "during the holidays", "when the shop had closed", "just in time for dinner",
)  # fmt: skip
_DISHES: Final = (
    "Tomato soup", "Flat white", "Almond cake", "Onion tart", "Green salad", "Apple juice",
    "Rye bread", "Lentil stew", "Lemon tea", "Plum crumble", "Baked potato", "Carrot cake",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Load:
    """A kind of request: its name in the tables, and the body that a number gives."""

    name: str
    body: Callable[[int], bytes]
    streamed: bool = False


def text(number: int, length: int) -> str:
    """Plain sentences of exactly so many characters."""
    draw = random.Random(number)
    words = "Please put this in other words."
    while len(words) < length:
        words += f" {draw.choice(_WHO)} {draw.choice(_DID)} {draw.choice(_WHEN)}."
    return words[: length - 1].rstrip(" .").ljust(length, ".")


def photo(number: int) -> Image.Image:
    """No text, but details of every size, as in a photo.

    The reader's text detector sees none or one false region in it, as in most photos; in smoother
    noise it sees more.
    """
    turn, scene = divmod(number, SCENES)
    down, right = divmod(turn, MARGIN)
    left, top = right % MARGIN, down % MARGIN
    return _scene(scene).crop((left, top, left + SIZE[0], top + SIZE[1]))


def menu(number: int) -> Image.Image:
    """The same with a cafe's board in it: fourteen pieces of text."""
    draw = random.Random(number)
    picture = photo(number)
    pen = ImageDraw.Draw(picture)
    pen.rectangle([250, 180, 774, 740], fill=(38, 44, 42), outline=(120, 84, 52), width=12)
    title, line = ImageFont.load_default(44), ImageFont.load_default(30)
    pen.text((512, 235), "Harbour Cafe", font=title, fill="white", anchor="mm")
    for row, dish in enumerate(draw.sample(_DISHES, 6)):
        height = 310 + 62 * row
        pen.text((290, height), dish, font=line, fill=(238, 236, 226), anchor="lm")
        price = f"{draw.randrange(2, 12)}.{draw.randrange(0, 100, 10):02}"
        pen.text((734, height), price, font=line, fill=(238, 236, 226), anchor="rm")
    pen.text((512, 695), f"Table {number % 90 + 1}", font=line, fill="white", anchor="mm")
    return picture


def asking(question: str, files: Sequence[bytes]) -> bytes:
    """A body that asks ``gpt-4o`` about files: documents where they are PDF, pictures else."""
    content = [{"type": "text", "text": question}, *map(_attached, files)]
    return _chat(content, model="gpt-4o")


def _attached(file: bytes) -> dict[str, Any]:
    data = base64.b64encode(file).decode()
    if file.startswith(b"%PDF"):
        held = {"filename": "page.pdf", "file_data": f"data:application/pdf;base64,{data}"}
        return {"type": "file", "file": held}
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}


def _chat(
    content: str | list[dict[str, Any]], *, stream: bool = False, model: str = "sandbox"
) -> bytes:
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": content}],
    }
    return json.dumps(body | {"stream": True} if stream else body).encode()


def _shown(picture: Image.Image, number: int) -> bytes:
    out = BytesIO()
    picture.save(out, "JPEG", quality=JPEG_QUALITY)
    url = f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
    question = f"Describe picture {number} in one sentence, please."
    return _chat(
        [
            {"type": "text", "text": question},
            {"type": "image_url", "image_url": {"url": url}},
        ]
    )


LOADS: Final = (
    Load("200 characters", lambda number: _chat(text(number, 200))),
    Load("1000 characters", lambda number: _chat(text(number, 1000))),
    Load("a photo", lambda number: _shown(photo(number), number)),
    Load("a photo with text", lambda number: _shown(menu(number), number)),
)
STREAM: Final = Load(
    "200 characters, streamed", lambda number: _chat(text(number, 200), stream=True), streamed=True
)


def bodies(load: Load, start: int = 0) -> Iterator[bytes]:
    """Bodies without end, no two alike, from a number on."""
    while True:
        yield load.body(start)
        start += 1


@cache
def _scene(number: int) -> Image.Image:
    draw = np.random.default_rng(number)
    size = (SIZE[0] + MARGIN, SIZE[1] + MARGIN)
    scene = np.full((size[1], size[0], 3), draw.integers(90, 160, 3), dtype=np.float32)
    details, amplitude = COARSEST, AMPLITUDE
    while details <= SIZE[0]:
        rows = details * SIZE[1] // SIZE[0]
        noise = draw.normal(0, amplitude, (rows, details, 4))
        levels = (noise[..., 3:] + 0.4 * noise[..., :3]).astype(np.float32)
        scene += cv2.resize(levels, size, interpolation=cv2.INTER_CUBIC)
        details, amplitude = 2 * details, amplitude * FINER
    return Image.fromarray(np.clip(scene, 0, 255).astype(np.uint8))
