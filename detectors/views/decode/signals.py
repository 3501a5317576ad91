"""Letters told one by one: in Morse code, or spelt in a radio alphabet.

Sources: ITU-R M.1677-1 (Morse), the ICAO and NATO spelling alphabet (ICAO Annex 10).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from detectors.views.decode.letters import spaced

FEWEST: Final = 5
"""Letters that a stretch spells at least."""
_FEWEST_KINDS: Final = 3
"""Different words of the radio alphabet that a text holds at least."""

_CODES: Final = (
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- "
    "-..- -.-- --.. ----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----. .-.-.- --..-- "
    "..--.. .----. -.-.-- -..-. -.--. -.--.- ---... -.-.-. -...- .-.-. -....- .-..-. ..--.- "
    ".--.-. ...-..-"
)
_MEANT: Final = "abcdefghijklmnopqrstuvwxyz0123456789.,?'!/():;=+-\"_@$"
_MORSE: Final = dict(zip(_CODES.split(), _MEANT, strict=True))
_SIGNS: Final = str.maketrans("•·∙●−–—_‐‑‒", "....-------")
_MORSE_RUN: Final = re.compile(
    r"(?<![^\s\"'(:])[.-]{1,7}+(?:(?:\s{1,8}|\s{0,3}[/|]\s{0,3})[.-]{1,7}+){4,}+"
)
_MORSE_WORDS: Final = re.compile(r"\s*[/|]+\s*|\s{3,}|\n")

_SPELT: Final = (
    "alpha alfa bravo charlie delta echo foxtrot golf hotel india juliett juliet kilo lima mike "
    "november oscar papa quebec romeo sierra tango uniform victor whiskey whisky xray x-ray yankee "
    "zulu"
)
_NATO: Final = {word: word[0] for word in _SPELT.split()}
_ONE: Final = "(?:" + "|".join(sorted(_NATO, key=len, reverse=True)) + ")"
_NATO_RUN: Final = re.compile(
    rf"\b{_ONE}\b(?:(?:[\s,.;-]{{1,8}}|\s{{0,3}}[/|]\s{{0,3}}|\s+(?:space|break)\s+){_ONE}\b){{4,}}+",
    re.IGNORECASE,
)
_NATO_WORD: Final = re.compile(_ONE, re.IGNORECASE)
_NATO_WORDS: Final = re.compile(
    r"\s*[/|]+\s*|\s{2,}|\n|\s+(?:space|break)\s+|[.;]\s*", re.IGNORECASE
)


def decode_signals(text: str) -> Iterator[tuple[str, str]]:
    """Methods, and the text with what was spelt in that way put together."""
    signs = text if text.isascii() else text.translate(_SIGNS)
    if signs.count(".") + signs.count("-") + signs.count("_") > FEWEST:
        signs = signs.replace("_", "-")
        decoded = _MORSE_RUN.sub(_morse, signs)
        if decoded != signs:
            yield "morse", decoded
    lower = text.lower()
    if sum(word in lower for word in _NATO) < _FEWEST_KINDS:
        return
    decoded = _NATO_RUN.sub(_nato, text)
    if decoded != text:
        yield "nato", decoded


def _morse(match: re.Match[str]) -> str:
    """The letters of a run; it stays as it is where a sign is no letter's or all are the same."""
    run = match.group()
    words = [word.split() for word in _MORSE_WORDS.split(run)]
    signs = [sign for word in words for sign in word]
    known = sum(sign in _MORSE for sign in signs)
    if len(set(signs)) < FEWEST - 1 or known * 10 < len(signs) * 9:
        return run
    said = ["".join(_MORSE.get(sign, "?") for sign in word) for word in words]
    return " ".join(said) if len(said) > 1 else spaced(said[0])


def _nato(match: re.Match[str]) -> str:
    run = match.group()
    said = [
        "".join(_NATO[each.lower()] for each in _NATO_WORD.findall(word))
        for word in _NATO_WORDS.split(run)
    ]
    return spaced("".join(said)) if len(said) == 1 or max(map(len, said)) == 1 else " ".join(said)
