"""Text as a reader takes it: without invisible characters, look-alikes and disguised letters.

Only text that carries such characters yields a normalised one, so plain text costs a scan.

Sources: Unicode tags U+E0000 (UTS #51, deprecated use), bidi controls (UAX #9), NFKC (UAX #15),
look-alike letters (a hand-picked part of the confusables of UTS #39: Cyrillic, Greek, Armenian).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from detectors.contract.detector import SelfCheckError
from detectors.contract.exchange import Part, TextPart

METHOD: Final = "normalised"

_TAGS: Final = re.compile("[\U000e0020-\U000e007e]+")
# Zero-width, joiners, fillers, soft hyphen, bidi controls, tags, variation selectors.
_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
_MARKS_IN_LATIN: Final = re.compile("(?<=[A-Za-z])[\u0300-\u036f\u0489\u20d0-\u20f0]+")
_WORD: Final = re.compile(r"[^\W\d_]+")
_LATIN: Final = re.compile("[A-Za-z]")
_FORMS: Final = re.compile(
    # Full-width Latin, enclosed, mathematical and regional letters.
    "[\uff21-\uff3a\uff41-\uff5a\u24b6-\u24e9\U0001d400-\U0001d7ff\U0001f110-\U0001f189"
    "\u2100-\u2138\u1d00-\u1d7f\u02b0-\u02b8\u2070-\u209c]"
)
_LOOK_ALIKE: Final = str.maketrans(
    "абвеёзіїјкмнорсԁѕтухһԛԝгпАВЕЅІЈКМНОРСТУХҮԚԜЗαβγεικνορτυχωΑΒΕΖΗΙΚΜΝΟΡΤΥΧսոցօհɑɡıʏʀɴʟᴀᴇɪᴏᴜ",
    "abbeeziijkmhopcdstyxhqwrnABESIJKMHOPCTYXYQW3aByeiKvoptuxwABEZHIKMNOPTYXungohagiyrnlaeiou",
)
_UPSIDE_DOWN: Final = str.maketrans(
    "ɐqɔpǝɟƃɓɥᴉɾʞlɯuodbɹsʇnʌʍxʎz¿¡", "abcdefgghijklmnopqrstuvwxyz?!"
)
_TURNED: Final = re.compile("[ɐɔǝɟƃɓɥᴉɾʞɯɹʇʌʍʎ]")
_FEWEST_TURNED: Final = 4  # phonetic spelling uses some of these letters too


class Normalise:
    """Reveals the text as a reader would take it, when that differs."""

    name = "normalise"
    version = "1"

    def applies(self, part: Part) -> bool:
        return isinstance(part, TextPart) and part.method != METHOD

    def reveal(self, part: Part) -> Sequence[Part]:
        if not isinstance(part, TextPart) or part.text.isascii():
            return ()
        text = normalise(part.text)
        if text == part.text or not text.strip():
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
    plain = _INVISIBLE.sub("", text)
    if _FORMS.search(plain):
        plain = unicodedata.normalize("NFKC", plain)
    plain = _MARKS_IN_LATIN.sub("", _composed(plain))
    if _LATIN.search(plain) or plain.translate(_LOOK_ALIKE).isascii():
        plain = _WORD.sub(_without_look_alikes, plain)
    if len(_TURNED.findall(plain)) >= _FEWEST_TURNED:
        plain = plain.translate(_UPSIDE_DOWN)[::-1]
    return f"{plain} {hidden}".strip() if hidden else plain


def _composed(text: str) -> str:
    """Accents that a language writes become one character again, so that they are kept."""
    return unicodedata.normalize("NFC", text)


def _untag(run: str) -> str:
    return "".join(chr(ord(character) - 0xE0000) for character in run)


def _without_look_alikes(match: re.Match[str]) -> str:
    """Only a word that mixes scripts, or turns wholly Latin, is disguised."""
    word = match.group()
    if word.isascii():
        return word
    swapped = word.translate(_LOOK_ALIKE)
    disguised = swapped.isascii() or (_LATIN.search(word) and swapped != word)
    return swapped if disguised else word
