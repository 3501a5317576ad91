"""Inspection: runs the views, then the checks, over every part, and accounts for each.

A part counts as inspected when every view that applies to it and every check of its text ended
clean or found, and so did those of everything derived from it. Anything else is a gap.
"""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from detectors.cache import Revealed, VerdictCache, content_key
from detectors.contract.detector import (
    Check,
    Comparison,
    Detector,
    DetectorError,
    Looking,
    View,
)
from detectors.contract.exchange import (
    DocumentPart,
    Exchange,
    ImagePart,
    OpaquePart,
    Part,
    Stage,
    TextPart,
)
from detectors.contract.finding import Coverage, Finding, Gap, Inspection, Outcome, Run
from detectors.views.join import join
from detectors.views.metadata import UNSEEN
from detectors.views.ocr.hidden import UNSENT

MOST_PARTS: Final = 2048  # with the derived ones: a request may not cost without bound
MOST_DEPTH: Final = 4  # of views upon views
T = TypeVar("T")

BATCH: Final = 32  # texts a check judges at once; the deadline is looked at between batches


@dataclass(slots=True)
class _Sheet:
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
class _Looks:
    """The looks of a view at a part: the milliseconds of each, and why some did not begin."""

    part: Part
    sheet: _Sheet
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
            self.ms[run] += _ms(begun)


class Inspector:
    """Views and checks over one exchange at a time. Thread-safe: it keeps nothing but verdicts."""

    def __init__(
        self,
        views: Sequence[View],
        checks: Sequence[Check],
        cache: VerdictCache | None = None,
        *,
        picture_s: float = math.inf,
    ) -> None:
        """``picture_s`` are seconds of computing after which no view or look of a picture begins.

        The plain reading of a view that looks in several ways is not among them: the more text a
        picture honestly holds, the longer that takes.
        They are the thread's own, so a picture is decided alike on a busy machine. A list of views
        that has the cheap ones first leaves out little.

        Runs, findings and verdicts are told apart by a detector's name. Raises ``ValueError`` if
        two have the same.
        """
        self.views = tuple(views)
        self.checks = tuple(checks)
        self._cache = cache if cache is not None else VerdictCache(0)
        self._picture_s = picture_s
        twins = [name for name, count in Counter(self._names()).items() if count > 1]
        if twins:
            raise ValueError(f"two detectors are named {twins[0]}: each needs a name of its own")

    def versions(self) -> dict[str, str]:
        """Detector name → version."""
        return {detector.name: detector.version for detector in self._detectors()}

    def self_check(self) -> None:
        """Raises ``SelfCheckError`` if any detector does not give its known answer."""
        for detector in self._detectors():
            detector.self_check()

    def _names(self) -> list[str]:
        return [detector.name for detector in self._detectors()]

    def _detectors(self) -> tuple[Detector, ...]:
        return (*self.views, *self.checks)

    def inspect(self, exchange: Exchange, timeout_s: float) -> Inspection:
        """Everything that is known of the exchange; what is not reached in time is a gap.

        A view or check that has begun is not interrupted: a deadline holds between runs.
        """
        sheet = _Sheet(deadline=time.monotonic() + timeout_s, picture_s=self._picture_s)
        own = list(exchange.parts())
        for part in own:
            sheet.add(part)
        for part in own:
            self._reveal(part, sheet, 0)
        for text in join(exchange, _read_from_pictures(sheet)):
            sheet.add(text)
            self._reveal(text, sheet, 0)
        texts = [part for part in sheet.parts if isinstance(part, TextPart)]
        for check in self.checks:
            self._judge(_beside(check, exchange), texts, sheet)
        coverage = Coverage(
            seen=len(own), inspected=len(own) - len(sheet.gaps), gaps=tuple(sheet.gaps.values())
        )
        return Inspection(
            parts=tuple(sheet.parts),
            findings=tuple(sheet.findings),
            runs=tuple(sheet.runs),
            coverage=coverage,
        )

    def _reveal(self, part: Part, sheet: _Sheet, depth: int) -> None:
        applying = [view for view in self.views if view.applies(part)]
        if isinstance(part, OpaquePart):
            sheet.gap(part, part.kind, part.reason)
        elif not applying and isinstance(part, ImagePart | DocumentPart):
            sheet.gap(part, "no_detector", f"no view reads {part.media_type}")
        for view in applying:
            if depth >= MOST_DEPTH or len(sheet.parts) >= MOST_PARTS:
                sheet.run(part, view.name, Outcome.SKIPPED, 0.0, "too much to derive")
                continue
            for child in self._derive(view, part, sheet):
                sheet.add(child)
                self._reveal(child, sheet, depth + 1)

    def _derive(self, view: View, part: Part, sheet: _Sheet) -> Sequence[Part]:
        if reason := sheet.late(part):
            sheet.run(part, view.name, Outcome.TIMED_OUT, 0.0, reason)
            return ()
        begun, looks = time.perf_counter(), _Looks(part, sheet)
        key = content_key(view, part) if isinstance(part, ImagePart | DocumentPart) else ""
        known = self._cache.revealed(key) if key else None
        if known is not None:
            derived: Sequence[Part] = known.parts
            looks.ms.update(dict.fromkeys(known.looks, 0.0))
        else:
            try:
                derived = _revealed(view, part, looks)
            except Exception as error:  # noqa: BLE001 - whatever a view meets, the run has failed
                sheet.run(part, view.name, Outcome.FAILED, _ms(begun), _reason(error))
                return ()
            if key and not looks.left_out:
                self._cache.put_revealed(key, Revealed(tuple(derived), tuple(looks.ms)))
        _take_down(view, looks, derived, _ms(begun))
        return [
            replace(child, pointer=part.pointer, parent=part.key, call=part.call)
            for child in derived
        ]

    def _judge(self, check: Check, texts: Sequence[TextPart], sheet: _Sheet) -> None:
        twins: dict[str, list[TextPart]] = {}
        for text in texts:
            twins.setdefault(content_key(check, text), []).append(text)
        new = []
        for key, same in twins.items():
            known = self._cache.findings(key)
            if known is None:
                new.append((key, same))
            else:
                _settle(check, same, known, 0.0, sheet)
        for start in range(0, len(new), BATCH):
            self._judge_batch(check, new[start : start + BATCH], sheet)

    def _judge_batch(
        self, check: Check, batch: Sequence[tuple[str, list[TextPart]]], sheet: _Sheet
    ) -> None:
        """Judges each distinct text once; a text that fails does not take the others with it."""
        if reason := sheet.late():
            for text in (text for _, same in batch for text in same):
                sheet.run(text, check.name, Outcome.TIMED_OUT, 0.0, reason)
            return
        begun = time.perf_counter()
        try:
            judged = check.judge([same[0] for _, same in batch])
        except Exception as error:  # noqa: BLE001 - whatever a check meets, the run has failed
            if len(batch) > 1:
                for single in batch:
                    self._judge_batch(check, [single], sheet)
                return
            for text in batch[0][1]:
                sheet.run(text, check.name, Outcome.FAILED, _ms(begun), _reason(error))
            return
        share = _ms(begun) / len(batch)
        for (key, same), found in zip(batch, judged, strict=True):
            self._cache.put_findings(key, tuple(found))
            _settle(check, same, found, share, sheet)


