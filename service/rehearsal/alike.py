"""Tells which recorded decisions a policy cannot tell apart, so that it decides each kind once."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from detectors.contract.labels import LABELS
from service.policy.compile import numbers
from service.policy.condition import SCORE, THRESHOLD
from service.policy.model import PolicyFile, Scope
from service.policy.terms import bare, choice, leaves, sides, unquoted
from service.store.record import Record

Key: TypeAlias = tuple[object, ...]

_NAME: Final = re.compile(r"[A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*")
_NUMBER: Final = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_CHARACTERS: Final = "characters"
_MEASURES: Final = frozenset({*LABELS, _CHARACTERS})
"""Variables that hold a measure: a label's score, or how long a text is."""


class Alike:
    """Gives records a key. Two measures are one where they lie between the same constants.

    ``exact`` is false for a policy that does more than compare them, or that chooses requests by
    their ids: then no two decisions can be taken as one.
    """

    def __init__(self, written: PolicyFile) -> None:
        """``written`` is a resolved policy."""
        rules = [*written.rules, *(rule for scope in written.select for rule in scope.rules)]
        self.exact = all(rule.sample >= 1.0 for rule in rules)
        found: dict[str, set[float]] = {}
        try:
            for rule in rules:
                for measure, constant in _compared(rule.when):
                    found.setdefault(measure, set()).update(_values(constant, written))
        except _MoreThanCompared:
            self.exact = False
        self._constants = {measure: sorted(each) for measure, each in found.items()}
        self._lengths = self._constants.get(_CHARACTERS, [])
        self._nothing = {label: _place(0.0, self._constants.get(label, [])) for label in LABELS}

    def key(self, record: Record) -> Key:
        """The same for records that the policy decides alike, if it is ``exact``."""
        known: dict[str, int] = {}
        parts: list[Key] = []
        for kind, pointer, origin, parent, method, size, lines, what in record.parts:
            start = known.setdefault(parent or pointer, len(known))
            root = known.setdefault(pointer, len(known))
            own = f"{parent or pointer}#{method}" if method else pointer
            number = known.setdefault(own, len(known))
            long = _place(size, self._lengths) if kind == "text" else 0
            derived = (start, root, number, parent is None, method)
            parts.append((kind, derived, origin, long, lines > 0, what))
        highest: dict[tuple[int, str], int] = {}
        for label, value, part, _, _, _ in record.counted:
            score = value if 0.0 <= value <= 1.0 else 1.0
            place = _place(score, self._constants.get(label, []))
            if place != self._nothing.get(label):
                at = (known.setdefault(part, len(known)), label)
                highest[at] = max(place, highest.get(at, place))
        return (
            *(record.stage, record.dialect, record.model, record.stream, record.pictures),
            *(record.tenant, record.key_group, record.path, record.headers),
            *(tuple(parts), sum([count for _, count in record.messages])),
            tuple(sorted(highest.items())),
            tuple([(known.get(part, part), name, how) for part, name, how, _ in record.runs]),
            tuple([(known.get(part, part), kind) for part, kind, _ in record.gaps]),
        )


class _MoreThanCompared(Exception):
    """A condition does more with a measure than to compare it with a constant."""


def _place(value: float, constants: Sequence[float]) -> int:
    """Between which of the constants the value lies, or on which."""
    return bisect_left(constants, value) + bisect_right(constants, value)


def _compared(when: str) -> Iterator[tuple[str, str]]:
    """Each measure of a condition, and each constant that it is compared with."""
    for leaf in leaves(when):
        if any(_measure(match[0]) for match in _NAME.finditer(unquoted(leaf))):
            compared = sides(leaf)
            if compared is None:
                raise _MoreThanCompared
            left, right = bare(compared[0]), bare(compared[2])
            measure, other = (left, right) if _is_measure(left) else (right, left)
            if not _is_measure(measure):
                raise _MoreThanCompared
            constants, tests = _constants(other)
            yield from ((_measure(measure), constant) for constant in constants)
            for test in tests:
                yield from _compared(test)


def _constants(text: str) -> tuple[list[str], list[str]]:
    """The numbers and thresholds that it may come to, and the tests that choose between them."""
    text = bare(text)
    if ways := choice(text):
        test, *both = ways
        (yes, first), (no, second) = map(_constants, both)
        return yes + no, [test, *first, *second]
    if _NUMBER.fullmatch(text) or (_NAME.fullmatch(text) and text.startswith(THRESHOLD)):
        return [text], []
    raise _MoreThanCompared


def _values(constant: str, written: PolicyFile) -> Iterator[float]:
    """What a constant is, in any scope."""
    if not constant.startswith(THRESHOLD):
        yield float(constant)
        return
    name = constant.removeprefix(THRESHOLD)
    layers: list[PolicyFile | Scope] = [written, *written.select]
    for layer in layers:
        if name in (values := numbers(layer)):
            yield values[name]


def _measure(name: str) -> str:
    """The label whose score it is, or ``characters``; empty if it is no measure."""
    name = re.sub(r"\s", "", name)
    last = name.rpartition(".")[2] if name.startswith(SCORE) else name.partition(".")[0]
    return last if last in _MEASURES else ""


def _is_measure(text: str) -> bool:
    return _NAME.fullmatch(text) is not None and _measure(text) != ""
