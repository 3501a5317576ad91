"""Makes the exchange and the inspection that a case describes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypedDict

from detectors.contract.exchange import (
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
from detectors.contract.finding import Coverage, Finding, Gap, Inspection
from service.policy.case_file import Case, CasePart
from service.policy.model import Caller

_BOX: Final = ((0.0, 0.0), (200.0, 0.0), (200.0, 16.0), (0.0, 16.0))


class _Place(TypedDict):
    """Where a part stands, whatever its kind."""

    pointer: str
    origin: Origin
    parent: str | None
    method: str | None


def parts_of(case: Case) -> dict[str, Part]:
    """The case's parts by name, in order."""
    parts: dict[str, Part] = {}
    for each in case.parts:
        parts[each.name] = _part(each, parts.get(each.of or ""))
    return parts


def caller_of(case: Case) -> Caller:
    """Who calls in the case."""
    return Caller(
        tenant=case.tenant, key_group=case.key_group, path=case.path, headers=case.headers
    )


def exchange_of(case: Case, parts: Iterable[Part]) -> Exchange:
    """The exchange that holds those of the parts that were not derived."""
    role = Role.USER if case.stage is Stage.REQUEST else Role.ASSISTANT
    sent = tuple(part for part in parts if part.method is None)
    return Exchange(
        dialect=case.dialect,
        model=case.model,
        stage=case.stage,
        messages=(Message(role=role, parts=sent),),
        stream=case.stream,
        shown=Shown(pictures=case.images_shown),
    )


def inspection_of(case: Case, parts: Mapping[str, Part]) -> Inspection:
    """What the case says was found in the parts, and what was not inspected."""
    findings = tuple(
        Finding(
            label=each.label,
            score=each.score,
            part=parts[each.part].key,
            detector="case",
            span=each.span,
        )
        for each in case.findings
    )
    gaps = tuple(
        Gap(part=parts[each.part].key, kind=each.kind, reason="case") for each in case.gaps
    )
    seen = sum(part.method is None for part in parts.values())
    coverage = Coverage(seen=seen, inspected=max(0, seen - len(gaps)), gaps=gaps)
    return Inspection(parts=tuple(parts.values()), findings=findings, runs=(), coverage=coverage)


def _part(written: CasePart, source: Part | None) -> Part:
    place = _Place(
        pointer=source.pointer if source is not None else f"/{written.name}",
        origin=written.origin,
        parent=source.key if source is not None else None,
        method=written.method,
    )
    match written.kind:
        case "text":
            lines = _lines(written.text) if isinstance(source, ImagePart) else ()
            return TextPart(**place, text=written.text, lines=lines, thinking=written.thinking)
        case "image":
            return ImagePart(**place, data=b"", media_type="image/png")
        case "document":
            return DocumentPart(**place, data=b"", media_type="application/pdf")
        case "tool_call":
            return ToolCallPart(**place, name="tool", arguments=written.text)
        case "opaque":
            return OpaquePart(**place, kind="case", reason="case")


def _lines(text: str) -> tuple[Line, ...]:
    """The text's lines, one below the other, as if they had been read from a picture."""
    starts = [0]
    for line in text.splitlines()[:-1]:
        starts.append(starts[-1] + len(line) + 1)
    return tuple(
        Line(
            text=line,
            box=tuple((x, y + 20.0 * row) for x, y in _BOX),
            score=1.0,
            start=start,
        )
        for row, (line, start) in enumerate(zip(text.splitlines(), starts, strict=True))
    )
