"""Bytes carried by characters that nobody sees: variation selectors, zero-width characters.

Sources: data in variation selectors 1 to 256 after one visible character (P. Butler, "Smuggling
arbitrary data through an emoji", 2025); bits as two zero-width or invisible characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Final

_FEWEST: Final = 4
"""Bytes that are hidden at least. A visible emoji carries one selector."""
_SELECTORS: Final = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}")
_FIRST, _MORE = 0xFE00, 0xE0100  # selectors 1 to 16, and 17 to 256
_ZERO_WIDTH: Final = re.compile("[\u200b-\u200f\u2060-\u2064\ufeff\u180e\u00ad\u034f]")
_MOST_KINDS: Final = 3
_SIZES: Final = (8, 7)


def decode_hidden(text: str) -> Iterator[tuple[str, str]]:
    """Methods, and the text with what was hidden in its place or at its end."""
    if text.isascii():
        return
    shown = _SELECTORS.sub(_selected, text)
    if shown != text:
        yield "variation_selectors", shown
    bits = _ZERO_WIDTH.findall(text)
    said = _from_bits(bits) if len(bits) >= _FEWEST * _SIZES[1] else None
    if said is not None:
        yield "zero_width", f"{_ZERO_WIDTH.sub('', text)} {said}".strip()


def _selected(match: re.Match[str]) -> str:
    points = [ord(character) for character in match.group()]
    data = bytes(point - _FIRST if point < _MORE else point - _MORE + 16 for point in points)
    said = _printable(data)
    return match.group() if said is None else f" {said} "


def _from_bits(marks: Sequence[str]) -> str | None:
    """What the bits say, whichever of the marks is one and whichever parts the characters."""
    kinds = sorted(set(marks))
    if not 2 <= len(kinds) <= _MOST_KINDS:  # noqa: PLR2004 - two make bits
        return None
    for zero, one in permutations(kinds, 2):
        bits = "".join("0" if mark == zero else "1" for mark in marks if mark in {zero, one})
        for size in _SIZES:
            whole = range(0, len(bits) - size + 1, size)
            said = _printable(bytes(int(bits[at : at + size], 2) for at in whole))
            if said is not None:
                return said
    return None


def _printable(data: bytes) -> str | None:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    fine = len(text) >= _FEWEST and all(each.isprintable() or each in "\n\t" for each in text)
    return text if fine else None