def _revealed(view: View, part: Part, looks: _Looks) -> Sequence[Part]:
    if isinstance(view, Looking):
        return view.look(part, looks)
    with looks.sheet.spending(part):
        return view.reveal(part)


def _take_down(view: View, looks: _Looks, derived: Sequence[Part], ms: float) -> None:
    """The runs of a view over a part: its own, and one for each look."""
    part, sheet, methods = looks.part, looks.sheet, {child.method for child in derived}
    own = Outcome.FOUND if methods - looks.ms.keys() else Outcome.CLEAN
    sheet.run(part, view.name, own, round(ms - sum(looks.ms.values()), 3))
    for name, spent in looks.ms.items():
        reason = looks.left_out.get(name, "")
        shown = Outcome.FOUND if name in methods else Outcome.CLEAN
        outcome = Outcome.TIMED_OUT if reason else shown
        sheet.run(part, name, outcome, round(spent, 3), reason)


def _beside(check: Check, exchange: Exchange) -> Check:
    """The check, as it judges this exchange."""
    if isinstance(check, Comparison) and exchange.stage is Stage.RESPONSE:
        return check.beside(exchange.shown)
    return check


def _settle(
    check: Check, same: Sequence[TextPart], found: Sequence[Finding], ms: float, sheet: _Sheet
) -> None:
    outcome = Outcome.FOUND if found else Outcome.CLEAN
    for text in same:
        sheet.findings.extend(replace(item, part=text.key) for item in found)
        sheet.run(text, check.name, outcome, ms)


def _read_from_pictures(sheet: _Sheet) -> dict[str, list[TextPart]]:
    """Key of a picture → the texts read from it."""
    pictures = {part.key for part in sheet.parts if isinstance(part, ImagePart)}
    read: dict[str, list[TextPart]] = {}
    for part in sheet.parts:
        if (
            isinstance(part, TextPart)
            and part.parent in pictures
            and part.method not in UNSEEN | UNSENT
        ):
            read.setdefault(part.parent, []).append(part)
    return read


def _ms(begun: float) -> float:
    return round((time.perf_counter() - begun) * 1000, 3)


def _reason(error: Exception) -> str:
    """A detector's own words, which hold no payload; of any other error only its kind."""
    return str(error) if isinstance(error, DetectorError) else type(error).__name__
