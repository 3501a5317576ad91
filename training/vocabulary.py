"""Widens an English WordPiece vocabulary by the characters that its training rows need."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer


def missing_characters(tokenizer: Tokenizer, texts: Iterable[str], least: int) -> list[str]:
    """Characters that the vocabulary lacks and that occur ``least`` times, most frequent first.

    Characters are counted as the tokenizer's own normaliser leaves them. One that stands inside
    words is given twice, also as a continuation (``##x``).
    """
    vocabulary = tokenizer.get_vocab()
    counts: Counter[str] = Counter()
    for text in texts:
        for word in tokenizer.normalizer.normalize_str(text).split():
            for char in word:
                if unicodedata.category(char)[0] in "LNM" and char not in vocabulary:
                    counts[char] += 1
    return [char for char, count in counts.most_common() if count >= least]


def widen(source: Path, target: Path, characters: list[str]) -> int:
    """Writes the tokenizer file with the characters added; gives the new size of the vocabulary.

    The ``[unused…]`` slots are filled first, then the vocabulary grows.
    """
    content: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    vocabulary: dict[str, int] = content["model"]["vocab"]
    wanted = []
    for char in characters:
        wanted.append(char)
        if not _stands_alone(char):
            wanted.append("##" + char)
    wanted = [token for token in wanted if token not in vocabulary]
    slots = [word for word in vocabulary if word.startswith("[unused")]
    for word, token in zip(slots, wanted, strict=False):
        vocabulary[token] = vocabulary.pop(word)
    for token in wanted[len(slots) :]:
        vocabulary[token] = len(vocabulary)
    content["truncation"] = content["padding"] = None
    content["model"]["vocab"] = dict(sorted(vocabulary.items(), key=lambda item: item[1]))
    target.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return len(vocabulary)


def _stands_alone(char: str) -> bool:
    """Whether the tokenizer puts spaces around it, as it does with Chinese characters."""
    return unicodedata.name(char, "").startswith("CJK")
