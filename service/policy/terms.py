"""A condition taken apart: which of its terms held, and by how much."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from service.policy.condition import QUOTED, Condition, ConditionError, Language

COMPARISONS: Final = (">=", "<=", "==", "!=", ">", "<")

_JOINTS: Final = (("||", "any of"), ("&&", "all of"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A condition or a part of one.

    ``held`` is None where it cannot be evaluated alone. ``how`` says what its ``terms`` are to it,
    or, of one that has none, the values that it looked at. ``margin`` is how far the two sides of
    a comparison lie apart, None where they are no numbers.
    """

    text: str
    held: bool | None
    how: str = ""
    margin: float | None = None
    terms: tuple[Term, ...] = ()


class Dissection:
    """Takes the conditions of one policy apart, for the values of one part or exchange."""

    def __init__(
        self,
        language: Language,
        values: Mapping[str, object],
        constants: Mapping[str, object],
        *,
        of_parts: bool,
    ) -> None:
        """``constants`` are the policy's thresholds and lists, under their full names."""
        self._language = language
        self._given = values
        self._values = {**values, **constants}
        self._of_parts = of_parts

    def term(self, text: str) -> Term:
        """The condition, and under it what it is made of."""
        text = bare(text)
        if ways := choice(text):
            test, yes, no = ways
            chosen = yes if self._held(test) else no
            both = (self.term(test), self.term(chosen))
            how = "the first chooses the second"
            return Term(text=text, held=self._held(text), how=how, terms=both)
        for joint, how in _JOINTS:
            joined = pieces(text, joint)
            if len(joined) > 1:
                terms = tuple(self.term(piece) for piece in joined)
                return Term(text=text, held=self._held(text), how=how, terms=terms)
        if text.startswith("!") and bare(text[1:]) != text[1:].strip():
            return Term(text=text, held=self._held(text), how="not", terms=(self.term(text[1:]),))
        return self._leaf(text)

    def _leaf(self, text: str) -> Term:
        condition = self._compiled(text)
        held = condition.holds(self._language.values(self._given)) if condition else None
        compared = sides(text)
        if compared is not None:
            sign = compared[1]
            left, right = self._number(compared[0]), self._number(compared[2])
            if left is not None and right is not None:
                how = f"{left:.4g} {sign} {right:.4g}"
                return Term(text=text, held=held, how=how, margin=abs(left - right))
        names = sorted(condition.names) if condition else []
        how = ", ".join(f"{name} is {_shown(self._values[name])}" for name in names)
        return Term(text=text, held=held, how=how)

    def _number(self, text: str) -> float | None:
        """The number that a side of a comparison comes to, where that can be told by reading."""
        text = bare(text)
        if ways := choice(text):
            test, yes, no = ways
            held = self._held(test)
            return None if held is None else self._number(yes if held else no)
        value = self._values.get(re.sub(r"\s", "", text), text)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            return None
        try:
            return float(value)
        except ValueError:
            return None

    def _held(self, text: str) -> bool | None:
        condition = self._compiled(text)
        return condition.holds(self._language.values(self._given)) if condition else None

    def _compiled(self, text: str) -> Condition | None:
        """None for what is only evaluated behind another term, such as ``gaps[0] == 'audio'``."""
        try:
            return self._language.compile(text, of_parts=self._of_parts)
        except ConditionError:
            return None


def leaves(text: str) -> Iterator[str]:
    """The terms of a condition that are not made of others, in order."""
    text = bare(text)
    joint = next((mark for mark, _ in _JOINTS if len(pieces(text, mark)) > 1), None)
    if parts := choice(text) or (pieces(text, joint) if joint else None):
        for each in parts:
            yield from leaves(each)
    elif text.startswith("!"):
        yield from leaves(text[1:])
    else:
        yield text


def unquoted(text: str) -> str:
    """The text with blanks in the place of literals and comments."""
    return QUOTED.sub(lambda match: " " * len(match[0]), text)


def _tops(text: str, *marks: str) -> Iterator[tuple[int, str]]:
    """Where one of the marks stands outside of brackets, literals and comments."""
    plain = unquoted(text)
    depth, at = 0, 0
    while at < len(plain):
        depth += (plain[at] in "([{") - (plain[at] in ")]}")
        mark = next((each for each in marks if plain.startswith(each, at)), "")
        if mark and depth == 0:
            yield at, mark
        at += len(mark) or 1


def pieces(text: str, mark: str) -> list[str]:
    """What stands between the marks, outside of brackets and literals."""
    starts = [0, *(at + len(mark) for at, _ in _tops(text, mark))]
    ends = [*(at for at, _ in _tops(text, mark)), len(text)]
    return [text[start:end].strip() for start, end in zip(starts, ends, strict=True)]


def choice(text: str) -> tuple[str, str, str] | None:
    """The test of ``test ? yes : no``, and both ways."""
    test, *rest = pieces(text, "?")
    if not rest:
        return None
    after = text[next(_tops(text, "?"))[0] + 1 :]
    yes, *no = pieces(after, ":")
    return (test, yes, " : ".join(no)) if no else None


def sides(text: str) -> tuple[str, str, str] | None:
    """Both sides of a comparison, and its sign between them."""
    found = list(_tops(text, *COMPARISONS))
    if len(found) != 1:
        return None
    at, sign = found[0]
    return text[:at], sign, text[at + len(sign) :]


def bare(text: str) -> str:
    """The text without the brackets around all of it."""
    text = text.strip()
    while text.startswith("(") and text.endswith(")"):
        inner = text[1:-1]
        depths = [0]
        for each in QUOTED.sub("", inner):
            depths.append(depths[-1] + (each == "(") - (each == ")"))
        if min(depths) < 0:
            break
        text = inner.strip()
    return text


def _shown(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.4g}"
        case list() | tuple():
            return f"[{', '.join(map(str, value))}]"
        case _:
            return f"`{value}`" if isinstance(value, str) else str(value)
