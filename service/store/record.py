"""What is kept of one decision: enough to decide again by another policy, and no payload."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

from detectors.contract.exchange import (
    DocumentPart,
    Exchange,
    ImagePart,
    OpaquePart,
    Part,
    TextPart,
    ToolCallPart,
)
from detectors.contract.finding import Finding, Inspection, Outcome
from service.policy.facts import score
from service.policy.model import FACES, NOBODY, THINKING, Caller, Decision

VERSION: Final = 1
"""Of the JSON form. A field that is added with a default leaves it as it is."""

UNFIT: Final = "(unfit)"
"""Stands where a name that the client chose is longer than a name, or no plain word."""

_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,95}")
_POINTER: Final = re.compile(r"(?:/[A-Za-z0-9_.~-]{0,64}){0,64}")
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_.:~-]{0,64}){1,16}")
_PHRASE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ,._:/()'-]{0,95}")
_FINISHED: Final = frozenset({Outcome.CLEAN, Outcome.FOUND})


class RecordError(ValueError):
    """A text is not a record that this version can read. The message does not quote it."""


class Noted(NamedTuple):
    """A part without its payload.

    ``kind`` is text, image, document, tool_call or opaque. ``size`` counts a text's or a tool
    call's characters, or a picture's or document's bytes. ``lines`` counts the lines of a text
    that was read from a picture. ``what`` is the kind of an opaque part, and ``thinking`` of a text
    that a model thought.
    """

    kind: str
    pointer: str
    origin: str
    parent: str | None
    method: str | None
    size: int
    lines: int
    what: str


class Scored(NamedTuple):
    """A finding: ``part`` is its part's key, ``start`` and ``end`` its span, None for all of it."""

    label: str
    score: float
    part: str
    detector: str
    start: int | None
    end: int | None


class Ran(NamedTuple):
    """A run of a detector over a part, and how it ended."""

    part: str
    detector: str
    outcome: str
    reason: str


class Missed(NamedTuple):
    """A part that was not inspected whole."""

    part: str
    kind: str
    reason: str


class Brought(NamedTuple):
    """The call of a tool that brought a part of the body: its id, and the tool's name."""

    part: str
    id: str
    name: str


class Let(NamedTuple):
    """A score that an entry of the allow-list put in the place of a finding's."""

    entry: str
    part: str
    label: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One decision and the inspection it was made from.

    ``time`` is in seconds since 1970, UTC. ``messages`` holds for each message its role and how
    many of the underived parts are its own, in order. ``parts`` has the derived ones too. ``runs``
    are those that did not end clean or found, those that looked for faces, and all where there is
    a gap. ``seen`` and ``inspected`` count the exchange's own parts. ``action``, ``rules``,
    ``shadow`` and ``policy`` (its hash) are those of the decision made on this inspection;
    ``allowed`` is what the allow-list let pass in it, ``opened`` the detectors whose failure the
    policy let pass, ``scope`` the id of its scope that decided. ``pictures`` counts the pictures
    of the request that an answer answers. ``calls`` says which underived parts a call of a tool
    brought, or are one.
    """

    id: str
    time: float
    tenant: str
    key_group: str
    path: str
    headers: tuple[tuple[str, str], ...]
    stage: str
    dialect: str
    model: str
    stream: bool
    messages: tuple[tuple[str, int], ...]
    parts: tuple[Noted, ...]
    findings: tuple[Scored, ...]
    runs: tuple[Ran, ...]
    seen: int
    inspected: int
    gaps: tuple[Missed, ...]
    policy: str
    action: str
    rules: tuple[str, ...]
    shadow: tuple[str, ...]
    allowed: tuple[Let, ...] = ()
    pictures: int = 0
    opened: tuple[str, ...] = ()
    scope: str = ""
    calls: tuple[Brought, ...] = ()

    @property
    def counted(self) -> tuple[Scored, ...]:
        """The findings with the scores that the decision was made by."""
        if not self.allowed:
            return self.findings
        left: dict[tuple[str, str], float] = {}
        for let in self.allowed:
            at = let.part, let.label
            left[at] = min(let.score, left.get(at, let.score))
        return tuple(
            one._replace(score=min(one.score, left.get((one.part, one.label), one.score)))
            for one in self.findings
        )

    def to_json(self) -> str:
        """One line of compact ASCII."""
        said = {"v": VERSION, **{name: getattr(self, name) for name in self.__slots__}}
        return json.dumps(said, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The record that ``to_json`` wrote. Raises ``RecordError``."""
        try:
            said: dict[str, Any] = json.loads(text)
            version = said.pop("v")
        except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
            raise RecordError("this is not a recorded decision") from None
        if version != VERSION:
            raise RecordError(
                f"the record has version {version if isinstance(version, int) else '?'} and this "
                f"Glassgate reads version {VERSION}; read it with the one that wrote it"
            )
        try:
            said["headers"] = tuple([(name, value) for name, value in said["headers"]])
            said["messages"] = tuple([(role, parts) for role, parts in said["messages"]])
            said["parts"] = tuple(map(Noted._make, said["parts"]))
            said["findings"] = tuple(map(Scored._make, said["findings"]))
            said["runs"] = tuple(map(Ran._make, said["runs"]))
            said["gaps"] = tuple(map(Missed._make, said["gaps"]))
            said["rules"] = tuple(said["rules"])
            said["shadow"] = tuple(said["shadow"])
            said["allowed"] = tuple(map(Let._make, said.get("allowed", ())))
            said["opened"] = tuple(said.get("opened", ()))
            said["calls"] = tuple(map(Brought._make, said.get("calls", ())))
            return cls(**said)
        except (TypeError, ValueError, KeyError) as error:
            raise RecordError(
                f"a recorded decision is incomplete ({type(error).__name__})"
            ) from None


