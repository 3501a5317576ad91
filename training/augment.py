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
        if rng.random() < 0.35:
            text = misread(text, rng, rng.uniform(0.02, 0.12))
    elif rng.random() < 0.06:
        text = misread(text, rng, rng.uniform(0.01, 0.04))
    draw = rng.random()
    if draw < 0.25:
        text = text.rstrip(".?!。？！ ")
    elif draw < 0.33:
        text = text.rstrip(".?!。？！ ") + rng.choice(("?", ".", "!", "...", " thanks", " please"))
    if rng.random() < 0.06:
        text = rng.choice(("hi, ", "Hello! ", "please ", "hey, ", "Quick one: ", "- ")) + text
    return text or " "
