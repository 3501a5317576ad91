"""Cuts texts into windows that a classifier can read: nothing left out, each with its place."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tokenizers import Tokenizer

LONGEST_WORD: Final = 80
"""Characters after which a word is split; WordPiece reads one of over 100 as a single unknown."""
LONG_LINE: Final = 160
"""Characters beyond which a line is taken for a paragraph and cut at its sentence ends."""

_ENDLESS: Final = re.compile(rf"\w{{{LONGEST_WORD + 1},}}")
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_LINE: Final = re.compile(r"[^\n\r]+")
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+|(?<=[\u3002\uff01\uff1f])")

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text's token ids without the special ones, and the place of each in the text."""

    ids: Sequence[int]
    starts: Sequence[int]
    ends: Sequence[int]

    def window(self, first: int, last: int) -> Window:
        """The tokens from ``first`` up to, but not with, ``last``."""
        span = (self.starts[first], self.ends[last - 1])
        return Window(ids=tuple(self.ids[first:last]), span=span)

    def within(self, span: Span) -> tuple[int, int]:
        """Which tokens begin inside a span of the text: the first, and the one after the last."""
        return bisect_left(self.starts, span[0]), bisect_left(self.starts, span[1])


@dataclass(frozen=True, slots=True)
class Window:
    """Token ids to judge together, special ones excluded, and the span of text they cover."""

    ids: tuple[int, ...]
    span: Span


def tokens_of(text: str, tokenizer: Tokenizer) -> Tokens:
    """The whole text, tokenised once. Endless words are split, lone surrogates replaced."""
    readable = _SURROGATES.sub("\ufffd", text)
    cuts = [
        cut
        for match in _ENDLESS.finditer(readable)
        for cut in range(match.start() + LONGEST_WORD, match.end(), LONGEST_WORD)
    ]
    ids: list[int] = []
    starts: list[int] = []
    ends: list[int] = []
    for begin, end in zip((0, *cuts), (*cuts, len(readable)), strict=True):
        encoding = tokenizer.encode(readable[begin:end], add_special_tokens=False)
        ids += encoding.ids
        starts += [begin + low for low, _ in encoding.offsets]
        ends += [begin + high for _, high in encoding.offsets]
    return Tokens(ids=ids, starts=starts, ends=ends)


def overlapping(tokens: Tokens, size: int, overlap: int) -> list[Window]:
    """Windows of ``size`` tokens over all of them; neighbours share ``overlap`` tokens."""
    count = len(tokens.ids)
    if not count:
        return []
    starts = range(0, max(1, count - overlap), size - overlap)
    return [tokens.window(start, min(start + size, count)) for start in starts]


def segments(text: str) -> list[Span]:
    """The lines of a text, long ones cut into sentences: spans without the space around them."""
    found: list[Span] = []
    for line in _LINE.finditer(text):
        cuts = [0]
        if len(line.group()) > LONG_LINE:
            cuts += [match.end() for match in _SENTENCE_END.finditer(line.group())]
        for low, high in zip(cuts, (*cuts[1:], len(line.group())), strict=True):
            part = line.group()[low:high]
            if part.strip():
                start = line.start() + low + len(part) - len(part.lstrip())
                found.append((start, start + len(part.strip())))
    return found


def groups(tokens: Tokens, places: Sequence[Span], least: int, size: int) -> list[Window]:
    """Windows of whole neighbouring segments, each as few as hold ``least`` tokens.

    A window begins at every second segment of the one before it, so that what stands in two
    neighbouring segments is read together. A segment of over ``size`` tokens is cut off here:
    the overlapping windows hold all of it.
    """
    found: list[Window] = []
    begin = 0
    while begin < len(places):
        end = begin
        first = last = tokens.within(places[begin])[0]
        while end < len(places) and last - first < least:
            last = tokens.within(places[end])[1]
            end += 1
        if last > first:
            found.append(tokens.window(first, min(last, first + size)))
        if end == len(places):
            break
        begin = max(begin + 1, end - 1)
    return found


def runs_of_segments(tokens: Tokens, places: Sequence[Span], longest: int) -> list[Window]:
    """Every run of one to ``longest`` neighbouring segments, for finding an offence's place."""
    found = []
    for begin in range(len(places)):
        for end in range(begin, min(begin + longest, len(places))):
            first, last = tokens.within((places[begin][0], places[end][1]))
            if last > first:
                found.append(tokens.window(first, last))
    return found
