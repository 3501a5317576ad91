"""The policies that decide now: one, or two while a new one is tried on a share of the requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.pipeline.examine import Examiner
from service.policy.engine import drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What a call is examined by. Taken once when it begins, so that it ends on the same policy.

    ``trial`` decides the ``share`` of the requests that their ids choose, ``examiner`` the others.
    """

    examiner: Examiner
    trial: Examiner | None = None
    share: float = 0.0

    @property
    def examiners(self) -> Sequence[Examiner]:
        return (self.examiner,) if self.trial is None else (self.examiner, self.trial)

    def of(self, request: str) -> Examiner:
        """Who examines the request with this id."""
        if self.trial is not None and drawn(self.trial.policy.hash, request) < self.share:
            return self.trial
        return self.examiner
