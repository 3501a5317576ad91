"""The figures of an evaluation: per label and per source, each share with its interval."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from detectors.contract.labels import LABELS
from service.evaluation.run import Outcome
from service.evaluation.statistics import Curve, Share

UNNAMED: Final = "(no source)"
FALSE_POSITIVES: Final = (0.001, 0.01)
"""The false-positive rates at which recall is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the report.

    ``found`` are the rows with an expected label that the policy stopped, ``alarms`` the harmless
    ones that it stopped. ``curve`` is that of the scores, None where a class has no rows.
    """

    name: str
    found: Share
    alarms: Share
    curve: Curve | None
    ms: tuple[float, float]


def by_label(outcomes: Sequence[Outcome]) -> list[Figure]:
    """A figure for each label that rows expect, against harmless rows of the same roles."""
    return [
        _figure(label, positive, _harmless_like(positive, outcomes), [label])
        for label in LABELS
        if (positive := [o for o in outcomes if label in (o.row.labels or ())])
    ]


def by_source(outcomes: Sequence[Outcome]) -> list[Figure]:
    """A figure for each source. Its score is the highest of the labels that its rows expect.

    A source without harmless rows is held against all harmless ones of the same roles.
    """
    sources: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        sources[outcome.row.source or UNNAMED].append(outcome)
    figures = []
    for name, own in sorted(sources.items()):
        positive = [o for o in own if o.row.labels]
        negative = [o for o in own if o.row.labels == frozenset()]
        labels = {label for o in positive for label in o.row.labels or ()}
        others = negative or _harmless_like(positive, outcomes)
        figures.append(_figure(name, positive, negative, sorted(labels), others))
    return figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A threshold for a label, and what it gave on the suite."""

    label: str
    threshold: float
    recall: Share
    alarms: Share


def suggest(outcomes: Sequence[Outcome], most: float) -> Iterator[Suggestion]:
    """For each expected label the lowest threshold with at most this share of false positives."""
    for figure in by_label(outcomes):
        threshold = figure.curve.threshold_at(most) if figure.curve else None
        if threshold is None:
            continue
        positive = [o for o in outcomes if figure.name in (o.row.labels or ())]
        negative = _harmless_like(positive, outcomes)
        yield Suggestion(
            label=figure.name,
            threshold=threshold,
            recall=_reaching(positive, figure.name, threshold),
            alarms=_reaching(negative, figure.name, threshold),
        )


def mistakes(outcomes: Sequence[Outcome], most: int) -> tuple[list[Outcome], list[Outcome]]:
    """The worst of them: harmless rows that were stopped, and offences that passed."""
    alarms = [o for o in outcomes if o.row.labels == frozenset() and o.stopped]
    misses = [o for o in outcomes if o.row.labels and not o.stopped]
    alarms.sort(key=lambda o: -max(o.scores.values(), default=0.0))
    misses.sort(key=lambda o: score(o, o.row.labels or ()))
    return alarms[:most], misses[:most]


def score(outcome: Outcome, labels: Iterable[str]) -> float:
    """The highest score of the labels in a row; 0 where none was reported."""
    return max((outcome.scores.get(label, 0.0) for label in labels), default=0.0)


def _harmless_like(positive: Sequence[Outcome], outcomes: Sequence[Outcome]) -> list[Outcome]:
    roles = {o.row.role for o in positive}
    return [o for o in outcomes if o.row.labels == frozenset() and o.row.role in roles]


def _figure(
    name: str,
    positive: Sequence[Outcome],
    negative: Sequence[Outcome],
    labels: Sequence[str],
    others: Sequence[Outcome] | None = None,
) -> Figure:
    held_against = negative if others is None else others
    curve = None
    if positive and held_against:
        curve = Curve.of(
            [score(o, labels) for o in positive], [score(o, labels) for o in held_against]
        )
    times = [o.ms for o in (*positive, *negative)] or [0.0]
    middle, high = np.percentile(times, [50, 95])
    return Figure(
        name=name,
        found=Share(sum(o.stopped for o in positive), len(positive)),
        alarms=Share(sum(o.stopped for o in negative), len(negative)),
        curve=curve,
        ms=(float(middle), float(high)),
    )


def _reaching(outcomes: Sequence[Outcome], label: str, threshold: float) -> Share:
    return Share(sum(score(o, [label]) >= threshold for o in outcomes), len(outcomes))
