"""The names of places, each with the level of GPTGeoChat that it tells.

``names.txt.gz`` is made by ``training/gazetteer.py``; its card says from what.
"""

from __future__ import annotations

import gzip
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Final

from detectors.contract.detector import ModelError

FILE: Final = Path(__file__).parents[1] / "models" / "gazetteer" / "names.txt.gz"


class Level(StrEnum):
    """How finely a name tells where something is, from coarse to fine; one letter in the file."""

    WIDE = "w"
    COUNTRY = "c"
    REGION = "r"
    CITY = "t"
    NEIGHBOURHOOD = "n"
    EXACT = "e"


@lru_cache(maxsize=1)
def names() -> dict[str, str]:
    """Folded name → letter of its level, a capital where the name is a common word too.

    Raises ModelError if the file is missing or broken.
    """
    try:
        text = gzip.decompress(FILE.read_bytes()).decode()
        return {
            name: level for level, _, name in (line.partition("\t") for line in text.splitlines())
        }
    except (OSError, EOFError, ValueError) as error:
        raise ModelError(f"{FILE.name}, the names of places, cannot be read: {error}") from error


@lru_cache(maxsize=1)
def longest() -> dict[str, int]:
    """How long the longest name is that begins so.

    In words, by its first word; in characters, by its first two, where it is of Chinese characters.
    """
    lengths: dict[str, int] = {}
    for name in names():
        if "\u4e00" <= name[0] <= "\u9fff":
            begins, length = name[:2], len(name)
        else:
            words = name.translate(_GAPS).split()
            begins, length = words[0] if words else "", len(words)
        if length > 1:
            lengths[begins] = max(length, lengths.get(begins, 0))
    return lengths


_GAPS: Final = dict.fromkeys(map(ord, "'.&,()/"), " ")
_SPELLINGS: Final = {
    **dict(zip(range(0x0958, 0x0960), "कखगजडढफय", strict=True)),
    **dict.fromkeys((0x093C, *range(0x064B, 0x0653), 0x0640)),
    **{ord(one): other for one, other in zip("أإآىँ’-", "اااي\u0902' ", strict=True)},
}
"""Letters that are written in several ways: dots and vowel signs that many leave out, hyphens."""


def folded(name: str) -> str:
    """A name as it is looked up: without case, and each letter in one spelling."""
    return name.casefold().translate(_SPELLINGS)
