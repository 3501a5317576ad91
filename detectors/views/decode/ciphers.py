"""Letters that were moved: ROT13 and the other Caesar shifts, Atbash, and text written backwards.

A stretch counts as enciphered where its letters make much more sense once moved back. One measure
serves all of them, since each moves the three letters that ``letters`` weighs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from detectors.views.decode.letters import GAP, Codes, Table, codes_of, order, senses

Span = tuple[int, int]
Turn = Callable[[str], str]

LEAST_GAIN: Final = 8.0
"""Sense that a stretch gains at least by being turned or shifted by 13: about eight letters."""
LEAST_GAIN_OF_MANY: Final = 14.0
"""The same for the other shifts, of which there are many, so that one may please by chance."""
_LEAST_LOSS: Final = 4.0
"""Sense that a stretch lacks at least to be looked into: plain English seldom lacks as much."""
_TOLL: Final = 0.3
"""Sense that each letter must gain beyond, so that a stretch ends where the cipher ends."""
_FEWEST_LETTERS: Final = 6
_LONGEST_WORD: Final = 30
_MOST_STRETCHES: Final = 8
_SAMPLE: Final = 400
_TURNED: Final = 100.0
_WORD: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class _Text:
    """A text, its letters as symbols, and the sense of each as it stands."""

    text: str
    codes: Codes
    plain: Table

    def gain(self, moved: Table) -> Table:
        """What each letter gains by being moved, less the toll; what is no letter gains nothing."""
        gained = moved - np.maximum(self.plain, 0) - _TOLL
        return np.where(self.codes == GAP, 0, gained).astype(np.float32)


def decode_ciphers(text: str) -> Iterator[tuple[str, str]]:
    """Methods, and the text with what was enciphered in that way deciphered."""
    codes = codes_of(text)
    whole = _Text(text, codes, senses(codes))
    begin, _, loss = _best(np.where(codes == GAP, 0, -whole.plain))
    if loss < _LEAST_LOSS:
        return
    backward = senses(codes[::-1])[::-1]
    turned = _replaced(whole, backward, LEAST_GAIN, lambda stretch: stretch[::-1])
    by_word = _replaced(whole, backward, LEAST_GAIN, _turn_words)
    if turned is not None and by_word is not None:
        better = order(turned) - order(by_word)
        if better >= 0:
            yield "reversed", turned
        if better <= 0:
            yield "reversed:words", by_word
    shifted = _shifted(whole, _shift(13), LEAST_GAIN)
    if shifted is not None:
        yield "rot13", shifted
    elif turned is None and loss >= LEAST_GAIN:
        shifted = _shifted(whole, _likeliest(codes[begin : begin + _SAMPLE]), LEAST_GAIN_OF_MANY)
        if shifted is not None:
            yield "caesar", shifted


def _turn_words(stretch: str) -> str:
    return _WORD.sub(lambda word: word.group()[::-1], stretch)


def _shift(by: int) -> Codes:
    return np.array([*((at + by) % GAP for at in range(GAP)), GAP], dtype=np.uint8)


_MIRROR: Final = np.array([*reversed(range(GAP)), GAP], dtype=np.uint8)
_WAYS: Final = (_MIRROR, *(_shift(by) for by in range(1, GAP) if by != 13))  # noqa: PLR2004 - ROT13


def _shifted(whole: _Text, way: Codes, least: float) -> str | None:
    moved = "".join(_LETTERS[code] for code in way[:GAP])
    table = str.maketrans(_LETTERS + _LETTERS.upper(), moved + moved.upper())
    return _replaced(whole, senses(way[whole.codes]), least, lambda text: text.translate(table))


def _replaced(whole: _Text, moved: Table, least: float, turn: Turn) -> str | None:
    """The text with each stretch that gains enough turned; None if there is none."""
    stretches = sorted(_stretches(whole.gain(moved), whole.codes, least))
    if not stretches:
        return None
    pieces: list[str] = []
    last = 0
    for begin, end in _widened(stretches, whole, moved):
        pieces += [whole.text[last:begin], turn(whole.text[begin:end])]
        last = end
    return "".join([*pieces, whole.text[last:]])


def _likeliest(codes: Codes) -> Codes:
    """The shift or mirror after which the letters make the most sense."""
    ways = np.array([senses(way[codes]).sum() for way in _WAYS])
    return _WAYS[int(ways.argmax())]


def _best(gain: Table) -> tuple[int, int, float]:
    """The stretch that gains most: its begin, its end, and what it gains."""
    total = np.zeros(len(gain) + 1)
    np.cumsum(gain, out=total[1:])
    rise = total - np.minimum.accumulate(total)
    end = int(rise.argmax())
    begin = end - 1 - int(total[:end][::-1].argmin()) if end else 0
    return begin, end, float(rise[end])


def _stretches(gain: Table, codes: Codes, least: float) -> Iterator[Span]:
    """The stretches that gain enough, widened to whole words; the best first."""
    rest = gain.copy()
    for _ in range(_MOST_STRETCHES):
        begin, end, gained = _best(rest)
        if gained < least:
            return
        first, last = max(0, begin - _LONGEST_WORD), min(len(codes), end + _LONGEST_WORD)
        while begin > first and codes[begin - 1] != GAP and rest[begin - 1] > -_TURNED:
            begin -= 1
        while end < last and codes[end] != GAP and rest[end] > -_TURNED:
            end += 1
        yield begin, end
        rest[begin:end] = -_TURNED


def _widened(stretches: Sequence[Span], whole: _Text, moved: Table) -> Iterator[Span]:
    """The stretches, each with what lies before the next if that too makes more sense moved."""
    words = [*stretches, (len(whole.codes), len(whole.codes))]
    begin = end = 0
    for low, high in words:
        between = slice(end, low)
        letters = int((whole.codes[between] != GAP).sum())
        better = float(moved[between].sum()) > float(whole.plain[between].sum())
        if better or letters < _FEWEST_LETTERS:
            end = high
            continue
        if end > begin:
            yield begin, end
        begin, end = low, high
    if end > begin:
        yield begin, end
