"""Runs a suite through the gate, row by row, on all threads."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from service.evaluation.suite import Row
from service.policy.model import Action
from service.trial import Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the gate made of a row: ``scores`` are the highest of each label, ``ms`` the time."""

    row: Row
    action: Action
    rules: tuple[str, ...]
    scores: Mapping[str, float]
    ms: float

    @property
    def stopped(self) -> bool:
        """Whether the request did not pass as it was."""
        return self.action is not Action.FORWARD

    def as_json(self) -> dict[str, object]:
        """What ``--out`` writes of it."""
        return {
            "id": self.row.id,
            "action": self.action.value,
            "rules": list(self.rules),
            "scores": dict(self.scores),
            "ms": round(self.ms, 3),
        }


def run(trial: Trial, rows: Sequence[Row], threads: int) -> Iterator[Outcome]:
    """The outcome of each row, in their order. Raises ``TrialError`` naming a row."""
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(lambda row: _examined(trial, row), rows)


def _examined(trial: Trial, row: Row) -> Outcome:
    begun = time.perf_counter()
    examined, _ = trial.examine(row.text, [row.image] if row.image else [], row.role)
    return Outcome(
        row=row,
        action=examined.decision.action,
        rules=examined.decision.rules,
        scores=examined.inspection.scores,
        ms=(time.perf_counter() - begun) * 1000,
    )
