"""What the sandbox model says, in whatever dialect it was asked."""

from __future__ import annotations

import io
from collections.abc import Iterable

from PIL import Image


def said(pictures: Iterable[bytes], question: str) -> str:
    """How many pictures of which size it was shown, and the question."""
    seen = [_size(data) for data in pictures]
    shown = f"I was shown {len(seen)} picture(s): {', '.join(seen)}. " if seen else ""
    return f"{shown}I was asked: {question}"


def _size(data: bytes) -> str:
    with Image.open(io.BytesIO(data)) as picture:
        return f"{picture.format} {picture.width}x{picture.height}"
