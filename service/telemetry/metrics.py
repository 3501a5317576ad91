"""What Prometheus sees. Labels are bounded: none holds a value that a client chose.

Each worker process writes its own numbers into the folder that ``PROMETHEUS_MULTIPROC_DIR`` names,
and the admin listener adds them up. Counters of a worker that ended stay in the sum; its gauges
leave it once the parent has called ``prometheus_client.multiprocess.mark_process_dead(pid)``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Final, TypeVar

from prometheus_client import Counter, Gauge, Histogram

from detectors.contract.exchange import Origin
from detectors.contract.labels import LABELS
from service.telemetry.audit import Ran, Record

VERBS: Final = ("read", "pin", "reveal", "judge", "decide", "act", "send", "guard", "total")
ACTIONS: Final = ("forward", "rewrite", "refuse", "error")
NO_ANSWER: Final = {"upstream_unreachable": "unreachable", "upstream_timeout": "timeout"}
"""Error code of a request whose upstream gave no answer, and what stands in place of a status."""
OTHER: Final = "other"
LIKELY: Final = 0.5
"""Score from which a finding is counted. Scores are calibrated: at a half, likelier than not."""

_BUCKETS_MS: Final = (0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000)
_BUCKETS: Final = tuple(ms / 1000 for ms in _BUCKETS_MS)
_MOST: Final = 200
"""Series of one metric in one process. What comes after is counted under ``other``."""
_STATUSES: Final = frozenset(status.value for status in HTTPStatus)
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,95}")

REQUESTS: Final = Counter(
    "glassgate_requests", "Requests by dialect and by what was done.", ["dialect", "action"]
)
RULES: Final = Counter(
    "glassgate_rules_matched", "Requests that a rule matched: enforce, shadow.", ["rule", "mode"]
)
ALLOWED: Final = Counter(
    "glassgate_allowed", "Decisions that an entry of the allow-list changed.", ["entry"]
)
FAIL_OPEN: Final = Counter(
    "glassgate_fail_open", "Requests that a detector's failure was let pass in.", ["detector"]
)
FINDINGS: Final = Counter(
    "glassgate_findings",
    "Requests with a likely finding, by its label and origin.",
    ["label", "origin"],
)
SEEN: Final = Counter("glassgate_parts_seen", "Parts that requests and answers consisted of.")
INSPECTED: Final = Counter("glassgate_parts_inspected", "Parts that were inspected whole.")
GAPS: Final = Counter("glassgate_gaps", "Parts not inspected whole, by kind.", ["kind"])
VERB_SECONDS: Final = Histogram(
    "glassgate_verb_seconds", "Time in each verb of a request.", ["verb"], buckets=_BUCKETS
)
ADDED_SECONDS: Final = Histogram(
    "glassgate_added_seconds", "Time of a request without its upstream's.", buckets=_BUCKETS
)
RUNS: Final = Counter(
    "glassgate_runs",
    "Runs of a detector, or of a look, over a part.",
    ["detector", "outcome"],
)
DETECTOR_SECONDS: Final = Histogram(
    "glassgate_detector_seconds",
    "Time of a detector, or of a look, in a request in which it ran.",
    ["detector"],
    buckets=_BUCKETS,
)
QUEUE_DEPTH: Final = Gauge(
    "glassgate_queue_depth", "Inspections that run or wait.", multiprocess_mode="livesum"
)
QUEUE_LIMIT: Final = Gauge(
    "glassgate_queue_limit", "Inspections that may run or wait.", multiprocess_mode="livesum"
)
REJECTED: Final = Counter(
    "glassgate_rejected", "Requests that ended in an error, by its code.", ["reason"]
)
AUDIT_DROPPED: Final = Counter(
    "glassgate_audit_dropped", "Records that the audit store did not keep."
)
UPSTREAM: Final = Counter(
    "glassgate_upstream_responses",
    "Answers of the upstream by status; unreachable and timeout where there was none.",
    ["status"],
)
POLICY: Final = Gauge(
    "glassgate_policy_info",
    "Workers that decide by the policy with this hash.",
    ["hash"],
    multiprocess_mode="livesum",
)
DECISIONS: Final = Counter(
    "glassgate_policy_decisions",
    "Requests by the policy that decided and by what was done.",
    ["policy", "action"],
)
MODELS: Final = Gauge(
    "glassgate_model_info",
    "Workers that loaded this version of a detector.",
    ["detector", "version"],
    multiprocess_mode="livesum",
)

Labelled = TypeVar("Labelled", Counter, Gauge, Histogram)
_known: Final[dict[Counter | Gauge | Histogram, set[tuple[str, ...]]]] = {}
_in_force: Final[set[str]] = set()


def observe(r: Record) -> None:
    """Counts one request, once, when it is over."""
    _of(REQUESTS, r.dialect, r.action).inc()
    _of(DECISIONS, r.policy, r.action).inc()
    for entry in r.allowed:
        _of(ALLOWED, entry).inc()
    for detector in r.opened:
        _of(FAIL_OPEN, detector).inc()
    for mode, rules in (("enforce", r.rules), ("shadow", r.shadow)):
        for rule in rules:
            _of(RULES, rule, mode).inc()
    for finding in (one for one in r.findings if one.score >= LIKELY):
        _of(FINDINGS, finding.label, finding.origin).inc()
    SEEN.inc(r.seen)
    INSPECTED.inc(r.inspected)
    for kind, _reason in r.gaps:
        _of(GAPS, kind).inc()
    _observe_time(r.ms)
    _observe_runs(r.runs)
    if r.error:
        _of(REJECTED, r.error).inc()
    if r.upstream_status is not None:
        _of(UPSTREAM, _status(r.upstream_status)).inc()
    elif r.error in NO_ANSWER:
        _of(UPSTREAM, NO_ANSWER[r.error]).inc()


def _observe_time(ms: Mapping[str, float]) -> None:
    for verb in VERBS:
        if verb in ms:
            _of(VERB_SECONDS, verb).observe(ms[verb] / 1000)
    if "total" in ms:
        ADDED_SECONDS.observe(max(0.0, ms["total"] - ms.get("send", 0.0)) / 1000)


def _observe_runs(runs: Iterable[Ran]) -> None:
    for ran in runs:
        _of(DETECTOR_SECONDS, ran.detector).observe(ran.ms / 1000)
        for outcome, count in ran.outcomes.items():
            _of(RUNS, ran.detector, outcome).inc(count)


def expect(
    dialects: Iterable[str] = (),
    rules: Iterable[str] = (),
    shadow: Iterable[str] = (),
    policy: str = "",
    fail_open: Iterable[str] = (),
) -> None:
    """Starts the series of what is configured at zero, so that a rate sees their first event.

    ``rules`` are those enforced, ``shadow`` those only counted, ``policy`` is the hash of theirs,
    ``fail_open`` the detectors that may fail. Call it again after a change.
    """
    for dialect in dialects:
        for action in ACTIONS:
            _of(REQUESTS, dialect, action).inc(0)
    for action in ACTIONS if policy else ():
        _of(DECISIONS, policy, action).inc(0)
    for rule in rules:
        _of(RULES, rule, "enforce").inc(0)
    for rule in shadow:
        _of(RULES, rule, "shadow").inc(0)
    for detector in fail_open:
        _of(FAIL_OPEN, detector).inc(0)


def queue_depth(n: int) -> None:
    """Says how many inspections run or wait in this process."""
    QUEUE_DEPTH.set(n)


def queue_limit(n: int) -> None:
    """Says how many inspections may run or wait in this process."""
    QUEUE_LIMIT.set(n)


def audit_dropped(n: int) -> None:
    """Counts records that the audit store did not keep."""
    AUDIT_DROPPED.inc(n)


def policy_in_force(hash_: str) -> None:
    """Says which policy this process decides by from now on; the one before reads 0."""
    for former in _in_force - {hash_}:
        _of(POLICY, former).set(0)
    _in_force.clear()
    _in_force.add(hash_)
    _of(POLICY, hash_).set(1)


def models_loaded(models: Mapping[str, str]) -> None:
    """Says which detectors this process runs: name → version."""
    for detector, version in models.items():
        _of(MODELS, detector, version).set(1)


def _of(metric: Labelled, *values: str) -> Labelled:
    """The series with these labels, or the one that gathers what is past the bound."""
    words = tuple(value if _WORD.fullmatch(value) else OTHER for value in values)
    known = _known.setdefault(metric, set())
    if words not in known:
        if len(known) >= _MOST:
            words = (OTHER,) * len(words)
        known.add(words)
    return metric.labels(*words)


def _status(status: int) -> str:
    return str(status) if status in _STATUSES else OTHER


def _start_at_zero() -> None:
    """Every series whose labels are known from the start."""
    for label in LABELS:
        for origin in Origin:
            _of(FINDINGS, label, origin).inc(0)
    for verb in VERBS:
        _of(VERB_SECONDS, verb)
    for status in ("200", *NO_ANSWER.values()):
        _of(UPSTREAM, status).inc(0)
    for reason in ("overloaded", *NO_ANSWER):
        _of(REJECTED, reason).inc(0)


_start_at_zero()
