"""What the gate saw, as one HTML page. It needs nothing from elsewhere and runs no script."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from detectors.contract.exchange import TextPart
from detectors.contract.finding import Inspection
from service.looking.report import change, outcome, scores, size, why
from service.looking.sight import Looked, Sight, visible

POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""The page's own Content-Security-Policy: whatever a picture says, nothing is loaded or run."""
BOXES: Final = "The lines of one kind of look are drawn into each picture of that kind."

_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;"
    "color:#1c2733}table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .7rem;"
    "border-bottom:1px solid #dde3ea;text-align:left;vertical-align:top}"
    "td,pre{white-space:pre-wrap;unicode-bidi:plaintext}"
    "figure{display:inline-block;vertical-align:top;margin:0 1.5rem 1.5rem 0;max-width:100%}"
    "figcaption{font-size:13px;color:#52606d}ol{margin:.3rem 0}"
    "svg{max-width:32rem;max-height:32rem;height:auto;border:1px solid #dde3ea;"
    "background:repeating-conic-gradient(#d5dce3 0 25%,#fff 0 50%) 0 0/20px 20px}"
    "polygon{fill:#0b6bcb22;stroke:#c2410c;stroke-width:2;vector-effect:non-scaling-stroke}"
    "pre{background:#f6f8fa;padding:.5rem .8rem;margin:.3rem 0;font-size:13px}"
    ".decision{font-size:1.2rem}"
)


def page(looked: Looked) -> str:
    """The whole page: pictures as data URIs, texts escaped."""
    decision, inspection = looked.examined.decision, looked.examined.inspection
    title = f"What the gate saw: {looked.name}"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">',
            f"<title>{_shown(title)}</title><style>{_STYLE}</style><h1>{_shown(title)}</h1>",
            f'<p class="decision"><b>{decision.action}</b> {_shown(outcome(decision))}</p>',
            f"<h2>Why</h2><pre>{_shown(why(looked))}</pre>",
            "<h2>What came in, and what would be sent</h2>",
            _figure(looked.came),
            *(_sent(each) for each in looked.sent),
            *([] if looked.sent else ["<p>Nothing is sent.</p>"]),
            "<h2>Looks</h2>",
            f"<p>First the picture as it was inspected: {change(looked)}. {BOXES}</p>",
            *(_figure(sight) for sight in looked.sights),
            "<h2>Texts</h2>",
            _grid(("part", "whose", "highest scores", "text"), list(_texts(inspection))),
            "<h2>Scores</h2>",
            _grid(("label", "highest"), [(k, f"{v:.3f}") for k, v in inspection.scores.items()]),
            "<h2>Runs</h2>",
            _grid(("detector", "part", "outcome", "reason", "ms"), list(_runs(inspection))),
            "</html>",
        ]
    )


def _figure(sight: Sight) -> str:
    """The picture's own bytes, and over them the boxes."""
    uri = f"data:{sight.media_type};base64,{b64encode(sight.data).decode()}"
    boxes = "".join(
        f'<polygon points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in mark.line.box)}">'
        f"<title>{escape(mark.method)} {_shown(mark.line.text)}</title></polygon>"
        for mark in sight.marks
    )
    lines = "".join(
        f"<li>{escape(mark.method)} {mark.line.score:.2f} <bdi>{_shown(mark.line.text)}</bdi></li>"
        for mark in sight.marks
    )
    return (
        f'<figure><svg width="{sight.width}" viewBox="0 0 {sight.width} {sight.height}" '
        f'role="img" aria-label="{_shown(sight.name)}"><image href="{uri}" width="{sight.width}" '
        f'height="{sight.height}"/>{boxes}</svg><figcaption><b>{_shown(sight.name)}</b> '
        f"{escape(size(sight))}<ol>{lines}</ol></figcaption></figure>"
    )


def _sent(each: Sight | str) -> str:
    return f"<pre>{_shown(each)}</pre>" if isinstance(each, str) else _figure(each)


def _texts(inspection: Inspection) -> Iterator[Sequence[str]]:
    for part in inspection.parts:
        if isinstance(part, TextPart):
            yield part.key, part.origin, scores(inspection, part.key), part.text


def _runs(inspection: Inspection) -> Iterator[Sequence[str]]:
    for run in inspection.runs:
        yield run.detector, run.part, run.outcome, run.reason, f"{run.ms:.1f}"


def _grid(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return "<p>None.</p>"
    top = "".join(f"<th>{escape(head)}</th>" for head in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{_shown(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{top}</tr>{body}</table>"


def _shown(text: str) -> str:
    return escape(visible(text))
