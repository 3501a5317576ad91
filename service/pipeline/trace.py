"""What is known of a call so far; when it is over, what is remembered of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from operator import attrgetter

from detectors.contract.exchange import NOTHING_SHOWN, Exchange, Shown, Stage
from detectors.contract.finding import Finding, Gap, Inspection
from service.errors import GlassgateError
from service.pipeline.turns import Open
from service.policy.fields import Capture, Capturing
from service.policy.model import NOBODY, Action, Caller, Decision, PolicyFile, Severity
from service.store.capture import Payload, wanted
from service.store.record import Record as Kept
from service.store.record import recorded
from service.store.retention import DAY_S
from service.store.writer import Writer
from service.telemetry import audit, metrics
from service.telemetry.audit import Ran, Record, Seen


@dataclass(slots=True, kw_only=True)
class Trace:
    """One call while it is under way, written by one thread at a time.

    ``body`` gives the request as it came, until it was examined; ``shown`` is what of it an answer
    is judged by, and ``turn`` remembers it where later requests may go on from that answer.
    """

    id: str
    dialect: str
    policy: str
    views: frozenset[str]
    caller: Caller = NOBODY
    store: Writer | None = None
    begun: float = field(default_factory=time.perf_counter)
    model: str = ""
    stream: bool = False
    stage: Stage = Stage.REQUEST
    body: Callable[[], bytes] = bytes
    shown: Shown = NOTHING_SHOWN
    turn: Open | None = None
    decision: Decision | None = None
    status: int = 0
    error: str = ""
    upstream_status: int | None = None
    seen: int = 0
    inspected: int = 0
    gaps: list[Gap] = field(default_factory=list)
    highest: dict[tuple[str, str], float] = field(default_factory=dict)
    shadow: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()
    severity: Severity | None = None
    tags: tuple[str, ...] = ()
    ms: dict[str, float] = field(default_factory=dict)
    runs: dict[str, Ran] = field(default_factory=dict)
    records: list[tuple[Kept, bytes]] = field(default_factory=list)
    capturing: Capturing = field(default_factory=Capturing)

    @property
    def action(self) -> str:
        if self.error:
            return "error"
        return self.decision.action.value if self.decision else Action.FORWARD.value

    @property
    def coverage(self) -> str:
        """Parts inspected of parts seen, of the request and its answer: ``7/7``."""
        return f"{self.inspected}/{self.seen}"

    @contextmanager
    def timed(self, verb: str) -> Iterator[None]:
        """Adds the time of the block to the verb's milliseconds."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.spent(verb, (time.perf_counter() - begun) * 1000)

    def spent(self, verb: str, ms: float) -> None:
        """Adds to the verb's milliseconds."""
        self.ms[verb] = self.ms.get(verb, 0.0) + ms

    def asked(self, exchange: Exchange) -> None:
        self.model = exchange.model
        self.stream = exchange.stream

    def answering(self, exchange: Exchange) -> Exchange:
        """An answer with what is known of its request: what was shown, and the model named there.

        A model's server may answer by another name, and scopes are chosen by what was asked for.
        """
        return replace(exchange, shown=self.shown, model=self.model or exchange.model)

    def inspection(self, inspection: Inspection, *, again: bool = False) -> None:
        """Notes what an inspection saw; ``again`` is one of parts that were counted before."""
        if not again:
            self.seen += inspection.coverage.seen
            self.inspected += inspection.coverage.inspected
            self.gaps.extend(inspection.coverage.gaps)
        origins = {part.key: part.origin.value for part in inspection.parts}
        for finding in inspection.findings:
            self._note(finding, origins[finding.part])
        for run in inspection.runs:
            self.spent("reveal" if run.owner in self.views else "judge", run.ms)
            ran = self.runs.get(run.detector, Ran(detector=run.detector))
            self.runs[run.detector] = ran.and_one(run.outcome.value, run.ms)

    def decided(self, decision: Decision, stage: Stage) -> None:
        """Notes a decision. A rewritten request stays one, whatever its answer was."""
        self.shadow = _distinct((*self.shadow, *decision.shadow))
        self.allowed = _distinct((*self.allowed, *(each.entry for each in decision.allowed)))
        self.opened = _distinct((*self.opened, *decision.opened))
        self.tags = _distinct((*self.tags, *decision.tags))
        severities = [each for each in (self.severity, decision.severity) if each is not None]
        self.severity = max(severities, key=attrgetter("rank"), default=None)
        before = self.decision
        if before is None:
            self.decision, self.stage = decision, stage
            return
        if decision.action.strictness > before.action.strictness:
            self.decision, self.stage = decision, stage
        else:
            self.decision = before
        rules = _distinct((*before.rules, *decision.rules))
        self.decision = replace(self.decision, rules=rules)

    def keep(
        self,
        exchange: Exchange,
        inspection: Inspection,
        decision: Decision,
        policy: PolicyFile,
        payload: Callable[[], bytes],
    ) -> None:
        """Takes down for the audit store what was decided on what, and by which policy.

        ``payload`` gives the body, which is held till the end of the call if it may be captured.
        """
        if self.store is None:
            return
        self.capturing = policy.capture
        kept = recorded(
            exchange,
            inspection,
            decision,
            id=self.id,
            at=time.time(),
            caller=self.caller,
            headers=policy.headers,
        )
        nothing = policy.capture.of is Capture.NONE
        self.records.append((kept, b"" if nothing else payload()))

    def failed(self, error: GlassgateError) -> None:
        self.error = error.code
        self.status = error.status

    def broke(self, error: GlassgateError) -> None:
        """Notes an error that ended an answer on its way: the client has its status already."""
        self.error = error.code

    def remember(self) -> None:
        """One line in the log, one step of each counter, and what the audit store keeps."""
        self.ms["total"] = (time.perf_counter() - self.begun) * 1000
        record = self._record()
        audit.record(record)
        metrics.observe(record)
        if self.store is not None:
            for kept, data in self.records:
                self.store.offer(kept, self._captured(kept, data))

    def _captured(self, kept: Kept, data: bytes) -> Payload | None:
        """The body of a request or an answer, if the policy has it kept."""
        flagged = any(each.rules or each.shadow for each, _ in self.records)
        if not wanted(self.capturing, self.id, flagged=flagged):
            return None
        expires = kept.time + self.capturing.days * DAY_S
        return Payload(call=kept.id, stage=kept.stage, time=kept.time, expires=expires, data=data)

    def _record(self) -> Record:
        return Record(
            id=self.id,
            dialect=self.dialect,
            model=self.model,
            stream=self.stream,
            action=self.action,
            stage=self.stage.value,
            status=int(self.status),
            error=self.error,
            rules=self.decision.rules if self.decision else (),
            shadow=self.shadow,
            allowed=self.allowed,
            opened=self.opened,
            severity=self.severity.value if self.severity else "",
            tags=self.tags,
            findings=tuple(
                Seen(label=label, origin=origin, score=score)
                for (label, origin), score in sorted(self.highest.items())
            ),
            seen=self.seen,
            inspected=self.inspected,
            gaps=tuple((gap.kind, gap.reason) for gap in self.gaps),
            ms={verb: round(ms, 3) for verb, ms in list(self.ms.items())},
            runs=tuple(self.runs.values()),
            upstream_status=self.upstream_status,
            policy=self.policy,
            scope=self.decision.scope if self.decision else "",
        )

    def _note(self, finding: Finding, origin: str) -> None:
        place = (finding.label, origin)
        self.highest[place] = max(finding.score, self.highest.get(place, 0.0))


def _distinct(rules: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(rules))
