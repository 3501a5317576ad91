"""Inspection: runs the views, then the checks, over every part, and accounts for each.

A part counts as inspected when every view that applies to it and every check of its text ended
clean or found, and so did those of everything derived from it. Anything else is a gap.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from detectors.cache import Revealed, VerdictCache, content_key
from detectors.contract.detector import (
    Check,
    Comparison,
    Detector,
    DetectorError,
    Looking,
    View,
    Windowed,
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
from detectors.contract.finding import Coverage, Finding, Inspection, Outcome
from detectors.sheet import Looks, Sheet, elapsed_ms
from detectors.views.join import join
from detectors.views.metadata import UNSEEN
from detectors.views.ocr.hidden import UNSENT

MOST_PARTS: Final = 2048  # with the derived ones: a request may not cost without bound
MOST_DEPTH: Final = 4  # of views upon views

BATCH: Final = 32  # texts a check judges at once; the deadline is looked at between batches


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
        if self._cache.keeps:
            self.checks = tuple(_remembering(check, self._cache) for check in self.checks)
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
        sheet = self._opened(exchange, timeout_s)
        for check in self.checks:
            self._judge(_beside(check, exchange), sheet.texts, sheet)
        seen = sum(1 for _ in exchange.parts())
        coverage = Coverage(
            seen=seen, inspected=seen - len(sheet.gaps), gaps=tuple(sheet.gaps.values())
        )
        return Inspection(
            parts=tuple(sheet.parts),
            findings=tuple(sheet.findings),
            runs=tuple(sheet.runs),
            coverage=coverage,
        )

    def ahead(self, exchange: Exchange, timeout_s: float) -> None:
        """Scores some of an exchange that still grows, so that judging the whole costs less.

        Nothing is found by it. Where nothing is remembered, nothing is done.
        """
        windowed = [check for check in self.checks if isinstance(check, Windowed)]
        if not (windowed and self._cache.keeps):
            return
        sheet = self._opened(exchange, timeout_s)
        for check in windowed:
            for text in sheet.texts:
                if sheet.late():
                    return
                with suppress(Exception):  # it comes again with the whole, and counts there
                    check.ahead(text)

    def _opened(self, exchange: Exchange, timeout_s: float) -> Sheet:
        """The exchange's parts, and all that is derived from them."""
        sheet = Sheet(deadline=time.monotonic() + timeout_s, picture_s=self._picture_s)
        own = list(exchange.parts())
        for part in own:
            sheet.add(part)
        for part in own:
            self._reveal(part, sheet, 0)
        for text in join(exchange, _read_from_pictures(sheet)):
            sheet.add(text)
            self._reveal(text, sheet, 0)
        return sheet

    def _reveal(self, part: Part, sheet: Sheet, depth: int) -> None:
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

    def _derive(self, view: View, part: Part, sheet: Sheet) -> Sequence[Part]:
        if reason := sheet.late(part):
            sheet.run(part, view.name, Outcome.TIMED_OUT, 0.0, reason)
            return ()
        begun, looks = time.perf_counter(), Looks(part, sheet)
        key = content_key(view, part) if isinstance(part, ImagePart | DocumentPart) else ""
        known = self._cache.revealed(key) if key else None
        if known is not None:
            derived: Sequence[Part] = known.parts
            looks.ms.update(dict.fromkeys(known.looks, 0.0))
        else:
            try:
                derived = _revealed(view, part, looks)
            except Exception as error:  # noqa: BLE001 - whatever a view meets, the run has failed
                sheet.run(part, view.name, Outcome.FAILED, elapsed_ms(begun), _reason(error))
                return ()
            if key and not looks.left_out:
                self._cache.put_revealed(key, Revealed(tuple(derived), tuple(looks.ms)))
        looks.write(view, derived, elapsed_ms(begun))
        return [
            replace(child, pointer=part.pointer, parent=part.key, call=part.call)
            for child in derived
        ]

    def _judge(self, check: Check, texts: Sequence[TextPart], sheet: Sheet) -> None:
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
        self, check: Check, batch: Sequence[tuple[str, list[TextPart]]], sheet: Sheet
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
                sheet.run(text, check.name, Outcome.FAILED, elapsed_ms(begun), _reason(error))
            return
        share = elapsed_ms(begun) / len(batch)
        for (key, same), found in zip(batch, judged, strict=True):
            self._cache.put_findings(key, tuple(found))
            _settle(check, same, found, share, sheet)


def _revealed(view: View, part: Part, looks: Looks) -> Sequence[Part]:
    if isinstance(view, Looking):
        return view.look(part, looks)
    with looks.sheet.spending(part):
        return view.reveal(part)


def _remembering(check: Check, cache: VerdictCache) -> Check:
    """The check, with the cache at hand if it scores ahead."""
    return check.remembering(cache) if isinstance(check, Windowed) else check


def _beside(check: Check, exchange: Exchange) -> Check:
    """The check, as it judges this exchange."""
    if exchange.stage is Stage.RESPONSE and isinstance(check, Comparison):
        return check.beside(exchange.shown)
    return check


def _settle(
    check: Check, same: Sequence[TextPart], found: Sequence[Finding], ms: float, sheet: Sheet
) -> None:
    outcome = Outcome.FOUND if found else Outcome.CLEAN
    for text in same:
        sheet.findings.extend(replace(item, part=text.key) for item in found)
        sheet.run(text, check.name, outcome, ms)


def _read_from_pictures(sheet: Sheet) -> dict[str, list[TextPart]]:
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


def _reason(error: Exception) -> str:
    """A detector's own words, which hold no payload; of any other error only its kind."""
    return str(error) if isinstance(error, DetectorError) else type(error).__name__
