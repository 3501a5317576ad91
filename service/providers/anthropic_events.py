"""Anthropic's streamed answers: put together, spelled, and ended.

The events are those of the official SDK (``anthropic.types.RawMessageStreamEvent``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from service.errors import Malformed
from service.providers.deltas import merge
from service.providers.fields import Object, as_list, as_object, as_text
from service.providers.sse import Event
from service.providers.strict_json import Json, dump, parse

# The fields of each event that are taken in; what stands beside them is kept, and read too.
FIELDS: Final[dict[str, frozenset[str]]] = {
    "ping": frozenset({"type"}),
    "message_start": frozenset({"type", "message"}),
    "content_block_start": frozenset({"type", "index", "content_block"}),
    "content_block_delta": frozenset({"type", "index", "delta"}),
    "content_block_stop": frozenset({"type", "index"}),
    "message_delta": frozenset({"type", "delta", "usage"}),
    "message_stop": frozenset({"type"}),
    "error": frozenset({"type", "error"}),
}
BESIDE: Final = "events"
# What the end of a message says anew.
REPLACED: Final = frozenset({"stop_reason", "stop_sequence", "container"})
NO_USAGE: Final = {"input_tokens": 0, "output_tokens": 0}


class Events:
    """The events of one answer. ``open`` holds the index of each block that was not stopped."""

    def __init__(self) -> None:
        self.done = False
        self.begun = False
        self.open: list[int] = []
        self.blocks: list[Json] = []
        self._message: Object = {}
        self._beside: Object = {}

    @property
    def answer(self) -> Json:
        told: Object = {**self._message, "content": self.blocks}
        if self._beside:
            told[BESIDE] = [self._message.get(BESIDE), self._beside]
        return told

    def add(self, event: Event) -> None:
        data = as_object(parse(event.data.encode()), "")
        kind = as_text(data.get("type"), "/type")
        if event.name not in {"", kind}:
            raise Malformed("the event's name is not its type", "/type")
        known = FIELDS.get(kind, frozenset({"type"}))
        merge(self._beside, {name: item for name, item in data.items() if name not in known})
        if kind == "message_start":
            self._start(as_object(data.get("message"), "/message"))
        elif kind == "content_block_start":
            self._start_block(_index(data), data.get("content_block"))
        elif kind == "content_block_delta":
            self._grow(_index(data), as_object(data.get("delta"), "/delta"))
        elif kind == "content_block_stop":
            self._stop(_index(data))
        elif kind == "message_delta":
            self._change(as_object(data.get("delta"), "/delta"))
        elif kind == "error":
            self._message["error"] = data.get("error")
        self.done = kind in {"message_stop", "error"}

    def _start(self, message: Object) -> None:
        if self.begun:
            raise Malformed("a message begins within another", "/type")
        self.begun = True
        self._message = {name: item for name, item in message.items() if name != "content"}
        self.blocks = [*as_list(message.get("content", []), "/message/content")]

    def _change(self, delta: Object) -> None:
        for name, item in delta.items():
            if name in REPLACED:
                self._message[name] = item
            else:
                merge(self._message if name == "stop_details" else self._beside, {name: item})

    def _start_block(self, index: int, block: Json) -> None:
        if index != len(self.blocks):
            raise Malformed("the next block's index is expected", "/index")
        begun = dict(as_object(block, "/content_block"))
        if begun.get("input") == {}:
            begun["input"] = ""
        self.blocks.append(begun)
        self.open.append(index)

    def _grow(self, index: int, delta: Object) -> None:
        if index not in self.open:
            raise Malformed("no such block is open", "/index")
        block = as_object(self.blocks[index], "/index")
        kind = as_text(delta.get("type"), "/delta/type")
        grown = {name: item for name, item in delta.items() if name != "type"}
        if kind == "input_json_delta":
            text = as_text(grown.pop("partial_json", None), "/delta/partial_json")
            before = block.get("input", "")
            block["input"] = (before if isinstance(before, str) else dump(before).decode()) + text
        elif kind == "citations_delta":
            cited = block.get("citations")
            known = cited if isinstance(cited, list) else []
            block["citations"] = [*known, grown.pop("citation", None)]
        merge(block, grown)

    def _stop(self, index: int) -> None:
        if index not in self.open:
            raise Malformed("no such block is open", "/index")
        self.open.remove(index)
        block = as_object(self.blocks[index], "/index")
        if block.get("input") == "":
            block["input"] = {}


def spelled(head: Object, text: str) -> Iterator[Event]:
    """A whole streamed refusal; ``head`` is its message without content."""
    yield event("message_start", message={**head, "content": [], "stop_reason": None})
    yield from refused(0, text)


def refused(index: int, text: str) -> Iterator[Event]:
    """A text block that says no, and the end of the message."""
    block: Object = {"type": "text", "text": ""}
    delta: Object = {"type": "text_delta", "text": text}
    yield event("content_block_start", index=index, content_block=block)
    yield event("content_block_delta", index=index, delta=delta)
    yield event("content_block_stop", index=index)
    ended: Object = {"stop_reason": "refusal", "stop_sequence": None, "stop_details": None}
    yield event("message_delta", delta=ended, usage={"output_tokens": 0})
    yield event("message_stop")


def event(kind: str, **fields: Json) -> Event:
    """An event with its name, as the API spells it."""
    return Event(dump({"type": kind, **fields}).decode(), kind)


def _index(data: Object) -> int:
    index = data.get("index")
    if isinstance(index, bool) or not isinstance(index, int):
        raise Malformed("an integer is expected", "/index")
    return index
