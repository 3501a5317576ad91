"""Words spelt otherwise: letters set apart, digits for letters (leetspeak), pig Latin."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

import numpy as np

from detectors.views.decode.ciphers import decode_ciphers
from detectors.views.decode.letters import GAP, codes_of, reads, sense, spaced, words

_BETWEEN: Final = r"[\s._*|/~\u00b7\u2022,+=:;<>()\[\]{}-]{1,4}"
_APART: Final = re.compile(rf"(?<![^\W_])[^\W_](?:{_BETWEEN}[^\W_](?![^\W_])){{3,}}+")
_ONE: Final = re.compile(r"[^\W_]")
_LONE: Final = re.compile(rf"(?<![^\W_])[^\W_]{_BETWEEN}[^\W_]{_BETWEEN}[^\W_](?![^\W_])")
_SHORTEST_WORD: Final = 4
_WIDEST_STEP: Final = 5
_LETTERS_OF_ALL: Final = 0.8
_MOST_LETTERS: Final = 4000
"""Of one run of letters that are set apart; beyond it the rest is put together without spaces."""

_INSIDE: Final = re.compile(r"[A-Za-z][0134578@$!|€£]+[A-Za-z]|(?<![\w@$])[0134578@$]+[A-Za-z]{2}")
_TOKEN: Final = re.compile(r"[A-Za-z0-9@$!|€£]++")
_FIGURE: Final = re.compile(r"[0134578@$!|€£](?=.)|[0134578@$€£]")
_I: Final = str.maketrans("01345789@$!|€£", "oieastbgasiiel")
_L: Final = str.maketrans("01345789@$!|€£", "oleastbgasllel")
_ORDINAL: Final = re.compile(r"\d+[A-Za-z]{1,3}|[A-Za-z]{1,3}\d+")
_ALL_FIGURES: Final = re.compile(r"(?<![\w.,])(?:1[57]?|4[57]?|50|70)(?![\w,]|\.\d)")
"""Short words that are all figures: i, is, it, a, as, at, so, to."""
_SIGN_OR_LETTER: Final = bytes(
    ord("a")
    if chr(byte).isalpha() and byte < ord("\x7f")
    else ord("1" if byte in b"0134578@$!|?" else " ")
    for byte in range(256)
)
_SAMPLE: Final = 4000
"""Characters that tell whether a text is in leetspeak."""
_FEWEST_FOLDED: Final = 2
_FEWEST_HIDDEN: Final = 4
"""Words to fold in a text that is a cipher besides."""
_KNOWN_OF_FOLDED: Final = 0.5
_SENSE_OF_WORD: Final = 0.6

_PIG: Final = re.compile(r"\b([a-z]+?)[-']?([bcdfghjklmnpqrstvwxz]{0,4}|qu|y|w)ay\b", re.IGNORECASE)
_WORD: Final = re.compile(r"[A-Za-z]+(?:[-'][A-Za-z]+)?")
_FEWEST_PIGS: Final = 4
_PIGS_OF_WORDS: Final = 0.6


def decode_spelling(text: str) -> Iterator[tuple[str, str]]:
    """Methods, and the text as it would usually be spelt."""
    together = _APART.sub(_together, text) if _may_be_apart(text) else text
    if together != text:
        yield "spaced", together
    folded = _unleet(text)
    if folded != text:
        yield "leet", folded
    if text.count("ay") >= _FEWEST_PIGS:
        spoken = _unpig(text)
        if spoken != text:
            yield "pig_latin", spoken


def _may_be_apart(text: str) -> bool:
    """Whether lone letters follow each other, cheaply told for plain text."""
    if not text.isascii():
        return _LONE.search(text) is not None
    letter = np.concatenate([[False], codes_of(text) != GAP, [False]])
    lone = np.flatnonzero(letter[1:-1] & ~letter[:-2] & ~letter[2:])
    return int((np.diff(lone) <= _WIDEST_STEP).sum()) >= _SHORTEST_WORD - 1


def _together(match: re.Match[str]) -> str:
    """The letters as words. What most often stands between two is within a word, all else ends it.

    They stay apart where they are no words: initials, choices, variables.
    """
    run = match.group()
    letters = _ONE.findall(run)
    if sum(map(str.isalpha, letters)) < _LETTERS_OF_ALL * len(letters):
        return run
    between = _ONE.split(run)[1:-1]
    within = Counter(between).most_common(1)[0][0]
    said = letters[0]
    for gap, letter in zip(between, letters[1:], strict=True):
        said += letter if gap == within else f" {letter}"
    if all(gap == within for gap in between):
        known = said.lower() in words() or not said.isascii()
        said = said if known or len(said) > _MOST_LETTERS else spaced(said)
    known_word = len(said) >= _SHORTEST_WORD and said.lower() in words()
    foreign = not said.isascii() and len(letters) > _SHORTEST_WORD
    return said if known_word or foreign or reads(said) else run


def _unleet(text: str) -> str:
    """The text with digits and signs read as letters, if enough of what that changes are words."""
    signs = text.encode("ascii", "replace")
    if signs.translate(_SIGN_OR_LETTER).count(b"1a") < _FEWEST_FOLDED:
        return text
    if len(_INSIDE.findall(text)) < _FEWEST_FOLDED:
        return text
    folded = known = 0
    for token in _TOKEN.findall(text[:_SAMPLE]):
        if _figures(token) and len(token) >= _SHORTEST_WORD and not _ORDINAL.fullmatch(token):
            folded += 1
            known += _is_word(_fold(token))
    if known < _FEWEST_FOLDED or known < _KNOWN_OF_FOLDED * folded:
        plainly = text.translate(_I)
        return (
            plainly if folded >= _FEWEST_HIDDEN and any(decode_ciphers(plainly[:_SAMPLE])) else text
        )
    text = _ALL_FIGURES.sub(lambda match: match.group().translate(_I), text)
    return _TOKEN.sub(lambda match: _fold(match.group()), text)


def _figures(token: str) -> bool:
    return bool(_FIGURE.search(token)) and any(map(str.isalpha, token))


def _fold(token: str) -> str:
    """The token in letters; a sign that may be i or l is what makes a known word."""
    if not _figures(token):
        return token
    end = len(token.rstrip("!"))
    stem, rest = token[:end].lower(), token[end:]
    forms = (stem.translate(_I), stem.translate(_L))
    return next((form for form in forms if form in words()), forms[0]) + rest


def _is_word(form: str) -> bool:
    form = form.rstrip("!")
    return form in words() or (form.isalpha() and sense(form) >= _SENSE_OF_WORD)


def _unpig(text: str) -> str:
    """The text from pig Latin, if most of its words end as there."""
    pigs = _PIG.findall(text)
    if len(pigs) < _FEWEST_PIGS or len(pigs) < _PIGS_OF_WORDS * len(_WORD.findall(text)):
        return text
    return _PIG.sub(_unpigged, text)


def _unpigged(match: re.Match[str]) -> str:
    """The consonants moved back to where the word makes the most sense."""
    stem = match.group()[:-2].replace("-", "").replace("'", "").lower()
    forms = [stem, stem[:-1]] if stem[-1:] in {"w", "y"} else []
    forms += [stem[-count:] + stem[:-count] for count in range(1, min(4, len(stem)))]
    return max(forms or [stem], key=lambda form: (form in words(), sense(form)))
