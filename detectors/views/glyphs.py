"""Letters drawn as other characters: styled, enclosed, small capitals, look-alikes, upside down.

Sources: the Unicode character database (``unicodedata``) for forms and names; the confusables of
UTS #39, by the package confusable-homoglyphs, for letters of other scripts that look Latin.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Final

from confusable_homoglyphs.confusables import (  # type: ignore[import-untyped]  # it has no types
    confusables_data,
)

_STYLED: Final = (
    (0x0262, 0x02AF),  # small capitals among the phonetic letters
    (0x02B0, 0x02B8),
    (0x1D00, 0x1D7F),
    (0x2071, 0x209C),
    (0x2102, 0x2138),
    (0x249C, 0x24E9),
    (0xA730, 0xA7FF),
    (0xFF21, 0xFF5A),
    (0x10780, 0x107BA),
    (0x1D400, 0x1D7FF),
    (0x1F110, 0x1F189),
)
"""Where styled letters stand. Digits in circles and full-width signs are everyday in East Asia."""
_NAMED: Final = re.compile(
    r"(?:LATIN LETTER SMALL CAPITAL|(?:CROSSED )?(?:NEGATIVE )?(?:CIRCLED|SQUARED|PARENTHESIZED) "
    r"LATIN (?:CAPITAL|SMALL) LETTER|MODIFIER LETTER (?:SMALL|CAPITAL)) ([A-Z])"
)
_NATIVE: Final = "\u0131\u017f"
"""Look-alikes that are letters of languages in Latin script: the dotless i, the long s."""
_ALIKE: Final = (
    "aλᴀ bбвβ dԁժ eзεєᴇ fғ gցɡ hһհң iɩι kкκқ lʟ mм nпηи oօσθ qԛգ rгᴦ tтτ uսυц vνѵ wԝωш xχх yү WԜШ "
    "YҮ RЯ NИ EЗ"
)
_BY_HAND: Final = {character: row[0] for row in _ALIKE.split() for character in row[1:]}
"""What UTS #39 does not count, and attackers use."""

_UPSIDE_DOWN: Final = str.maketrans(
    "ɐqɔpǝɟƃɓƂɥᴉıɾʞlןɯuodbɹsʇnʌʍʎ¿¡∀ƆƎℲ⅁ſ⅂Ԁᴚ⊥∩Λ⅄˙,'",
    "abcdefggghiijkllmnopqrstuvwy?!ACEFGJLPRTUVY.',",
)
_REGIONAL: Final = {0x1F1E6 + at: letter for at, letter in enumerate(string.ascii_lowercase)}
TURNED: Final = re.compile("[ɐɔǝɟƃɓɥᴉɾʞɯɹʇʌʍʎןƆƎℲ⅁⅂ᴚ⅄]")


@cache
def styled() -> dict[int, str]:
    """Code point of a styled letter → the letter."""
    table = {}
    for first, last in _STYLED:
        for point in range(first, last + 1):
            letter = _plain(chr(point))
            if letter:
                table[point] = letter
    return table


def _plain(character: str) -> str | None:
    form = unicodedata.normalize("NFKC", character)
    if len(form) == 1 and form.isascii() and form.isalnum():
        return form
    named = _NAMED.fullmatch(unicodedata.name(character, ""))
    return named.group(1).lower() if named else None


@cache
def look_alikes() -> dict[int, str]:
    """Code point of a letter of another script → the Latin letter that it looks like."""
    table = {ord(character): letter for character, letter in _BY_HAND.items()}
    for letter in string.ascii_letters:
        for entry in confusables_data.get(letter, ()):
            character = str(entry["c"])
            if len(character) == 1 and character.isalpha() and not character.isascii():
                table.setdefault(ord(character), letter)
    return {point: letter for point, letter in table.items() if chr(point) not in _NATIVE}


def found_in(text: str, table: Mapping[int, str]) -> dict[int, str]:
    """The part of the table that a text needs."""
    return {point: table[point] for point in map(ord, set(text)) if point in table}


def regional(text: str) -> str:
    """Regional indicators as the letters that they stand for."""
    return text.translate(_REGIONAL)


def upright(text: str) -> str:
    """Upside-down letters turned, and so their order."""
    return text.translate(_UPSIDE_DOWN)[::-1]
