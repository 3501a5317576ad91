"""Judges what is left of texts without what the policy's allow-list names."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from detectors.contract.exchange import Exchange, Message, Role, TextPart
from detectors.contract.finding import Inspection
from service.policy.allow import Claim
from service.policy.model import Allowed


def judged(
    claims: Sequence[Claim], exchange: Exchange, inspect: Callable[[Exchange], Inspection]
) -> list[Allowed]:
    """The scores that count for the claims; none where what is left was not inspected whole."""
    places = {each.left: f"/{number}" for number, each in enumerate(claims) if each.left}
    lefts = [
        TextPart(pointer=places[each.left], origin=each.part.origin, text=each.left)
        for each in {each.left: each for each in claims if each.left}.values()
    ]
    scores, gaps = dict[tuple[str, str], float](), set[str]()
    if lefts:
        # As a tool's, since texts of a user would be joined.
        messages = (Message(role=Role.TOOL, parts=tuple(lefts)),)
        inspection = inspect(
            Exchange(
                dialect=exchange.dialect,
                model=exchange.model,
                stage=exchange.stage,
                messages=messages,
                shown=exchange.shown,
            )
        )
        gaps = {gap.part for gap in inspection.coverage.gaps}
        pointers = {part.key: part.pointer for part in inspection.parts}
        for one in inspection.findings:
            at = pointers[one.part], one.label
            scores[at] = max(one.score, scores.get(at, 0.0))
    return [
        Allowed(
            entry=each.entry,
            part=each.part.key,
            label=each.label,
            score=scores.get((places.get(each.left, ""), each.label), 0.0),
        )
        for each in claims
        if places.get(each.left) not in gaps
    ]
