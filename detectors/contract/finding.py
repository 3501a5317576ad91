"""What inspection leaves behind: findings, runs, coverage. None of it holds payload."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from detectors.contract.exchange import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A judgement about one part.

    ``score`` is 0..1 and means something only beside other scores of the same ``label``.
    ``span`` holds (start, end) character offsets into the part's text, None for all of it.
    ``evidence`` names what was matched in bounded words (a pattern's name), never the text.
    """

    label: str
    score: float
    part: str
    detector: str
    span: tuple[int, int] | None = None
    evidence: str = ""


class Outcome(StrEnum):
    """How a run of one detector over one part ended."""

    CLEAN = "clean"
    FOUND = "found"
    SKIPPED = "skipped"
    FAILED = "failed"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One (part x detector), how it ended, why if it did not finish, and its milliseconds.

    A look of a view has a name after the view's (``ocr:faint``), and its milliseconds are not among
    the view's own.
    """

    part: str
    detector: str
    outcome: Outcome
    ms: float
    reason: str = ""

    @property
    def owner(self) -> str:
        """The name by which policies know the detector: the view's, of a look."""
        return self.detector.partition(":")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A part that was not inspected, and why."""

    part: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How many of the exchange's own parts (derived ones excluded) were inspected whole."""

    seen: int
    inspected: int
    gaps: tuple[Gap, ...] = ()

    @property
    def complete(self) -> bool:
        return not self.gaps

    def __str__(self) -> str:
        return f"{self.inspected}/{self.seen}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """All that is known of one exchange: its parts with the derived ones, and what was found."""

    parts: tuple[Part, ...]
    findings: tuple[Finding, ...]
    runs: tuple[Run, ...]
    coverage: Coverage

    @property
    def scores(self) -> dict[str, float]:
        """Label → the highest score that any part has, the highest label first."""
        highest: dict[str, float] = {}
        for finding in self.findings:
            highest[finding.label] = max(finding.score, highest.get(finding.label, 0.0))
        return dict(sorted(highest.items(), key=lambda item: -item[1]))
