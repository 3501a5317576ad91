"""What the gate saw, as text for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from detectors.contract.exchange import TextPart
from detectors.contract.finding import Inspection
from service.looking.sight import Looked, Sight, visible
from service.policy.explain import drawn
from service.policy.model import Action, Decision

MOST_SCORES = 4


def report(looked: Looked) -> str:
    """Decision, looks, texts, runs and what would be sent. No text of it can steer a terminal."""
    decision = looked.examined.decision
    lines = [visible(f"{looked.name}: {decision.action}"), *_told(outcome(decision)), ""]
    lines += ["Why", *_told(why(looked)), ""]
    lines += ["Looks", *(f"  {each}" for each in _looks(looked)), ""]
    lines += ["Texts", *_texts(looked.examined.inspection), ""]
    lines += ["Runs", *(f"  {each}" for each in _runs(looked.examined.inspection)), ""]
    lines += ["Sent", *(_sent(looked) or ["  nothing"])]
    return "\n".join(lines)


def outcome(decision: Decision) -> str:
    """What the sender is told, or what is changed."""
    if decision.action is Action.REFUSE:
        return decision.message
    return "\n".join(f"{edit.kind} {edit.part or ''}".strip() for edit in decision.edits)


def why(looked: Looked) -> str:
    """The rules that held for the request as it came, and what became of it if that differs."""
    asked, decided = looked.why.decision.action, looked.examined.decision.action
    again = "" if asked is decided else f"\nIt was changed, inspected again, and then: {decided}."
    return drawn(looked.why) + again


def scores(inspection: Inspection, part: str) -> str:
    """What was found in a part, the highest first."""
    found: dict[str, float] = {}
    for finding in inspection.findings:
        if finding.part == part:
            found[finding.label] = max(finding.score, found.get(finding.label, 0.0))
    highest = sorted(found.items(), key=lambda item: -item[1])[:MOST_SCORES]
    return ", ".join(f"{label} {score:.2f}" for label, score in highest)


def size(sight: Sight) -> str:
    """A picture's measures, in words."""
    return f"{sight.width} x {sight.height}, {sight.media_type}, {len(sight.data)} bytes"


def change(looked: Looked) -> str:
    """Whether pinning made another picture of what came in."""
    same = looked.sights[0].data == looked.came.data
    return "byte for byte what came in" if same else "not the bytes that came in"


def _looks(looked: Looked) -> Iterator[str]:
    yield f"{'came in':<12} {size(looked.came)}"
    first, *others = looked.sights
    yield f"{first.name:<12} {size(first)}, {change(looked)}; {_count(first)}"
    for each in others:
        yield f"{each.name:<12} {each.width} x {each.height}; {_count(each)}"


def _count(sight: Sight) -> str:
    counts = Counter(mark.method for mark in sight.marks)
    return ", ".join(f"{method} {count}" for method, count in counts.items()) or "nothing read"


def _texts(inspection: Inspection) -> Iterator[str]:
    for part in inspection.parts:
        if isinstance(part, TextPart):
            found = scores(inspection, part.key)
            yield f"  {part.key} ({part.origin})" + (f": {found}" if found else "")
            yield from _told(part.text, "    | ")


def _runs(inspection: Inspection) -> Iterator[str]:
    for run in inspection.runs:
        reason = f" ({run.reason})" if run.reason else ""
        yield f"{run.detector:<12} {run.outcome:<9} {run.ms:9.1f} ms  {run.part}{reason}"


def _sent(looked: Looked) -> list[str]:
    told: list[str] = []
    for each in looked.sent:
        said = each if isinstance(each, str) else f"{each.name}: a picture, {size(each)}"
        told += _told(said)
    return told


def _told(text: str, before: str = "  ") -> list[str]:
    return [before + line for line in visible(text).split("\n")] if text else []
