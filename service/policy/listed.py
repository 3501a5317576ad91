"""Puts the texts of a list in the place of its name, where a field may hold either."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from service.policy.fields import HOST, LONGEST_HOST, SHA256, SHORTEST_PHRASE
from service.policy.spelling import nearest

Lists: TypeAlias = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Kind:
    """What the texts of a list must be to stand in a field."""

    name: str
    fits: Callable[[str], bool]


HASHES: Final = Kind("SHA-256", lambda text: re.fullmatch(SHA256, text) is not None)
PHRASES: Final = Kind(
    "phrase that is long enough", lambda text: len(text.strip()) >= SHORTEST_PHRASE
)
HOSTS: Final = Kind(
    "host in lower case",
    lambda text: len(text) <= LONGEST_HOST and re.fullmatch(HOST, text) is not None,
)


def listed(
    written: str | tuple[str, ...], lists: Lists, kind: Kind
) -> tuple[tuple[str, ...], tuple[str, str] | None]:
    """The texts that a field means, and what is wrong with them and the fix, if anything is."""
    if not isinstance(written, str):
        return written, None
    texts = lists.get(written)
    if texts is None:
        fix = nearest(written, lists, "write it under `lists`, or its texts here")
        return (), (f"there is no list `{written}`", fix)
    unfit = [number for number, each in enumerate(texts, 1) if not kind.fits(each)]
    if unfit:
        what = f"text {unfit[0]} of the list `{written}` is no {kind.name}"
        return texts, (what, "mend the list, or name another")
    return texts, None
