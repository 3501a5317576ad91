"""What a condition needs before it can hold, so that most are never evaluated."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from detectors.contract.labels import LABELS
from service.policy.terms import bare, choice, pieces, sides

Floors: TypeAlias = Mapping[str, float]
"""Labels and scores: a condition can hold only where one of these labels scores so much."""

_AT_LEAST: Final = {">=": ">=", ">": ">=", "<=": "<=", "<": "<="}
_NUMBER: Final = re.compile(r"\d+\.\d*|\.\d+")


def floors(when: str, constants: Mapping[str, object]) -> Floors | None:
    """The floors of a condition; None where it may hold whatever is scored.

    This is exact: in CEL what is joined to something false by ``&&`` is false, even where it cannot
    be evaluated. ``constants`` are the policy's thresholds, under their full names.
    """
    text = bare(when)
    if choice(text):
        return None
    either, both = pieces(text, "||"), pieces(text, "&&")
    if len(either) > 1:
        return lowest(floors(each, constants) for each in either)
    if len(both) > 1:
        found = (floors(each, constants) for each in both)
        return min((each for each in found if each is not None), key=len, default=None)
    return _compared(text, constants)


def lowest(of: Iterable[Floors | None]) -> Floors | None:
    """The floors under which none of several conditions can hold."""
    found: dict[str, float] = {}
    for each in of:
        if each is None:
            return None
        found |= {label: min(least, found.get(label, least)) for label, least in each.items()}
    return found


def _compared(text: str, constants: Mapping[str, object]) -> Floors | None:
    """The floor of ``harm >= 0.5`` or ``threshold.harm < harm``."""
    compared = sides(text)
    sign = _AT_LEAST.get(compared[1]) if compared else None
    if compared is None or sign is None:
        return None
    left, right = compared[0].strip(), compared[2].strip()
    label, least = (left, right) if sign == ">=" else (right, left)
    value = float(least) if _NUMBER.fullmatch(least) else constants.get(least)
    return {label: value} if label in LABELS and isinstance(value, int | float) else None
