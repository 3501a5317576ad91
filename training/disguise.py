"""Texts that nobody reads as they stand: the views decode them, and judge what they say.

Without such rows a classifier takes strange letters themselves for an attack.
"""

from __future__ import annotations

import base64
import random
import string
from collections.abc import Callable
from typing import Final

_LOWER: Final = string.ascii_lowercase
_CODES: Final = (
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- "
    "-..- -.-- --.."
)
_MORSE: Final = dict(zip(_LOWER, _CODES.split(), strict=True))


def _moved(text: str, rng: random.Random) -> str:
    by = rng.choice((13, 13, rng.randint(1, 25)))
    cipher = _LOWER[by:] + _LOWER[:by]
    return text.translate(str.maketrans(_LOWER + _LOWER.upper(), cipher + cipher.upper()))


def _spaced(text: str, rng: random.Random) -> str:
    return rng.choice((" ", ".", "-", "\n", "_", "  ")).join(text)


def _coded(text: str, rng: random.Random) -> str:
    form = rng.choice(("{:02x}", "{:02x} ", "{:08b} ", "{:d} ", "{:03o} ", "\\x{:02x}", "%{:02X}"))
    return "".join(form.format(byte) for byte in text.encode()).strip()


DISGUISES: Final[tuple[Callable[[str, random.Random], str], ...]] = (
    _moved,
    _moved,
    _spaced,
    _spaced,
    _coded,
    lambda text, _: text[::-1],
    lambda text, _: " ".join(word[::-1] for word in text.split()),
    lambda text, _: " ".join(reversed(text.split())),
    lambda text, _: base64.b64encode(text.encode()).decode(),
    lambda text, _: base64.b32encode(text.encode()).decode(),
    lambda text, _: " ".join(_MORSE.get(letter, "/") for letter in text.lower()),
)
"""Each takes a text and a source of chance."""


def disguised(text: str, rng: random.Random) -> str:
    """The text in one of the disguises."""
    return rng.choice(DISGUISES)(text, rng)
