"""Figures as text: a markdown table, and thresholds as YAML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from service.evaluation.figures import FALSE_POSITIVES, Figure, Suggestion
from service.evaluation.statistics import Share

NOTHING: Final = ""


def table(kind: str, figures: Sequence[Figure]) -> list[str]:
    """A markdown table of figures; ``kind`` is the heading of their names."""
    heads = [
        kind,
        "n",
        "found, 95 %",
        "harmless",
        "refused, 95 %",
        "AUROC",
        "AUPRC",
        *(f"recall at {percent(rate)}" for rate in FALSE_POSITIVES),
        "p50 ms",
        "p95 ms",
    ]
    return [_line(heads), _line(["---"] * len(heads)), *(_line(_cells(f)) for f in figures)]


def _cells(figure: Figure) -> list[str]:
    curve = figure.curve
    areas = [f"{curve.auroc:.3f}", f"{curve.auprc:.3f}"] if curve else [NOTHING, NOTHING]
    recalls = [percent(curve.recall_at(rate)) if curve else NOTHING for rate in FALSE_POSITIVES]
    return [
        figure.name,
        str(figure.found.n or NOTHING),
        share(figure.found),
        str(figure.alarms.n or NOTHING),
        share(figure.alarms),
        *areas,
        *recalls,
        *(f"{ms:.1f}" for ms in figure.ms),
    ]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def share(value: Share) -> str:
    """A share and its interval; nothing where there are no rows."""
    if not value.n:
        return NOTHING
    low, high = value.interval
    return f"{percent(value.value)} ({100 * low:.1f} to {100 * high:.1f})"


def percent(value: float) -> str:
    """A share as the report prints it."""
    return f"{100 * value:.1f} %"


def thresholds(suggestions: Iterable[Suggestion], most: float) -> list[str]:
    """The suggestions as the ``thresholds`` of a policy, each with what it gave."""
    lines = [f"thresholds: # at most {percent(most)} false positives on this suite"]
    lines += [
        f"  {s.label}: {s.threshold:.4f} # recall {share(s.recall)} of {s.recall.n}, "
        f"false positives {share(s.alarms)} of {s.alarms.n}"
        for s in suggestions
    ]
    return lines
