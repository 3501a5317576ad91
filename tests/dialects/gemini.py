from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence

from service.providers import gemini
from service.providers.base import Provider
from service.providers.sse import Event
from tests.dialects.dialect import TOOL, Dialect, Object, Speech, Voice, spelt


class Gemini(Dialect):
    """Calls of tools come whole. Nothing but the end of the stream ends one."""

    name = "gemini"
    mixes = True
    grows = False

    def provider(self, *, stream: bool = False) -> Provider:
        return gemini.Gemini(stream=stream).called("m", "?alt=sse" if stream else "")

    def path(self, *, stream: bool = False) -> str:
        asked = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return f"/v1beta/models/m:{asked}"

    def body(self, turns: Sequence[Object], *, stream: bool = False) -> Object:  # noqa: ARG002 - the path says so
        return {"contents": list(turns)}

    def text(self, words: str) -> Object:
        return {"text": words}

    def user(self, *parts: Object) -> list[Object]:
        return [{"role": "user", "parts": list(parts)}]

    def picture(self, data: bytes, kind: str = "image/png") -> Object:
        return {"inlineData": {"mimeType": kind, "data": b64encode(data).decode()}}

    def linked(self, url: str) -> Object:
        return {"fileData": {"mimeType": "image/png", "fileUri": url}}

    def model(self, words: str) -> list[Object]:
        return [{"role": "model", "parts": [self.text(words)]}]

    def called(self, arguments: Object) -> list[Object]:
        return [{"role": "model", "parts": [{"functionCall": {"name": TOOL, "args": arguments}}]}]

    def brought(self, *parts: Object) -> list[Object]:
        """Texts stand in its response, pictures beside it."""
        texts = [part["text"] for part in parts if "text" in part]
        shown = [part for part in parts if "text" not in part]
        result: Object = {"name": TOOL, "response": {"found": texts}}
        return self.user({"functionResponse": {**result, **({"parts": shown} if shown else {})}})

    def answer(self, *said: Voice) -> Object:
        candidates = [
            {"index": index, **_content([voice.words], voice), "finishReason": "STOP"}
            for index, voice in enumerate(said)
        ]
        return {"candidates": candidates, "modelVersion": "m"}

    def speech(self, *said: Voice) -> Speech:
        voices = []
        for index, voice in enumerate(said):
            pieces = [voice.words] if voice.kind == "call" else voice.pieces
            chunks = [_chunk(index, **_content([piece], voice)) for piece in pieces]
            voices.append([*chunks, _chunk(index, finishReason="STOP")])
        return Speech([], voices, [])


def _content(pieces: Sequence[str], voice: Voice) -> Object:
    thought: Object = {"thought": True} if voice.kind == "thought" else {}
    parts: list[Object] = [{"text": piece, **thought} for piece in pieces]
    if voice.kind == "call":
        parts = [{"functionCall": {"name": TOOL, "args": json.loads(piece)}} for piece in pieces]
    return {"content": {"role": "model", "parts": parts}}


def _chunk(index: int, **candidate: object) -> Event:
    return spelt({"candidates": [{"index": index, **candidate}], "modelVersion": "m"})
