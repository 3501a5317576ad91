"""A record as what it was recorded from, so that another policy can decide by it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from detectors.contract.exchange import (
    CallRef,
    DocumentPart,
    Exchange,
    ImagePart,
    Line,
    Message,
    OpaquePart,
    Origin,
    Part,
    Role,
    Shown,
    Stage,
    TextPart,
    ToolCallPart,
)
from detectors.contract.finding import Coverage, Finding, Gap, Inspection, Outcome, Run
from service.policy.model import THINKING, Caller
from service.store.record import Brought, Noted, Record, Scored

_LINE: Final = Line(text="", box=(), score=0.0, start=0)
_ORIGINS: Final = {origin.value: origin for origin in Origin}


def replayable(record: Record) -> tuple[Exchange, Inspection, Caller]:
    """What any policy decides by as it would have by the call: ``decide(*replayable(r), r.id)``.

    Texts are blanks of the same length, and pictures are empty. Only the message may differ, where
    a policy has it in the language of the text.
    """
    parts = tuple(_part(noted) for noted in record.parts)
    if record.calls:
        parts = tuple(_brought(parts, record.calls))
    own = (part for part in parts if part.method is None)
    exchange = Exchange(
        dialect=record.dialect,
        model=record.model,
        stage=Stage(record.stage),
        stream=record.stream,
        messages=tuple(
            Message(role=Role(role), parts=tuple(islice(own, count)))
            for role, count in record.messages
        ),
        shown=Shown(pictures=record.pictures),
    )
    inspection = Inspection(
        parts=parts,
        findings=tuple([_finding(scored) for scored in record.counted]),
        runs=tuple(
            Run(part=part, detector=detector, outcome=Outcome(outcome), ms=0.0, reason=reason)
            for part, detector, outcome, reason in record.runs
        ),
        coverage=Coverage(
            seen=record.seen,
            inspected=record.inspected,
            gaps=tuple(
                Gap(part=part, kind=kind, reason=reason) for part, kind, reason in record.gaps
            ),
        ),
    )
    caller = Caller(
        tenant=record.tenant,
        key_group=record.key_group,
        path=record.path,
        headers=dict(record.headers),
    )
    return exchange, inspection, caller


def together(records: Sequence[Record]) -> Inspection:
    """What was found in all of them, as in one exchange: a number before each key tells whose."""
    found = [_numbered(f"/{at}", replayable(record)[1]) for at, record in enumerate(records)]
    return Inspection(
        parts=tuple(part for each in found for part in each.parts),
        findings=tuple(one for each in found for one in each.findings),
        runs=tuple(run for each in found for run in each.runs),
        coverage=Coverage(
            seen=sum(each.coverage.seen for each in found),
            inspected=sum(each.coverage.inspected for each in found),
            gaps=tuple(gap for each in found for gap in each.coverage.gaps),
        ),
    )


def _numbered(start: str, of: Inspection) -> Inspection:
    """The same with ``start`` before every key."""
    return Inspection(
        parts=tuple(
            replace(
                part,
                pointer=start + part.pointer,
                parent=None if part.parent is None else start + part.parent,
            )
            for part in of.parts
        ),
        findings=tuple(replace(each, part=start + each.part) for each in of.findings),
        runs=tuple(replace(each, part=start + each.part) for each in of.runs),
        coverage=replace(
            of.coverage,
            gaps=tuple(replace(each, part=start + each.part) for each in of.coverage.gaps),
        ),
    )


def _part(noted: Noted) -> Part:
    kind, pointer, origin, parent, method, size, lines, what = noted
    whose = _ORIGINS[origin]
    if kind == "text":
        return TextPart(
            pointer=pointer,
            origin=whose,
            parent=parent,
            method=method,
            text=_blank(size),
            lines=(_LINE,) * lines,
            thinking=what == THINKING,
        )
    place: dict[str, Any] = {
        "pointer": pointer,
        "origin": whose,
        "parent": parent,
        "method": method,
    }
    if kind == "image":
        return ImagePart(**place, data=b"", media_type="")
    if kind == "document":
        return DocumentPart(**place, data=b"", media_type="")
    if kind == "tool_call":
        return ToolCallPart(**place, name="", arguments=_blank(size))
    return OpaquePart(**place, kind=what, reason="")


def _brought(parts: Sequence[Part], brought: Sequence[Brought]) -> Iterator[Part]:
    """The parts with the calls of tools that brought them; what is derived has its parent's."""
    calls = {each.part: CallRef(id=each.id, name=each.name) for each in brought}
    for part in parts:
        call = calls.get(part.parent or part.key)
        if call is not None:
            calls[part.key] = call
        yield part if call is None else replace(part, call=call)


@lru_cache(maxsize=4096)
def _blank(size: int) -> str:
    return " " * size


def _finding(scored: Scored) -> Finding:
    label, value, part, detector, start, end = scored
    span = (start, end) if start is not None and end is not None else None
    return Finding(label=label, score=value, part=part, detector=detector, span=span)
