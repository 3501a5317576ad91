"""Text as a reader takes it: without invisible characters, look-alikes and disguised letters.

Only text that carries such characters yields a normalised one, so plain text costs a scan. The
invisible characters that emoji and scripts need are no disguise.

Sources: Unicode tags U+E0000 (UTS #51, deprecated use), bidi controls (UAX #9), deletions and
reorderings (Boucher et al., "Bad Characters", 2022), look-alikes and styled letters: ``glyphs``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final, Self

from detectors.contract.detector import DetectorError, SelfCheckError
from detectors.contract.exchange import Part, TextPart
from detectors.views.decode.letters import sense, words
from detectors.views.glyphs import (
    TURNED,
    found_in,
    look_alikes,
    regional,
    styled,
    upright,
)

METHOD: Final = "normalised"
MOST_CHARACTERS: Final = 600_000
"""Characters of one text, beyond which it is not read; nor does the classifier judge it."""

_TAGS: Final = re.compile("[\U000e0020-\U000e007e]+")
# Zero-width, joiners, fillers, soft hyphen, bidi controls, tags, variation selectors.
_INVISIBLE_ONES: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
_INVISIBLE: Final = re.compile(f"[{_INVISIBLE_ONES}]+")
_SPLITTING: Final = re.compile(
    f"(?<=[^\\W_])[{_INVISIBLE_ONES}]+(?=[^\\W_])|[\u202d\u202e\U000e0000-\U000e0fff]"
)
_JOINING_SCRIPTS: Final = range(0x0590, 0x2000)
"""Arabic, Indic, Thai, Khmer and their neighbours: their words are written with joiners."""
_OVERRIDDEN: Final = re.compile("\u202e([^\u202c\u202d\u202e]*)[\u202c\u202d]?")

_MARKS_IN_LATIN: Final = re.compile("(?<=[A-Za-z])[\u0300-\u036f\u0489\u20d0-\u20f0]+")
_ASCII: Final = re.compile("[\0-\x7f]+")
_FOREIGN_WORD: Final = re.compile(r"[A-Za-z]*[^\W\d_A-Za-z][^\W\d_]*")
_LATIN: Final = re.compile("[A-Za-z]")
_FLAGS: Final = re.compile("[\U0001f1e6-\U0001f1ff]+")
_FEWEST_TURNED: Final = 4  # phonetic spelling uses some of these letters too
_NATIVE_SHARE: Final = 0.05
"""Share of letters without a Latin look-alike from which a text is written in another script."""


class Normalise:
    """Reveals the text as a reader would take it, when that differs."""

    name = "normalise"
    version = "2"

    @classmethod
    def load(cls) -> Self:
        """The view, with its tables made, so that no request pays for them."""
        look_alikes()
        styled()
        return cls()

    def applies(self, part: Part) -> bool:
        return isinstance(part, TextPart) and part.method != METHOD

    def reveal(self, part: Part) -> Sequence[Part]:
        """Raises DetectorError for a text that cannot be read in bounded time."""
        if not isinstance(part, TextPart) or (part.text.isascii() and "\b" not in part.text):
            return ()
        if len(part.text) > MOST_CHARACTERS:
            raise DetectorError(
                f"text too long to read: {len(part.text)} characters, at most {MOST_CHARACTERS}"
            )
        text = normalise(part.text)
        if text == _undisguised(part.text) or not text.strip():
            return ()
        return (
            TextPart(
                pointer=part.pointer,
                origin=part.origin,
                parent=part.key,
                method=METHOD,
                text=text,
            ),
        )

    def self_check(self) -> None:
        if normalise("\u202eｉgn\u200bоre\U000e0068\U000e0069") != "ignore hi":
            raise SelfCheckError("normalise did not read a known disguise")


def normalise(text: str) -> str:
    """``text`` without disguise; the same object's value where there is none."""
    hidden = "".join(_untag(run) for run in _TAGS.findall(text))
    if "\b" in text:
        text = _deleted(text)
    plain = _INVISIBLE.sub("", _OVERRIDDEN.sub(_as_shown, text))
    if len(TURNED.findall(plain)) >= _FEWEST_TURNED and sense(upright(plain)) > sense(plain):
        plain = upright(plain)
    plain = _FLAGS.sub(_flag, plain)
    plain = plain.translate(found_in(plain, styled()))
    plain = _MARKS_IN_LATIN.sub("", unicodedata.normalize("NFC", plain))
    plain = _without_look_alikes(plain)
    return f"{plain} {hidden}".strip() if hidden else plain


def _undisguised(text: str) -> str:
    """The text without the invisible characters that its emoji or its script need."""
    if any(not _needed(run) for run in _SPLITTING.finditer(text)):
        return text
    return unicodedata.normalize("NFC", _INVISIBLE.sub("", text))


def _needed(run: re.Match[str]) -> bool:
    before = run.string[run.start() - 1] if run.start() else ""
    return run.group()[0] not in "\u202d\u202e" and before != "" and ord(before) in _JOINING_SCRIPTS


def _untag(run: str) -> str:
    return "".join(chr(ord(character) - 0xE0000) for character in run)


def _deleted(text: str) -> str:
    """The text after its backspaces have taken effect."""
    kept: list[str] = []
    for character in text:
        if character != "\b":
            kept.append(character)
        elif kept:
            kept.pop()
    return "".join(kept)


def _as_shown(match: re.Match[str]) -> str:
    """A stretch that is shown from right to left: turned, where it reads better so."""
    stored = _INVISIBLE.sub("", match.group(1))
    return stored[::-1] if sense(stored[::-1]) > sense(stored) else stored


def _flag(match: re.Match[str]) -> str:
    """Regional indicators as letters, unless they are flags: pairs that spell no words."""
    letters = regional(match.group())
    return letters if len(letters) % 2 or letters in words() else match.group()


def _without_look_alikes(text: str) -> str:
    """Only a word that mixes scripts is disguised, or each word of a text that turns Latin."""
    table = found_in(text, look_alikes())
    if not table:
        return text
    left = sum(map(str.isalpha, _ASCII.sub("", text.translate(table))))
    native = left > _NATIVE_SHARE * sum(map(str.isalpha, text))
    if native and not _LATIN.search(text):
        return text

    def latin(match: re.Match[str]) -> str:
        word = match.group()
        form = word.translate(table)
        mixed = _LATIN.search(word) is not None
        alike = form.isascii() and not native and len(word) > 1
        return form if mixed or alike else word

    return _FOREIGN_WORD.sub(latin, text)
