"""Putting a streamed answer together, as the official SDKs do."""

from __future__ import annotations

from typing import Final

from service.errors import Malformed
from service.providers.fields import Object, as_list, as_object
from service.providers.sse import Event
from service.providers.strict_json import Json, parse

# Sent once for an item, and again by some servers: the last one stands.
REPLACED: Final = frozenset({"index", "type", "finish_reason"})
DONE: Final = "[DONE]"


class Chunks:
    """The chunks of one answer of OpenAI's, merged by the index of their choice.

    ``settings`` names the fields of a chunk that say nothing of the answer: the last value stands.
    """

    done = False

    def __init__(self, settings: frozenset[str]) -> None:
        self._settings = settings
        self._head: Object = {}
        self._choices: dict[int, Object] = {}

    @property
    def answer(self) -> Json:
        choices: list[Json] = [
            {("message" if name == "delta" else name): value for name, value in choice.items()}
            for _, choice in sorted(self._choices.items())
        ]
        return {**self._head, "choices": choices}

    def add(self, event: Event) -> None:
        if event.data == DONE:
            self.done = True
            return
        chunk = as_object(parse(event.data.encode()), "")
        for name, value in chunk.items():
            if name not in self._settings:
                merge(self._head, {name: value})
            elif name != "choices":
                self._head[name] = value
        for item in as_list(chunk.get("choices", []), "/choices"):
            delta = as_object(item, "/choices")
            merge(self._choices.setdefault(_index(delta), {"delta": {}}), delta)


def merge(whole: Object, delta: Object) -> None:
    """Adds ``delta`` in place: strings grow, items of one index meet, other values replace."""
    for name, value in delta.items():
        known = whole.get(name)
        if value is None and known is not None:
            continue
        if isinstance(known, str) and isinstance(value, str) and name not in REPLACED:
            whole[name] = known + value
        elif isinstance(known, dict) and isinstance(value, dict):
            merge(known, value)
        elif isinstance(known, list) and isinstance(value, list):
            _merge_items(known, value)
        else:
            whole[name] = value


def _merge_items(known: list[Json], added: list[Json]) -> None:
    for item in added:
        index = item.get("index") if isinstance(item, dict) else None
        twin = next(
            (old for old in known if isinstance(old, dict) and old.get("index") == index), None
        )
        if index is None or twin is None or not isinstance(item, dict):
            known.append(item)
        else:
            merge(twin, item)


def _index(delta: Object) -> int:
    index = delta.get("index", 0)
    if isinstance(index, bool) or not isinstance(index, int):
        raise Malformed("an integer is expected", "/choices/index")
    return index
