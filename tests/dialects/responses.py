from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from service.providers.base import Provider
from service.providers.openai_responses import OpenAIResponses
from service.providers.sse import Event
from tests.dialects.dialect import TOOL, Dialect, Kind, Object, Speech, Voice, spelt

PART: Object = {"type": "output_text", "annotations": [], "logprobs": []}
EMPTY: dict[Kind, Object] = {
    "text": {"type": "message", "status": "in_progress", "role": "assistant", "content": []},
    "thought": {"type": "reasoning", "summary": []},
    "call": {
        "type": "function_call",
        "status": "in_progress",
        "call_id": "c",
        "name": TOOL,
        "arguments": "",
    },
}


def _item(index: int, voice: Voice) -> Object:
    filled: dict[Kind, Object] = {
        "text": {"content": [{**PART, "text": voice.words}], "status": "completed"},
        "thought": {"summary": [{"type": "summary_text", "text": voice.words}]},
        "call": {"arguments": voice.words, "status": "completed"},
    }
    return {"id": f"i{index}", **EMPTY[voice.kind], **filled[voice.kind]}


def _response(status: str, output: Sequence[Object]) -> Object:
    return {
        "id": "r",
        "object": "response",
        "created_at": 1,
        "model": "m",
        "status": status,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "output": list(output),
    }


class Responses(Dialect):
    name = "openai_responses"

    def provider(self, *, stream: bool = False) -> Provider:  # noqa: ARG002 - the same for both
        return OpenAIResponses()

    def path(self, *, stream: bool = False) -> str:  # noqa: ARG002 - the same for both
        return "/v1/responses"

    def body(self, turns: Sequence[Object], *, stream: bool = False) -> Object:
        return {"model": "m", "input": list(turns), **({"stream": True} if stream else {})}

    def text(self, words: str) -> Object:
        return {"type": "input_text", "text": words}

    def user(self, *parts: Object) -> list[Object]:
        return [{"role": "user", "content": list(parts)}]

    def picture(self, data: bytes, kind: str = "image/png") -> Object:
        return self.linked(f"data:{kind};base64,{b64encode(data).decode()}")

    def linked(self, url: str) -> Object:
        return {"type": "input_image", "image_url": url}

    def model(self, words: str) -> list[Object]:
        return [_item(0, Voice([words]))]

    def called(self, arguments: Object) -> list[Object]:
        return [_item(0, Voice([json.dumps(arguments)], "call"))]

    def brought(self, *parts: Object) -> list[Object]:
        return [{"type": "function_call_output", "call_id": "c", "output": list(parts)}]

    def answer(self, *said: Voice) -> Object:
        return _response("completed", [_item(index, voice) for index, voice in enumerate(said)])

    def speech(self, *said: Voice) -> Speech:
        counted = _Counted()
        opening = [counted.say("created", response=_response("in_progress", []))]
        voices = [counted.spoken(index, voice) for index, voice in enumerate(said)]
        closing = [counted.say("completed", response=self.answer(*said))]
        return Speech(opening, voices, closing)


class _Counted:
    """Events with their numbers."""

    def __init__(self) -> None:
        self._next = 0

    def say(self, kind: str, **fields: Any) -> Event:  # noqa: ANN401 - JSON
        named = f"response.{kind}"
        self._next += 1
        return spelt({"type": named, "sequence_number": self._next - 1, **fields}, named)

    def spoken(self, index: int, voice: Voice) -> list[Event]:
        at = {"output_index": index}
        begun = self.say("output_item.added", **at, item={"id": f"i{index}", **EMPTY[voice.kind]})
        of = {"item_id": f"i{index}", **at}
        grown = {"text": self._text, "thought": self._thought, "call": self._call}
        told = grown[voice.kind](of, voice)
        return [begun, *told, self.say("output_item.done", **at, item=_item(index, voice))]

    def _text(self, of: Object, voice: Voice) -> list[Event]:
        of, words = {**of, "content_index": 0}, voice.words
        return [
            self.say("content_part.added", **of, part={**PART, "text": ""}),
            *(self.say("output_text.delta", **of, delta=p, logprobs=[]) for p in voice.pieces),
            self.say("output_text.done", **of, text=words, logprobs=[]),
            self.say("content_part.done", **of, part={**PART, "text": words}),
        ]

    def _thought(self, of: Object, voice: Voice) -> list[Event]:
        of, part = {**of, "summary_index": 0}, {"type": "summary_text", "text": ""}
        return [
            self.say("reasoning_summary_part.added", **of, part=part),
            *(self.say("reasoning_summary_text.delta", **of, delta=p) for p in voice.pieces),
            self.say("reasoning_summary_text.done", **of, text=voice.words),
            self.say("reasoning_summary_part.done", **of, part={**part, "text": voice.words}),
        ]

    def _call(self, of: Object, voice: Voice) -> list[Event]:
        return [
            *(self.say("function_call_arguments.delta", **of, delta=p) for p in voice.pieces),
            self.say("function_call_arguments.done", **of, name=TOOL, arguments=voice.words),
        ]