def recorded(  # noqa: PLR0913 - the facts of one decision
    exchange: Exchange,
    inspection: Inspection,
    decision: Decision,
    *,
    id: str,  # noqa: A002 - named as in the log and the header
    at: float,
    caller: Caller = NOBODY,
    headers: Collection[str] = (),
) -> Record:
    """The record of a decision made on this inspection of this exchange, at ``at`` seconds.

    ``headers`` are those that the policy names; others of the caller's are not kept.
    """
    gaps = inspection.coverage.gaps
    names = _Names(inspection.parts)
    return Record(
        id=id,
        time=round(at, 3),
        tenant=_fit(caller.tenant, _WORD),
        key_group=_fit(caller.key_group, _WORD),
        path=_fit(caller.path, _PATH),
        headers=tuple(
            (name, _fit(caller.headers[name], _PHRASE))
            for name in headers
            if name in caller.headers
        ),
        stage=exchange.stage.value,
        dialect=exchange.dialect,
        model=_fit(exchange.model, _WORD),
        stream=exchange.stream,
        messages=tuple((message.role.value, len(message.parts)) for message in exchange.messages),
        parts=tuple(names.noted(part) for part in inspection.parts),
        findings=tuple(
            Scored(one.label, score(one), names.key(one.part), one.detector, *_span(one))
            for one in inspection.findings
        ),
        runs=tuple(
            Ran(names.key(run.part), run.detector, run.outcome.value, _fit(run.reason, _PHRASE))
            for run in inspection.runs
            if gaps or run.outcome not in _FINISHED or run.detector == FACES
        ),
        seen=inspection.coverage.seen,
        inspected=inspection.coverage.inspected,
        gaps=tuple(
            Missed(names.key(gap.part), gap.kind, _fit(gap.reason, _PHRASE)) for gap in gaps
        ),
        policy=decision.policy,
        action=decision.action.value,
        rules=decision.rules,
        shadow=decision.shadow,
        allowed=tuple(
            Let(each.entry, names.key(each.part), each.label, each.score)
            for each in decision.allowed
        ),
        pictures=exchange.shown.pictures,
        opened=decision.opened,
        scope=decision.scope,
        calls=tuple(names.brought(inspection.parts)),
    )


class _Names:
    """The names of an exchange's parts as they may be kept.

    A pointer holds names of the body's fields, and a client may name a field as it likes: one that
    holds anything but plain words is replaced as a whole, and differs from every other.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self._kept: dict[str, str] = {}
        self._unfit = 0
        for part in parts:
            start = self.key(part.parent or part.pointer)
            self._kept[part.key] = f"{start}#{part.method}" if part.method else start

    def key(self, key: str) -> str:
        """The name for a pointer, or for the key of a part."""
        kept = self._kept.get(key)
        if kept is None:
            if _POINTER.fullmatch(key):
                kept = key
            else:
                self._unfit += 1
                kept = f"{UNFIT}/{self._unfit}"
            self._kept[key] = kept
        return kept

    def brought(self, parts: Iterable[Part]) -> Iterator[Brought]:
        """The parts of the body that a call of a tool brought, or that are one."""
        for part in parts:
            if part.call is not None and part.method is None:
                name, id_ = _fit(part.call.name, _WORD), _fit(part.call.id, _WORD)
                yield Brought(self.key(part.key), id_, name)

    def noted(self, part: Part) -> Noted:
        kind, size = _measure(part)
        return Noted(
            kind=kind,
            pointer=self.key(part.pointer),
            origin=part.origin.value,
            parent=self.key(part.parent) if part.parent is not None else None,
            method=part.method,
            size=size,
            lines=len(part.lines) if isinstance(part, TextPart) else 0,
            what=_what(part),
        )


def _measure(part: Part) -> tuple[str, int]:
    match part:
        case TextPart():
            return "text", len(part.text)
        case ImagePart():
            return "image", len(part.data)
        case DocumentPart():
            return "document", len(part.data)
        case ToolCallPart():
            return "tool_call", len(part.arguments)
        case OpaquePart():
            return "opaque", 0


def _what(part: Part) -> str:
    if isinstance(part, OpaquePart):
        return _fit(part.kind, _WORD)
    return THINKING if isinstance(part, TextPart) and part.thinking else ""


def _span(finding: Finding) -> tuple[int | None, int | None]:
    return finding.span if finding.span is not None else (None, None)


def _fit(value: str, shape: re.Pattern[str]) -> str:
    return value if not value or shape.fullmatch(value) else UNFIT
