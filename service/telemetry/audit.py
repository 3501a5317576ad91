"""The canonical line: what was decided about one request, and why, without a word of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from service.telemetry.lines import every_level

UNFIT: Final = "(unfit)"
"""Stands where a value was not of the shape that its field may have."""

_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,95}")
_PHRASE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ,._:/()'-]{0,95}")
_MOST: Final = 40
"""Of one kind of thing in a line; a request with more is counted, not listed."""

_log: Final = every_level()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The highest score of a label among the parts of one origin."""

    label: str
    origin: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """The runs of a detector, or of one look of a view, in one call: their time and how they ended.

    ``outcomes`` tells how many ended so: clean, found, skipped, failed, timed_out.
    """

    detector: str
    ms: float = 0.0
    outcomes: Mapping[str, int] = field(default_factory=dict)

    def and_one(self, outcome: str, ms: float) -> Ran:
        """These and one more."""
        counted = {**self.outcomes, outcome: self.outcomes.get(outcome, 0) + 1}
        return Ran(detector=self.detector, ms=self.ms + ms, outcomes=counted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is remembered of one request.

    ``action`` is forward, rewrite, refuse or error, and ``stage`` (request, response) says which
    inspection decided it. ``error`` is the code of ``service.errors``, empty if there was none.
    ``rules`` matched and were enforced, ``shadow`` matched and were only counted. ``allowed`` are
    the entries of the allow-list without which other rules had matched, ``opened`` the detectors
    whose failure the policy let pass. ``severity`` is the highest of all rules that matched, empty
    if none did, and ``tags`` are theirs. ``findings`` holds one entry for each label and origin.
    ``seen`` and ``inspected`` count parts of both stages; ``gaps`` says as (kind, reason) what was
    not inspected. ``ms`` is milliseconds by verb, ``total`` included, and ``runs`` what each
    detector took of them. ``upstream_status`` is None if the model's server gave no answer.
    ``policy`` is the hash of the policy that decided, ``scope`` the id of its scope, if one did.
    """

    id: str
    dialect: str
    model: str
    stream: bool
    action: str
    stage: str
    status: int
    error: str
    rules: tuple[str, ...]
    shadow: tuple[str, ...]
    allowed: tuple[str, ...]
    opened: tuple[str, ...]
    severity: str
    tags: tuple[str, ...]
    findings: tuple[Seen, ...]
    seen: int
    inspected: int
    gaps: tuple[tuple[str, str], ...]
    ms: Mapping[str, float]
    runs: tuple[Ran, ...]
    upstream_status: int | None
    policy: str
    scope: str


def record(r: Record) -> None:
    """Writes the canonical line, whatever the log level: it is the memory, not a diagnostic.

    Every string passes a shape of its field first. The model's name is the one that a client
    chooses: a word of at most 96 characters without spaces, or ``(unfit)``.
    """
    _log.info("request", **_fields(r))


def _fields(r: Record) -> dict[str, object]:
    gaps = Counter((_word(kind), _phrase(reason)) for kind, reason in r.gaps)
    return {
        "id": _word(r.id),
        "dialect": _word(r.dialect),
        "model": _word(r.model),
        "stream": r.stream,
        "action": _word(r.action),
        "stage": _word(r.stage),
        "status": r.status,
        "error": _word(r.error),
        "rules": _words(r.rules),
        "shadow": _words(r.shadow),
        "allowed": _words(r.allowed),
        "opened": _words(r.opened),
        "severity": _word(r.severity),
        "tags": _words(r.tags),
        "findings": [
            {"label": _word(f.label), "origin": _word(f.origin), "score": round(f.score, 4)}
            for f in islice(r.findings, _MOST)
        ],
        "coverage": f"{r.inspected}/{r.seen}",
        "gaps": [
            {"kind": kind, "reason": reason, "parts": parts}
            for (kind, reason), parts in gaps.most_common(_MOST)
        ],
        "ms": {_word(verb): round(ms, 1) for verb, ms in islice(r.ms.items(), _MOST)},
        "runs": {
            _word(ran.detector): {"ms": round(ran.ms, 1), **ran.outcomes}
            for ran in islice(r.runs, _MOST)
        },
        "upstream_status": r.upstream_status,
        "policy": _word(r.policy),
        "scope": _word(r.scope),
    }


def _words(values: tuple[str, ...]) -> list[str]:
    return [_word(value) for value in islice(values, _MOST)]


def _word(value: str) -> str:
    return value if not value or _WORD.fullmatch(value) else UNFIT


def _phrase(value: str) -> str:
    return value if not value or _PHRASE.fullmatch(value) else UNFIT
