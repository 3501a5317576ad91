"""One inspection while it is written: its parts, runs and gaps, and what it may still cost."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from detectors.contract.detector import View
from detectors.contract.exchange import ImagePart, Part, TextPart
from detectors.contract.finding import Finding, Gap, Outcome, Run

T = TypeVar("T")


@dataclass(slots=True)
class Sheet:
    """One inspection while it is being written."""

    deadline: float
    picture_s: float
    parts: list[Part] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    roots: dict[str, str] = field(default_factory=dict)
    gaps: dict[str, Gap] = field(default_factory=dict)
    spent_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, part: Part) -> None:
        self.parts.append(part)
        self.roots[part.key] = self.roots.get(part.parent or "", part.parent or part.key)

    def run(self, part: Part, detector: str, outcome: Outcome, ms: float, reason: str = "") -> None:
        self.runs.append(
            Run(part=part.key, detector=detector, outcome=outcome, ms=ms, reason=reason)
        )
        if outcome not in {Outcome.CLEAN, Outcome.FOUND}:
            self.gap(part, outcome.value, f"{detector}: {reason}")

    def gap(self, part: Part, kind: str, reason: str) -> None:
        root = self.roots[part.key]
        self.gaps.setdefault(root, Gap(part=root, kind=kind, reason=reason))

    @property
    def texts(self) -> list[TextPart]:
        return [part for part in self.parts if isinstance(part, TextPart)]

    def late(self, part: Part | None = None) -> str:
        """Why nothing more may begin, of this part if one is named; empty while it may."""
        if time.monotonic() > self.deadline:
            return "deadline"
        if isinstance(part, ImagePart) and self.spent_s[part.key] > self.picture_s:
            return "the picture's budget is spent"
        return ""

    @contextmanager
    def spending(self, part: Part) -> Iterator[None]:
        """Counts what the block computes as spent on the part."""
        computed = time.thread_time()
        try:
            yield
        finally:
            self.spent_s[part.key] += time.thread_time() - computed


@dataclass(slots=True)
class Looks:
    """The looks of a view at a part: the milliseconds of each, and why some did not begin."""

    part: Part
    sheet: Sheet
    ms: dict[str, float] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def spend(self, run: str, look: Callable[[], Sequence[T]]) -> Sequence[T]:
        self.ms.setdefault(run, 0.0)
        if reason := self.sheet.late(self.part):
            self.left_out[run] = reason
            return ()
        begun = time.perf_counter()
        try:
            with self.sheet.spending(self.part):
                return look()
        finally:
            self.ms[run] += elapsed_ms(begun)

    def write(self, view: View, derived: Sequence[Part], ms: float) -> None:
        """The runs of a view over a part: its own, and one for each look."""
        methods = {child.method for child in derived}
        own = Outcome.FOUND if methods - self.ms.keys() else Outcome.CLEAN
        self.sheet.run(self.part, view.name, own, round(ms - sum(self.ms.values()), 3))
        for name, spent in self.ms.items():
            reason = self.left_out.get(name, "")
            shown = Outcome.FOUND if name in methods else Outcome.CLEAN
            outcome = Outcome.TIMED_OUT if reason else shown
            self.sheet.run(self.part, name, outcome, round(spent, 3), reason)


def elapsed_ms(begun: float) -> float:
    """Milliseconds since ``begun``, a moment of ``time.perf_counter``."""
    return round((time.perf_counter() - begun) * 1000, 3)
