"""What another's labels mean here: from a model's or a judge's own words to our labels."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from detectors.contract.detector import ModelError
from detectors.contract.exchange import TextPart
from detectors.contract.finding import Finding
from detectors.contract.labels import HARM, HAZARDS

NONE: Final = "none"
"""What an operator writes for a foreign label that means nothing here."""
LEAST_SCORE: Final = 0.05
"""Scores below are not reported: no threshold stands there."""

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class LabelMap:
    """Foreign label → our labels; none of ours where it means nothing here."""

    targets: Mapping[str, tuple[str, ...]]

    def hold_to(self, known: Mapping[str, str]) -> LabelMap:
        """The map with the names that a model gives its outputs.

        ``known`` is index → name; the map may call an output by either. Raises ``ModelError``
        unless each output has a place in the map and the map names nothing else.
        """
        named: dict[str, tuple[str, ...]] = {}
        for key, labels in self.targets.items():
            name = known.get(key, key)
            if name not in known.values():
                listed = ", ".join(known.values())
                raise ModelError(
                    f"the model has no label `{key}`; {_nearest(key, known.values(), listed)}"
                )
            if name in named:
                raise ModelError(f"`labels` speaks of the model's label `{name}` twice: keep one")
            named[name] = labels
        for name in known.values():
            if name not in named:
                raise ModelError(
                    f"`labels` says nothing of the model's label `{name}`: name the label that it "
                    f"means here, or `{NONE}`"
                )
        return LabelMap(named)

    def ours(self, foreign: Mapping[str, float], *, exclusive: bool = False) -> dict[str, float]:
        """Our label → score.

        Where several foreign labels mean one of ours, the highest counts; of ``exclusive`` ones,
        which are shares of one whole, their sum. ``harm`` is the highest of the hazards, as in
        our own classifier.
        """
        scores: dict[str, float] = {}
        for name, score in foreign.items():
            for label in self.targets[name]:
                before = scores.get(label, 0.0)
                scores[label] = min(1.0, before + score) if exclusive else max(before, score)
        hazards = [scores[label] for label in (HARM, *HAZARDS) if label in scores]
        return {**scores, HARM: max(hazards)} if hazards else scores


def findings(
    part: TextPart, detector: str, judged: Sequence[tuple[Mapping[str, float], Span | None]]
) -> list[Finding]:
    """One finding for each label: the highest score of what was judged, and where that stands."""
    best: dict[str, tuple[float, Span | None]] = {}
    for scores, span in judged:
        for label, score in scores.items():
            if label not in best or score > best[label][0]:
                best[label] = (score, span)
    return [
        Finding(label=label, score=round(score, 4), part=part.key, detector=detector, span=span)
        for label, (score, span) in best.items()
        if score >= LEAST_SCORE
    ]


def _nearest(name: str, known: Iterable[str], listed: str) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean `{close[0]}`?" if close else f"it has {listed}"
