"""Putting a streamed answer of Gemini's together, chunk by chunk."""

from __future__ import annotations

from typing import Final

from service.errors import Malformed
from service.providers.deltas import merge
from service.providers.fields import Object, as_list, as_object
from service.providers.gemini_parts import Fields, items
from service.providers.sse import Event
from service.providers.strict_json import Json, parse

# Said again in every chunk: the last value stands.
ANSWER_SETTINGS: Final = frozenset(
    {"usageMetadata", "modelVersion", "responseId", "createTime", "modelStatus"}
)
CANDIDATE_SETTINGS: Final = frozenset(
    {
        "index",
        "finishReason",
        "tokenCount",
        "avgLogprobs",
        "logprobsResult",
        "safetyRatings",
        "continuationToken",
    }
)
PLAIN: Final = frozenset({"text", "thought", "thoughtSignature"})


class Candidates:
    """The chunks of one answer, merged by the index of their candidate.

    Nothing marks the end of such a stream: it may end where every candidate has finished.
    """

    done = False

    def __init__(self) -> None:
        self._head: Object = {}
        self._candidates: dict[int, Object] = {}

    @property
    def answer(self) -> Json:
        listed: list[Json] = [candidate for _, candidate in sorted(self._candidates.items())]
        return {**self._head, **({"candidates": listed} if listed else {})}

    @property
    def whole(self) -> bool:
        if self._candidates and "error" not in self._head:
            return not self.unfinished
        return bool(self._head.keys() & {"promptFeedback", "error"})

    @property
    def unfinished(self) -> list[int]:
        """The candidates that have begun and not finished."""
        return [
            index
            for index, candidate in sorted(self._candidates.items())
            if candidate.get("finishReason") is None
        ]

    def add(self, event: Event) -> None:
        self.take(parse(event.data.encode()))

    def take(self, chunk: Json) -> None:
        """Takes in the next chunk, however the stream was framed. Raises ``Malformed``."""
        fields = Fields(chunk, "")
        for name, value in fields.items():
            if name in ANSWER_SETTINGS:
                self._head[name] = value
            elif name != "candidates":
                merge(self._head, {name: value})
        for at, item in items(fields["candidates"], "/candidates"):
            candidate = Fields(item, at)
            self._take(candidate, self._candidates.setdefault(_index(candidate), {}))

    def _take(self, delta: Fields, whole: Object) -> None:
        for name, value in delta.items():
            if name == "content":
                content = as_object(whole.setdefault("content", {"parts": []}), delta.at)
                self._extend(Fields(value, delta.place(name)), content)
            elif name in CANDIDATE_SETTINGS:
                whole[name] = value
            else:
                merge(whole, {name: value})

    def _extend(self, delta: Fields, content: Object) -> None:
        known = as_list(content["parts"], delta.at)
        for at, item in items(delta["parts"], delta.place("parts")):
            part: Object = dict(Fields(item, at).items())
            twin = _same_voice(part, known)
            if twin is None:
                known.append(part)
            else:
                merge(twin, {name: part[name] for name in part if name != "thought"})
        merge(content, {n: v for n, v in delta.items() if n not in {"parts", "role"}})


def _same_voice(part: Object, known: list[Json]) -> Object | None:
    """The text that this one goes on with, as a client joins them: thought and speech apart."""
    if "text" not in part or not part.keys() <= PLAIN:
        return None
    thought = bool(part.get("thought"))
    for old in reversed(known):
        if not isinstance(old, dict) or "text" not in old or not old.keys() <= PLAIN:
            continue
        if bool(old.get("thought")) is thought:
            return old
    return None


def _index(candidate: Fields) -> int:
    index = candidate["index"]
    if index is None:
        return 0
    if isinstance(index, bool) or not isinstance(index, int):
        raise Malformed("an integer is expected", candidate.place("index"))
    return index
