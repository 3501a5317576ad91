"""Examine a file that the model's server keeps, before it reaches the client.

Of a batch's answers each line is decided as that answer would be if it came alone, so one that is
refused or edited leaves the others as they came. Any other file passes as it came, or not at all.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

from detectors.contract.exchange import Exchange, Message, Part, Shown, Stage
from detectors.contract.finding import Coverage, Inspection
from service.errors import ContentFiltered, Malformed, Overloaded, RequestError
from service.pipeline import examine
from service.pipeline.examine import Examiner
from service.pipeline.trace import Trace
from service.policy.model import Action, Decision, Refusal
from service.providers import strict_json
from service.providers.base import Downloads
from service.providers.batch_lines import below
from service.upstream import Headers

UNKNOWN: Final = Shown(pictures=1)
"""What a batch asked is not known when its answers are fetched: as if of a picture, each time."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that was examined: what is passed on for it, and why."""

    raw: bytes
    exchange: Exchange
    inspection: Inspection
    decision: Decision


def download(
    raw: bytes, headers: Headers, provider: Downloads, examiner: Examiner, trace: Trace
) -> tuple[Decision, bytes]:
    """The decision on a file, and the bytes to pass on if it may pass.

    Raises:
        UpstreamMalformed: it cannot be read, so it cannot be inspected.
        Overloaded: it has more lines than can be inspected in time.
    """
    trace.shown = UNKNOWN
    try:
        rows = provider.lines(raw)
        if rows is not None:
            return _answers(raw, rows, provider, examiner, trace)
        exchange = provider.read_answer(provider.opened(raw, headers))
    except RequestError as error:
        raise examine.unreadable(error) from None
    exchange = replace(exchange, shown=UNKNOWN)
    inspection, decision = examine.judge(exchange, examiner, trace)
    trace.keep(exchange, inspection, decision, examiner.policy.written, lambda: raw)
    trace.inspection(inspection)
    trace.decided(decision, Stage.RESPONSE)
    return decision, raw


def _answers(
    raw: bytes, rows: Sequence[bytes], provider: Downloads, examiner: Examiner, trace: Trace
) -> tuple[Decision, bytes]:
    """The decision on all lines, and the lines: those that were neither refused nor edited as is.

    Raises:
        RequestError: a line cannot be read; the error names it.
    """
    ends = time.monotonic() + examiner.timeout_s
    said: list[_Line] = []
    out: list[bytes] = []
    for row in rows:
        if not row.strip():
            out.append(row)
            continue
        in_time = replace(examiner, timeout_s=max(0.0, ends - time.monotonic()))
        said.append(_line(row, len(said), provider, in_time, trace))
        out.append(said[-1].raw)
        if time.monotonic() > ends:
            raise Overloaded(
                _late(len(said) - 1, sum(1 for each in rows if each.strip()), examiner)
            )
    exchange, inspection, decision = _together(said, provider)
    trace.keep(exchange, inspection, decision, examiner.policy.written, lambda: raw)
    trace.inspection(inspection)
    if decision.action is Action.REFUSE:
        decision = replace(decision, action=Action.REWRITE)
    trace.model = exchange.model
    trace.decided(decision, Stage.RESPONSE)
    return decision, b"\n".join(out)


def _late(done: int, lines: int, examiner: Examiner) -> str:
    return (
        f"the file was not passed on: of its {lines} lines {done} were inspected in "
        f"{examiner.timeout_s:g} s; send smaller batches, or ask the operator to raise "
        "GLASSGATE_INSPECT_TIMEOUT_S"
    )


def _line(row: bytes, number: int, provider: Downloads, examiner: Examiner, trace: Trace) -> _Line:
    """One line, examined. Raises ``RequestError``."""
    try:
        line = strict_json.parse(row)
        exchange = replace(provider.read_line(line), shown=UNKNOWN)
    except RequestError as error:
        raise Malformed(error.message, f"/lines/{number}{error.pointer or ''}") from None
    inspection = examiner.inspect(exchange)
    decision = examiner.decide(exchange, inspection, trace)
    changed = decision.action is Action.REWRITE
    decision = examine.edited(
        line, provider.read_line, examiner, trace, inspection=inspection, decision=decision
    )
    if decision.action is Action.REFUSE:
        row = strict_json.dump(_refused(line, decision, provider, f"{trace.id}-{number}"))
    elif changed:
        row = strict_json.dump(line)
    return _Line(row, exchange, inspection, decision)


def _refused(
    line: strict_json.Json, decision: Decision, provider: Downloads, call: str
) -> strict_json.Json:
    """The line with the refusal that the policy asks for: its dialect's own, or an error."""
    if decision.refusal is Refusal.ERROR:
        return provider.failed_line(line, ContentFiltered(decision.message))
    try:
        return provider.refused_line(line, decision.message, call, int(time.time()))
    except ContentFiltered as error:
        return provider.failed_line(line, error)


def _together(said: Sequence[_Line], provider: Downloads) -> tuple[Exchange, Inspection, Decision]:
    """All lines as one exchange, the line's number before each place, with the strictest decision.

    Every rule that matched in any of them is told.
    """
    places = [f"/lines/{number}" for number in range(len(said))]
    models = {line.exchange.model for line in said} - {""}
    exchange = Exchange(
        dialect=provider.dialect,
        model=models.pop() if len(models) == 1 else "",
        stage=Stage.RESPONSE,
        messages=tuple(_messages(said, places)),
        shown=UNKNOWN,
    )
    found = [_under(at, line.inspection) for at, line in zip(places, said, strict=True)]
    inspection = Inspection(
        parts=tuple(chain.from_iterable(each.parts for each in found)),
        findings=tuple(chain.from_iterable(each.findings for each in found)),
        runs=tuple(chain.from_iterable(each.runs for each in found)),
        coverage=Coverage(
            seen=sum(each.coverage.seen for each in found),
            inspected=sum(each.coverage.inspected for each in found),
            gaps=tuple(chain.from_iterable(each.coverage.gaps for each in found)),
        ),
    )
    decisions = [line.decision for line in said]
    decision = replace(
        max(decisions, key=lambda each: each.action.strictness),
        rules=_distinct(each.rules for each in decisions),
        shadow=_distinct(each.shadow for each in decisions),
        edits=(),
        reasons=(),
        allowed=tuple(
            replace(allowed, part=at + allowed.part)
            for at, each in zip(places, decisions, strict=True)
            for allowed in each.allowed
        ),
    )
    return exchange, inspection, decision


def _messages(said: Sequence[_Line], places: Sequence[str]) -> Iterator[Message]:
    for at, line in zip(places, said, strict=True):
        yield from below(line.exchange.messages, at)


def _under(at: str, found: Inspection) -> Inspection:
    """A line's inspection, with its places in the file."""

    def moved(part: Part) -> Part:
        parent = None if part.parent is None else at + part.parent
        return replace(part, pointer=at + part.pointer, parent=parent)

    coverage = found.coverage
    return Inspection(
        parts=tuple(map(moved, found.parts)),
        findings=tuple(replace(each, part=at + each.part) for each in found.findings),
        runs=tuple(replace(each, part=at + each.part) for each in found.runs),
        coverage=replace(
            coverage, gaps=tuple(replace(each, part=at + each.part) for each in coverage.gaps)
        ),
    )


def _distinct(rules: Iterator[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(chain.from_iterable(rules)))
