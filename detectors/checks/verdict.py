"""Reads what a judge said, strictly: what is not a verdict in the agreed form is an error.

No message holds the judge's words: a judge may repeat the text that it judges.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NoReturn

from detectors.checks.breaker import Unavailable
from detectors.contract.detector import DetectorError

CATEGORIES: Final = "categories"
"""The field of a JSON verdict that lists what was found; others are not looked at."""
VIOLATES: Final = "yes"


class AnswerForm(StrEnum):
    """How a judge was told to answer.

    ``guard``: ``safe``, or ``unsafe`` and a line of categories, as Llama Guard does.
    ``yes_no``: ``Yes`` or ``No`` first, as ShieldGemma does; one question for each policy.
    ``json``: ``{"categories": ["A"]}`` or ``{"categories": {"A": 0.9}}``, and nothing around it.
    """

    GUARD = "guard"
    YES_NO = "yes_no"
    JSON = "json"


class Unreadable(DetectorError):
    """The judge answered, and it is no verdict in the agreed form."""


_UNSAFE: Final = re.compile(r"unsafe\s*\n\s*(?P<names>[\w-]{1,64}(?:\s*,\s*[\w-]{1,64})*)")
_YES_NO: Final = re.compile(r"(?P<word>yes|no)(?:[.,:;!]|\s*\n|\s*\Z)", re.IGNORECASE)


def content(body: bytes, form: AnswerForm) -> str:
    """What the judge said, from the body of a chat completion.

    Raises:
        Unavailable: the body is no chat completion.
        Unreadable: it says nothing, or what it says was cut off.
    """
    try:
        (choice,) = json.loads(body)["choices"]
        said, ended = choice["message"]["content"], choice["finish_reason"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Unavailable("its answer is no chat completion") from None
    if not isinstance(said, str):
        raise Unreadable("the judge said nothing")
    if ended != "stop" and not (form is AnswerForm.YES_NO and ended == "length"):
        raise Unreadable("the judge's answer was cut off: allow it more tokens")
    return said.strip()


def read(said: str, form: AnswerForm, known: Mapping[str, object]) -> dict[str, float]:
    """Category → score 0..1 of what the judge found; empty where it found nothing.

    ``yes_no`` finds ``VIOLATES``. Raises ``Unreadable``, also where a category is not ``known``.
    """
    match form:
        case AnswerForm.GUARD:
            found = _guard(said)
        case AnswerForm.YES_NO:
            return _yes_no(said)
        case AnswerForm.JSON:
            found = _json(said)
    if not known.keys() >= found.keys():
        raise Unreadable("the verdict names a category that `categories` does not map")
    return found


def _guard(said: str) -> dict[str, float]:
    if said == "safe":
        return {}
    match = _UNSAFE.fullmatch(said)
    if match is None:
        raise Unreadable("the verdict is neither `safe` nor `unsafe` and a line of categories")
    return {name.strip(): 1.0 for name in match["names"].split(",")}


def _yes_no(said: str) -> dict[str, float]:
    match = _YES_NO.match(said)
    if match is None:
        raise Unreadable("the verdict begins neither with Yes nor with No")
    return {VIOLATES: 1.0} if match["word"].lower() == VIOLATES else {}


def _json(said: str) -> dict[str, float]:
    try:
        verdict = json.loads(said, object_pairs_hook=_distinct, parse_constant=_refused)
    except (ValueError, RecursionError):
        raise Unreadable("the verdict is not JSON") from None
    found = verdict.get(CATEGORIES) if isinstance(verdict, dict) else None
    if isinstance(found, list) and all(isinstance(name, str) for name in found):
        return dict.fromkeys(found, 1.0)
    if isinstance(found, dict) and all(_is_score(score) for score in found.values()):
        return {name: float(score) for name, score in found.items()}
    raise Unreadable(f"the verdict has no `{CATEGORIES}` that list names or scores from 0 to 1")


def _is_score(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and 0 <= value <= 1


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def _refused(constant: str) -> NoReturn:
    raise ValueError(constant)
