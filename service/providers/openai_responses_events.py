"""The streamed events of OpenAI's Responses: put together into an answer, and spoken.

An answer is put together from its deltas. Every event that tells a whole again (``*.done``,
``response.completed``) is held against them: what it adds is taken in, and where it differs, both
stand in the answer, so that both are inspected.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from service.errors import Malformed
from service.providers.deltas import DONE, merge
from service.providers.fields import Object, as_list, as_object, as_text
from service.providers.openai_responses_items import SETTINGS
from service.providers.sse import Event
from service.providers.strict_json import Json, dump, parse

ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed", "error"})
LIFE: Final = frozenset({"response.created", "response.queued", "response.in_progress"}) | (
    ENDS - {"error"}
)
# Words that grow in a part of an item: the item's type, its list, the part's type and field.
PARTS: Final = {
    "response.output_text": ("message", "content", "output_text", "text"),
    "response.refusal": ("message", "content", "refusal", "refusal"),
    "response.reasoning_text": ("reasoning", "content", "reasoning_text", "text"),
    "response.reasoning_summary_text": ("reasoning", "summary", "summary_text", "text"),
}
# Words that grow in an item itself: its type and field.
FIELDS: Final = {
    "response.function_call_arguments": ("function_call", "arguments"),
    "response.mcp_call_arguments": ("mcp_call", "arguments"),
    "response.custom_tool_call_input": ("custom_tool_call", "input"),
    "response.code_interpreter_call_code": ("code_interpreter_call", "code"),
}
WHOLE_PARTS: Final = {
    "response.content_part": "content",
    "response.reasoning_summary_part": "summary",
}
INDEX: Final = {"content": "content_index", "summary": "summary_index"}
# Where an event belongs, and what says nothing of the answer.
POSITIONS: Final = frozenset(
    {
        "type",
        "sequence_number",
        "item_id",
        "output_index",
        "content_index",
        "summary_index",
        "command_index",
        "annotation_index",
        "partial_image_index",
        "logprobs",
        "obfuscation",
        "status",
    }
)
PARTIAL: Final = "response.image_generation_call.partial_image"
PARTIAL_FIELDS: Final = frozenset(
    {"partial_image_b64", "background", "output_format", "quality", "size"}
)
ANNOTATION: Final = "response.output_text.annotation.added"
# Told once more with another value: the last one stands, since none is content.
REPLACED: Final = (SETTINGS - {"type"}) | {"logprobs"}
DIFFERING: Final = "differing"


class ResponseAssembly:
    """One answer of Responses. ``settings`` names the fields of a response that are no content.

    ``items`` are the output items by their index; ``begun`` the indices of those that are not
    done, each with the indices of its contents that are not; ``sequence`` is the last number sent.
    """

    def __init__(self, settings: frozenset[str]) -> None:
        self.done = False
        self.sequence = -1
        self.head: Object = {}
        self.items: dict[int, Object] = {}
        self.begun: dict[int, set[int]] = {}
        self._settings = settings
        self._beside: Object = {}

    @property
    def answer(self) -> Json:
        return {**self.head, "output": [*self.items.values()], **self._beside}

    def add(self, event: Event) -> None:
        if event.data == DONE:
            self.done = True
            return
        told = as_object(parse(event.data.encode()), "")
        kind = as_text(told.get("type"), "/type")
        if event.name not in {"", kind}:
            raise Malformed("the event's name is not its type", "/type")
        number = told.get("sequence_number")
        self.sequence = number if isinstance(number, int) else self.sequence + 1
        read = POSITIONS | self._take(kind, told)
        for name, value in told.items():
            if name not in read:
                merge(self._beside, {f"{kind}.{name}": value})
        self.done = kind in ENDS

    def _take(self, kind: str, told: Object) -> frozenset[str]:
        """Takes in an event, and says which of its fields it read."""
        stem, _, step = kind.rpartition(".")
        if kind in LIFE:
            self._respond(as_object(told.get("response"), "/response"))
            return frozenset({"response"})
        if stem == "response.output_item" and step in {"added", "done"}:
            return self._item_told(told, ended=step == "done")
        if stem in WHOLE_PARTS and step in {"added", "done"}:
            return self._part_told(told, WHOLE_PARTS[stem], ended=step == "done")
        if stem in PARTS | FIELDS and step in {"delta", "done"}:
            return self._words(told, stem, grows=step == "delta")
        return self._attached(kind, told)

    def _words(self, told: Object, stem: str, *, grows: bool) -> frozenset[str]:
        """Words of an event: more of them, or all of them."""
        if stem in PARTS:
            whole, field = self._part(told, *PARTS[stem]), PARTS[stem][-1]
        else:
            kind, field = FIELDS[stem]
            whole = self._item(told, kind)
        name = "delta" if grows else field
        value = as_text(told.get(name), f"/{name}")
        if grows:
            whole[field] = as_text(whole.get(field) or "", f"/{field}") + value
        else:
            self._settle(whole, field, value)
        return frozenset({name})

    def _attached(self, kind: str, told: Object) -> frozenset[str]:
        if kind == ANNOTATION:
            part = self._part(told, *PARTS["response.output_text"])
            _append(part, "annotations", told.get("annotation"))
            return frozenset({"annotation"})
        if kind == PARTIAL:
            item = self._item(told, "image_generation_call")
            _append(item, "partial_images", told.get("partial_image_b64"))
            return PARTIAL_FIELDS
        return frozenset()

    def _respond(self, response: Object) -> None:
        for name, value in response.items():
            if name == "output":
                for place, item in enumerate(as_list(value or [], "/response/output")):
                    self._settle_item(as_object(item, "/response/output"), place)
            elif name in self._settings:
                self.head[name] = value
            else:
                self._settle(self.head, name, value)

    def _item_told(self, told: Object, *, ended: bool) -> frozenset[str]:
        index = _index(told, "output_index")
        item = as_object(told.get("item"), "/item")
        if index in self.items:
            self._settle_object(self.items[index], item)
        else:
            self.items[index] = item
        if ended:
            self.begun.pop(index, None)
        else:
            self.begun.setdefault(index, set())
        return frozenset({"item"})

    def _part_told(self, told: Object, place: str, *, ended: bool) -> frozenset[str]:
        index = _index(told, INDEX[place])
        part = as_object(told.get("part"), "/part")
        item = self._item(told, "message" if place == "content" else "reasoning")
        _list(item, place)
        self._settle_parts(item, place, part, index)
        contents = self.begun.setdefault(_index(told, "output_index"), set())
        if ended:
            contents.discard(index)
        elif place == "content":
            contents.add(index)
        return frozenset({"part"})

    def _item(self, told: Object, kind: str) -> Object:
        """The item that an event speaks of; some servers never announced it."""
        index = _index(told, "output_index")
        if index not in self.items:
            self.items[index] = {"type": kind, "id": told.get("item_id")}
            self.begun[index] = set()
        return self.items[index]

    def _part(self, told: Object, kind: str, place: str, part: str, field: str) -> Object:
        parts = _list(self._item(told, kind), place)
        index = _index(told, INDEX[place])
        if index == len(parts):
            parts.append({"type": part, field: ""})
            if place == "content":
                self.begun.setdefault(_index(told, "output_index"), set()).add(index)
        if index >= len(parts):
            raise Malformed("a part is told before those that precede it", f"/{INDEX[place]}")
        return as_object(parts[index], f"/{INDEX[place]}")

    def _settle_item(self, item: Object, place: int) -> None:
        """An item of a whole response: one that is known, by its id or its place, or a new one."""
        known = list(self.items.values())
        twin = next((old for old in known if item.get("id") == old.get("id") is not None), None)
        if twin is None and place < len(known) and known[place].get("type") == item.get("type"):
            twin = known[place]
        if twin is None:
            self.items[max(self.items, default=-1) + 1] = item
        else:
            self._settle_object(twin, item)

    def _settle_object(self, known: Object, whole: Object) -> None:
        for name, value in whole.items():
            if name in REPLACED:
                known[name] = value
            elif name in INDEX and isinstance(value, list) and isinstance(known.get(name), list):
                for index, part in enumerate(value):
                    self._settle_parts(known, name, part, index)
            else:
                self._settle(known, name, value)

    def _settle_parts(self, item: Object, place: str, part: Json, index: int) -> None:
        parts = _list(item, place)
        old = parts[index] if index < len(parts) else None
        if index > len(parts):
            raise Malformed("a part is told before those that precede it", f"/{INDEX[place]}")
        if index == len(parts):
            parts.append(part)
        elif isinstance(old, dict) and isinstance(part, dict):
            self._settle_object(old, part)
        elif old != part:
            self._differ(part)

    def _settle(self, known: Object, name: str, value: Json) -> None:
        """A value told as a whole: taken where it adds to what is known, kept beside it if not."""
        old = known.get(name)
        if value is None or old == value:
            return
        if not old or (isinstance(old, str) and isinstance(value, str) and value.startswith(old)):
            known[name] = value
        else:
            self._differ(value)

    def _differ(self, value: Json) -> None:
        seen = _list(self._beside, DIFFERING)
        if value not in seen:
            seen.append(value)


class Numbered:
    """Events with the numbers by which clients count them, from ``first`` on."""

    def __init__(self, first: int = 0) -> None:
        self.events: list[Event] = []
        self._next = first

    def say(self, kind: str, **fields: Json) -> None:
        told: Object = {"type": kind, "sequence_number": self._next, **fields}
        self.events.append(Event(dump(told).decode(), kind))
        self._next += 1

    def refuse(self, item: Object, index: int, contents: Iterable[Json], message: str) -> Object:
        """Says no in a message that was begun with these contents; the message as it is then."""
        told = [*contents]
        place: Object = {
            "item_id": item.get("id"),
            "output_index": index,
            "content_index": len(told),
        }
        part: Object = {"type": "refusal", "refusal": message}
        self.say("response.content_part.added", **place, part={**part, "refusal": ""})
        self.say("response.refusal.delta", **place, delta=message)
        self.say("response.refusal.done", **place, refusal=message)
        self.say("response.content_part.done", **place, part=part)
        done: Object = {**item, "status": "completed", "content": [*told, part]}
        self.say("response.output_item.done", output_index=index, item=done)
        return done

    def close(self, item: Object, index: int, contents: Iterable[int]) -> None:
        """Closes the texts of a message that are still open, with what was said of them."""
        parts = as_list(item.get("content", []), "/content")
        for content in sorted(contents):
            part = as_object(parts[content], "/content")
            place: Object = {
                "item_id": item.get("id"),
                "output_index": index,
                "content_index": content,
            }
            if part.get("type") == "output_text":
                told = {"text": part.get("text"), "logprobs": part.get("logprobs", [])}
                self.say("response.output_text.done", **place, **told)
            elif part.get("type") == "refusal":
                self.say("response.refusal.done", **place, refusal=part.get("refusal"))
            self.say("response.content_part.done", **place, part=part)


def _index(told: Object, name: str) -> int:
    index = told.get(name)
    if isinstance(index, bool) or not isinstance(index, int) or index < 0:
        raise Malformed("an integer from 0 on is expected", f"/{name}")
    return index


def _list(whole: Object, name: str) -> list[Json]:
    """The list that stands there; put there if there is none."""
    if whole.get(name) is None:
        whole[name] = []
    return as_list(whole[name], f"/{name}")


def _append(whole: Object, name: str, value: Json) -> None:
    if value is not None:
        _list(whole, name).append(value)
