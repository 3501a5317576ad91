"""Act on an answer: a decision's edits become another wording, in its body or in its stream.

A wording is put in where the old one stands and nowhere else. Where it cannot be found there, the
answer cannot be edited, and is refused instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from detectors.contract.exchange import Exchange, TextPart
from detectors.contract.finding import Inspection
from service.errors import Malformed
from service.pipeline import actions
from service.policy.edits import Edit, EditKind
from service.policy.model import Decision
from service.providers import strict_json
from service.providers.base import Patch, Provider
from service.providers.sse import Event
from service.providers.strict_json import Json

REDACTED: Final = "[redacted]"
NOWHERE: Final = "#"
"""Stands in the place of a URL that was taken out."""

_SPOKEN: Final = frozenset({"text", "content", "refusal", "thinking", "delta", "reasoning_content"})
"""Fields in which events carry words, in any dialect."""
_TOKENS: Final = frozenset({"logprobs", "logprobsResult", "logprobs_result"})
"""Fields that tell the words of an answer once more, token by token."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A text of an answer, and what is to stand in its place."""

    before: str
    after: str


class Unmendable(Exception):
    """The answer does not have its words where they could be changed."""


def drafts(inspection: Inspection, decision: Decision) -> dict[str, Draft]:
    """Pointer of a text → its wording before and after the decision's edits."""
    texts = {part.key: part for part in inspection.parts if isinstance(part, TextPart)}
    edits: dict[str, list[Edit]] = {}
    for edit in decision.edits:
        edits.setdefault(edit.part or "", []).append(edit)
    return {
        texts[key].pointer: Draft(texts[key].text, _worded(texts[key].text, each))
        for key, each in edits.items()
    }


def redraft(body: Json, worded: Mapping[str, Draft]) -> None:
    """Changes the wording in the body of an answer. Raises ``Unmendable``."""
    for pointer, draft in worded.items():
        if actions.at(body, pointer) != draft.before:
            raise Unmendable
    changes = [
        Patch(op="replace", path=pointer, value=draft.after) for pointer, draft in worded.items()
    ]
    actions.apply(body, changes)
    _hush(body)


def restream(
    events: Sequence[Event], provider: Provider, worded: Mapping[str, Draft]
) -> tuple[list[Event], Json]:
    """The events of a whole answer with the wording changed, and the answer that they spell.

    Raises ``Unmendable``.

    The first event that adds to a text brings the new one, and the others add nothing.
    """
    assembly, said = provider.assembly(), dict[str, str]()
    begun: set[str] = set()
    changed = []
    for event in events:
        assembly.add(event)
        now = _said(provider, assembly.answer, said)
        swaps = {draft.before: draft.after for draft in worded.values()}
        for pointer, draft in worded.items():
            added = now.get(pointer, "").removeprefix(said.get(pointer, ""))
            if added and not now[pointer].startswith(said.get(pointer, "")):
                raise Unmendable
            if added:
                swaps[added] = "" if pointer in begun else draft.after
                begun.add(pointer)
        changed.append(_swapped(event, swaps))
        said = now
    expected = {**said, **{pointer: draft.after for pointer, draft in worded.items()}}
    again = provider.assembly()
    for event in changed:
        again.add(event)
    if _said(provider, again.answer, {}) != expected:
        raise Unmendable
    return changed, again.answer


def _worded(text: str, edits: Sequence[Edit]) -> str:
    """The text after the edits: replaced, or else cut, and its offending words taken out."""
    replaced = next((each.text for each in edits if each.kind is EditKind.REPLACE), None)
    if replaced is not None:
        return replaced
    end = len(text)
    marks: list[tuple[int, int, str]] = []
    for edit in edits:
        spans = edit.spans or ((0, len(text)),)
        if edit.kind is EditKind.TRUNCATE:
            end = min(end, *(start for start, _ in spans))
        else:
            mark = REDACTED if edit.kind is EditKind.REDACT else NOWHERE
            marks += [(*span, mark) for span in spans]
    pieces, at = list[str](), 0
    for start, stop, mark in sorted(marks):
        if start < end and (start >= at or stop > at):
            pieces += [text[at:start], mark] if start >= at else []
            at = stop
    kept = "".join([*pieces, text[at:end]])
    return kept.rstrip() if end < len(text) else kept


def _said(provider: Provider, answer: Json, otherwise: dict[str, str]) -> dict[str, str]:
    """The texts of an answer by their pointers; those of before while it cannot be read."""
    try:
        exchange: Exchange = provider.read_answer(answer)
    except Malformed:
        return otherwise
    return {part.pointer: part.text for part in exchange.parts() if isinstance(part, TextPart)}


def _swapped(event: Event, swaps: Mapping[str, str]) -> Event:
    """The event with its words swapped, or as it came."""
    try:
        data = strict_json.parse(event.data.encode())
    except Malformed:
        return event
    swapped = list(_swap(data, swaps))
    if not swapped and not any(name in event.data for name in _TOKENS):
        return event
    _hush(data)
    return Event(strict_json.dump(data).decode(), event.name)


def _swap(value: Json, swaps: Mapping[str, str]) -> Iterator[bool]:
    """Swaps the words in place; says of each whether it was one of them."""
    items = value.items() if isinstance(value, dict) else ()
    for name, inner in list(items):
        if isinstance(inner, str):
            if name in _SPOKEN and inner in swaps and isinstance(value, dict):
                value[name] = swaps[inner]
                yield True
        else:
            yield from _swap(inner, swaps)
    for inner in value if isinstance(value, list) else ():
        yield from _swap(inner, swaps)


def _hush(value: Json) -> None:
    """Empties what tells the old words by their tokens."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in _TOKENS:
                value[name] = [] if isinstance(inner, list) else None
            else:
                _hush(inner)
    elif isinstance(value, list):
        for inner in value:
            _hush(inner)
