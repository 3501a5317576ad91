from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from service.providers.base import Provider
from service.providers.openai_chat import OpenAIChat
from service.providers.sse import Event
from tests.dialects.dialect import TOOL, Dialect, Object, Speech, Voice, spelt

CALL = {"id": "c", "type": "function"}


def _message(voice: Voice) -> Object:
    said = {"role": "assistant", "content": None}
    if voice.kind == "call":
        function = {"name": TOOL, "arguments": voice.words}
        return {**said, "tool_calls": [{**CALL, "function": function}]}
    return {**said, "reasoning_content" if voice.kind == "thought" else "content": voice.words}


def _deltas(voice: Voice) -> list[Object]:
    begun: Object = {"role": "assistant"}
    if voice.kind != "call":
        field = "reasoning_content" if voice.kind == "thought" else "content"
        return [begun, *({field: piece} for piece in voice.pieces)]
    head = {"index": 0, **CALL, "function": {"name": TOOL, "arguments": ""}}
    grown = [{"index": 0, "function": {"arguments": piece}} for piece in voice.pieces]
    return [begun, *({"tool_calls": [call]} for call in [head, *grown])]


class Chat(Dialect):
    name = "openai_chat"
    mixes = True

    def provider(self, *, stream: bool = False) -> Provider:  # noqa: ARG002 - the same for both
        return OpenAIChat()

    def path(self, *, stream: bool = False) -> str:  # noqa: ARG002 - the same for both
        return "/v1/chat/completions"

    def body(self, turns: Sequence[Object], *, stream: bool = False) -> Object:
        return {"model": "m", "messages": list(turns), **({"stream": True} if stream else {})}

    def text(self, words: str) -> Object:
        return {"type": "text", "text": words}

    def user(self, *parts: Object) -> list[Object]:
        return [{"role": "user", "content": list(parts)}]

    def picture(self, data: bytes, kind: str = "image/png") -> Object:
        return self.linked(f"data:{kind};base64,{b64encode(data).decode()}")

    def linked(self, url: str) -> Object:
        return {"type": "image_url", "image_url": {"url": url}}

    def model(self, words: str) -> list[Object]:
        return [{"role": "assistant", "content": words}]

    def called(self, arguments: Object) -> list[Object]:
        return [_message(Voice([json.dumps(arguments)], "call"))]

    def brought(self, *parts: Object) -> list[Object]:
        return [{"role": "tool", "tool_call_id": "c", "content": list(parts)}]

    def answer(self, *said: Voice) -> Object:
        choices = [
            {"index": index, "message": _message(voice), "finish_reason": "stop"}
            for index, voice in enumerate(said)
        ]
        return {
            "id": "c-1",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": choices,
        }

    def speech(self, *said: Voice) -> Speech:
        voices = [
            [
                *(_chunk(index, delta) for delta in _deltas(voice)),
                _chunk(index, {}, "tool_calls" if voice.kind == "call" else "stop"),
            ]
            for index, voice in enumerate(said)
        ]
        return Speech([], voices, [Event("[DONE]")])


def _chunk(index: int, delta: Any, reason: str | None = None) -> Event:  # noqa: ANN401 - JSON
    head = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return spelt({**head, "choices": [{"index": index, "delta": delta, "finish_reason": reason}]})
