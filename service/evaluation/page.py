"""The evaluation as one HTML page: tables, ROC and threshold curves, the worst mistakes.

It needs nothing from elsewhere, and shows a row's text only where that is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

import numpy as np
from numpy.typing import NDArray

from service.evaluation.figures import Figure, by_label, by_source, mistakes
from service.evaluation.run import Outcome
from service.evaluation.statistics import Curve
from service.evaluation.table import percent, share

WORST: Final = 25
SIDE: Final = 260
MOST_POINTS: Final = 200
_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;"
    "color:#1c2733}table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .7rem;"
    "border-bottom:1px solid #dde3ea;text-align:left;vertical-align:top}"
    "figure{display:inline-block;margin:0 1.5rem 1rem 0}svg{background:#f6f8fa}"
    "figcaption{font-size:13px;color:#52606d}"
    "code{font-size:13px}"
)

Points = NDArray[np.float64]


def page(title: str, outcomes: Sequence[Outcome], *, texts: bool) -> str:
    """The whole page; ``texts`` shows the text of the worst mistakes beside their ids."""
    alarms, misses = mistakes(outcomes, WORST)
    labels = by_label(outcomes)
    return "\n".join(
        [
            "<!doctype html>",
            f'<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>',
            f"<style>{_STYLE}</style><h1>{escape(title)}</h1>",
            f"<p>{len(outcomes)} rows. Intervals are Wilson's, 95 %.</p>",
            "<h2>Labels</h2>",
            _table(labels),
            *(_curves(figure.name, figure.curve) for figure in labels if figure.curve),
            "<h2>Sources</h2>",
            _table(by_source(outcomes)),
            "<h2>Harmless, and stopped</h2>",
            _rows(alarms, texts=texts),
            "<h2>Not harmless, and passed</h2>",
            _rows(misses, texts=texts),
            "</html>",
        ]
    )


def _table(figures: Sequence[Figure]) -> str:
    heads = ("", "n", "found", "harmless", "refused", "AUROC", "AUPRC", "p50 ms", "p95 ms")
    lines = [
        (
            figure.name,
            str(figure.found.n or ""),
            share(figure.found),
            str(figure.alarms.n or ""),
            share(figure.alarms),
            f"{figure.curve.auroc:.3f}" if figure.curve else "",
            f"{figure.curve.auprc:.3f}" if figure.curve else "",
            *(f"{ms:.1f}" for ms in figure.ms),
        )
        for figure in figures
    ]
    return _grid(heads, lines)


def _rows(outcomes: Sequence[Outcome], *, texts: bool) -> str:
    heads = ("id", "source", "rules", "highest scores", *(("text",) if texts else ()))
    lines = [
        (
            o.row.id,
            o.row.source,
            ", ".join(o.rules),
            ", ".join(f"{label} {value:.2f}" for label, value in list(o.scores.items())[:3]),
            *((o.row.text,) if texts else ()),
        )
        for o in outcomes
    ]
    return _grid(heads, lines) if lines else "<p>None.</p>"


def _grid(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(head)}</th>" for head in heads)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line)}</tr>" for line in lines
    )
    return f"<table><tr>{top}</tr>{body}</table>"


def _curves(label: str, curve: Curve) -> str:
    roc = [(curve.false_positives, curve.recall, "#0b6bcb")]
    by_threshold = [
        (curve.thresholds, curve.recall, "#0b6bcb"),
        (curve.thresholds, curve.false_positives, "#c2410c"),
    ]
    return (
        f"<h3>{escape(label)}</h3>"
        + _plot(roc, f"ROC: recall over false positives; area {curve.auroc:.3f}")
        + _plot(
            by_threshold,
            "recall (blue) and false positives (orange) over the threshold; recall "
            f"{percent(curve.recall_at(0.01))} at 1 %",
        )
    )


def _plot(lines: Sequence[tuple[Points, Points, str]], caption: str) -> str:
    drawn = "".join(
        f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{_points(x, y)}"/>'
        for x, y, colour in lines
    )
    grid = "".join(
        f'<path stroke="#dde3ea" d="M{at} 0V{SIDE}M0 {at}H{SIDE}"/>'
        for at in (SIDE / 4, SIDE / 2, 3 * SIDE / 4)
    )
    return (
        f'<figure><svg width="{SIDE}" height="{SIDE}" viewBox="0 0 {SIDE} {SIDE}" role="img" '
        f'aria-label="{escape(caption)}">{grid}{drawn}</svg>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _points(x: Points, y: Points) -> str:
    """At most ``MOST_POINTS`` of the points, the last among them."""
    step = max(1, len(x) // MOST_POINTS)
    chosen = [*range(0, len(x), step), len(x) - 1]
    return " ".join(f"{x[i] * SIDE:.1f},{(1 - y[i]) * SIDE:.1f}" for i in chosen)
