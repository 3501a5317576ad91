"""Small changes that keep a row's meaning, so that wording decides and neither form nor noise."""

from __future__ import annotations

import random
from typing import Final

_MISREAD: Final = {
    "l": "1I|", "I": "l1|", "1": "lI", "o": "0", "O": "0Q", "0": "O", "e": "c", "c": "e", "a": "@o",
    "s": "5", "S": "5", "B": "8", "g": "9q", "i": "lj", "t": "f", "n": "ri", "m": "rn", "u": "v",
    ".": ",", ",": ".",
}  # fmt: skip
OCR_SURFACES: Final = ("image",)
_MISREAD_IMAGES: Final = 0.35
_MISREAD_OTHERS: Final = 0.06
_BARE_ENDINGS: Final = 0.25
_NEW_ENDINGS: Final = 0.08
_OPENERS: Final = 0.06
_ENDS: Final = ".?!\u3002\uff1f\uff01 "


def misread(text: str, rng: random.Random, rate: float) -> str:
    """The text as a poor OCR reads it: look-alike letters, lost spaces, broken lines."""
    out = []
    for char in text:
        if rng.random() >= rate:
            out.append(char)
        elif char == " ":
            out.append(rng.choice(("", "\n", "  ")))
        elif char in _MISREAD:
            out.append(rng.choice(_MISREAD[char]))
        else:
            out.append(char)
    return "".join(out)


def varied(text: str, surface: str, rng: random.Random) -> str:
    """The text with its ending, spacing and letters changed now and then; mostly as it is."""
    if surface in OCR_SURFACES:
        if rng.random() < _MISREAD_IMAGES:
            text = misread(text, rng, rng.uniform(0.02, 0.12))
    elif rng.random() < _MISREAD_OTHERS:
        text = misread(text, rng, rng.uniform(0.01, 0.04))
    if rng.random() < _BARE_ENDINGS:
        text = text.rstrip(_ENDS)
    elif rng.random() < _NEW_ENDINGS:
        text = text.rstrip(_ENDS) + rng.choice(("?", ".", "!", "...", " thanks", " please"))
    if rng.random() < _OPENERS:
        text = rng.choice(("hi, ", "Hello! ", "please ", "hey, ", "Quick one: ", "- ")) + text
    return text or " "
