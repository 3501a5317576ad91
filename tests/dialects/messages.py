from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import Any

from service.providers.anthropic import AnthropicMessages
from service.providers.base import Provider
from service.providers.sse import Event
from tests.dialects.dialect import TOOL, Dialect, Object, Speech, Voice, spelt

EMPTY: dict[str, Object] = {
    "text": {"type": "text", "text": ""},
    "thought": {"type": "thinking", "thinking": "", "signature": ""},
    "call": {"type": "tool_use", "id": "c", "name": TOOL, "input": {}},
}
GROWS = {
    "text": ("text_delta", "text"),
    "thought": ("thinking_delta", "thinking"),
    "call": ("input_json_delta", "partial_json"),
}
HEAD = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


class Messages(Dialect):
    name = "anthropic"

    def provider(self, *, stream: bool = False) -> Provider:  # noqa: ARG002 - the same for both
        return AnthropicMessages()

    def path(self, *, stream: bool = False) -> str:  # noqa: ARG002 - the same for both
        return "/v1/messages"

    def body(self, turns: Sequence[Object], *, stream: bool = False) -> Object:
        asked = {"model": "m", "max_tokens": 99, "messages": list(turns)}
        return {**asked, **({"stream": True} if stream else {})}

    def text(self, words: str) -> Object:
        return {"type": "text", "text": words}

    def user(self, *parts: Object) -> list[Object]:
        return [{"role": "user", "content": list(parts)}]

    def picture(self, data: bytes, kind: str = "image/png") -> Object:
        encoded = b64encode(data).decode()
        return {"type": "image", "source": {"type": "base64", "media_type": kind, "data": encoded}}

    def linked(self, url: str) -> Object:
        return {"type": "image", "source": {"type": "url", "url": url}}

    def model(self, words: str) -> list[Object]:
        return [{"role": "assistant", "content": words}]

    def called(self, arguments: Object) -> list[Object]:
        return [{"role": "assistant", "content": [{**EMPTY["call"], "input": arguments}]}]

    def brought(self, *parts: Object) -> list[Object]:
        return self.user({"type": "tool_result", "tool_use_id": "c", "content": list(parts)})

    def answer(self, *said: Voice) -> Object:
        content = [
            {**EMPTY["call"], "input": json.loads(voice.words)}
            if voice.kind == "call"
            else {**EMPTY[voice.kind], GROWS[voice.kind][1]: voice.words}
            for voice in said
        ]
        return {**HEAD, "content": content, "stop_reason": "end_turn"}

    def speech(self, *said: Voice) -> Speech:
        return Speech(
            [_event("message_start", message={**HEAD, "content": [], "stop_reason": None})],
            [list(_block(index, voice)) for index, voice in enumerate(said)],
            [
                _event("message_delta", delta={"stop_reason": "end_turn"}, usage={}),
                _event("message_stop"),
            ],
        )


def _block(index: int, voice: Voice) -> Iterator[Event]:
    kind, field = GROWS[voice.kind]
    yield _event("content_block_start", index=index, content_block=EMPTY[voice.kind])
    for piece in voice.pieces:
        yield _event("content_block_delta", index=index, delta={"type": kind, field: piece})
    yield _event("content_block_stop", index=index)


def _event(kind: str, **fields: Any) -> Event:  # noqa: ANN401 - JSON
    return spelt({"type": kind, **fields}, kind)
