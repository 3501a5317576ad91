"""Messages as clients write them."""

from __future__ import annotations

from base64 import b64encode
from typing import Any


def picture(data: bytes, kind: str = "image/png", **more: str) -> dict[str, Any]:
    """A picture's content part."""
    url = f"data:{kind};base64,{b64encode(data).decode()}"
    return {"type": "image_url", "image_url": {"url": url, **more}}


def asked(text: str, *parts: dict[str, Any]) -> list[Any]:
    """One user message: a question, and what stands beside it."""
    if not parts:
        return [{"role": "user", "content": text}]
    return [{"role": "user", "content": [{"type": "text", "text": text}, *parts]}]
