"""Bytes written as letters and digits: base64, base32, hexadecimal, and numbers for characters.

What decodes to sixteen printable characters or more was an encoding: random bytes do so once in
millions. Less than that must read like language besides.

Sources: base64, its URL-safe form and base32 (RFC 4648).
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import string
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np

from detectors.views.decode.letters import reads, spaced

LONG: Final = 16
"""Characters of a decoded text from which being printable is proof enough."""
_FEWEST: Final = 4
_SAMPLE: Final = 480
"""Characters of a token that tell what it is."""
_LIKE_WORDS: Final = 0.75
"""Share of letters, digits and spaces in a decoded text, at least."""

_TOKEN: Final = re.compile(r"(?<![\w+/=-])={0,2}[A-Za-z0-9+/_-]{8,}={0,2}(?![\w+/-])")
_CHUNK: Final = r"[A-Za-z0-9+/_-]{4,}={0,2}"
_WRAPPED: Final = re.compile(rf"(?<![\w+/=-]){_CHUNK}(?:\s{{1,4}}{_CHUNK})++")
_WORD: Final = re.compile(r"[A-Z]?[a-z'-]{1,19}|[A-Z]{1,15}|[A-Za-z]+(?:[-_/][A-Za-z]+)++")
# No part may fail after a run, or a long one would be read anew from each of its places.
_HEX: Final = re.compile(r"(?<![\w\\])(?:(?:0[xX])?[0-9A-Fa-f]{2}[\s,:;-]{0,3}+){6,}+")
_BINARY: Final = re.compile(r"(?<!\w)(?:[01]{7,8}[\s,]{0,3}+){4,}+")
_OCTAL: Final = re.compile(
    r"(?<!\w)\\?0?o?[01][0-7]{2}(?:[\s,]{1,3}+\\?0?o?[01][0-7]{2}(?!\w)){5,}+"
)
_DECIMAL: Final = re.compile(r"(?<![\w.])\d{2,3}(?:[\s,;-]{1,3}+\d{2,3}(?!\w)){5,}+")
_PLACES: Final = re.compile(r"(?<![\w.])\d{1,2}(?:[ .,/|-]{1,3}+\d{1,2}(?!\w)){7,}+")
_SPACE: Final = re.compile(r"\s+")
_GAP_OF_WORDS: Final = re.compile(r"\s*[/|]\s*|\s{2,}")


def decode_encodings(text: str) -> Iterator[tuple[str, str]]:
    """Methods, and the text with what was encoded in that way replaced by what it says."""
    kinds = np.frombuffer(text.encode("ascii", "replace").translate(_KINDS), dtype=np.uint8)
    pairs = np.bincount(kinds[:-1] * 4 + kinds[1:], minlength=16).reshape(4, 4)
    mixed = pairs[_SMALL, _CAPITAL] + pairs[_SMALL:_DIGIT, _DIGIT].sum() + pairs[_DIGIT, _SMALL]
    if mixed or text.count("="):
        yield from _differing(text, _OF_MIXED)
    if mixed >= _FEWEST or pairs[_CAPITAL, _CAPITAL] > _FEWEST:
        yield from _differing(text, (("base32", _base32),))
    if (kinds == _DIGIT).sum() > _FEWEST:
        yield from _differing(text, (("hex", _hex), ("codes", _codes)))


def _differing(
    text: str, decoders: Sequence[tuple[str, Callable[[str], str]]]
) -> Iterator[tuple[str, str]]:
    for method, decode in decoders:
        decoded = decode(text)
        if decoded != text:
            yield method, decoded


_SMALL, _CAPITAL, _DIGIT = 1, 2, 3
_KINDS: Final = bytes(
    _SMALL * (chr(byte) in string.ascii_lowercase)
    + _CAPITAL * (chr(byte) in string.ascii_uppercase)
    + _DIGIT * (chr(byte) in string.digits)
    for byte in range(256)
)


def _base64(text: str) -> str:
    unwrapped = _WRAPPED.sub(_unwrap, text)
    return _TOKEN.sub(lambda match: opened_base64(match.group()) or match.group(), unwrapped)


def _base32(text: str) -> str:
    return _BASE32.sub(lambda match: opened_base32(match.group()) or match.group(), text)


_BASE32: Final = re.compile(r"(?<![\w=])(?:[A-Z2-7]{8,}+|[a-z2-7]{16,}+)(?:\s[A-Z2-7]{8,}+)*+=*")


def _hex(text: str) -> str:
    return _HEX.sub(lambda match: _kept(opened_hex(match.group()), match), text)


def _codes(text: str) -> str:
    text = _BINARY.sub(lambda match: _kept(_binary(match.group()), match), text)
    text = _OCTAL.sub(lambda match: _kept(_numbers(match.group(), 8), match), text)
    text = _DECIMAL.sub(lambda match: _kept(_numbers(match.group(), 10), match), text)
    return _PLACES.sub(lambda match: _kept(_alphabet(match.group()), match), text)


def _kept(decoded: str | None, match: re.Match[str]) -> str:
    """What was decoded, or what stood there; the space after it stays."""
    piece = match.group()
    cut_off = piece[-1].isalnum() and match.string[match.end() : match.end() + 1].isalnum()
    return piece if decoded is None or cut_off else decoded + piece[len(piece.rstrip()) :]


_OF_MIXED: Final = (
    ("base64", _base64),
    ("rot13", lambda text: _moved_tokens(text, lambda token: codecs.encode(token, "rot13"))),
    ("reversed", lambda text: _moved_tokens(text, lambda token: token[::-1])),
)


def opened_base64(token: str) -> str | None:
    """What a base64 text says; None if it is none. Padding may lack, either alphabet is read."""
    digits = token.strip("=").translate(_URL_SAFE)
    if _WORD.fullmatch(token) or token.startswith("=") or len(digits) % 4 == 1:
        return None
    try:
        return _said(base64.b64decode(digits + "=" * (-len(digits) % 4)))
    except binascii.Error:
        return None


_URL_SAFE: Final = str.maketrans("-_", "+/")


def opened_base32(token: str) -> str | None:
    """What a base32 text says; None if it is none."""
    digits = _SPACE.sub("", token).strip("=").upper()
    try:
        return _said(base64.b32decode(digits + "=" * (-len(digits) % 8)))
    except binascii.Error:
        return None


def opened_hex(token: str) -> str | None:
    """What bytes in hexadecimal say; None if they say nothing."""
    digits = re.sub(r"0[xX]|[^0-9A-Fa-f]", "", token)
    said = _said(bytes.fromhex(digits)) if len(digits) % 2 == 0 else None
    return None if said is not None and digits.isdecimal() and not reads(said) else said


OPENERS: Final = (opened_base64, opened_base32, opened_hex)


def _unwrap(match: re.Match[str]) -> str:
    """Pieces of base64 on several lines as one, where together they say something."""
    pieces = match.group().split()
    if all(_WORD.fullmatch(piece) for piece in pieces):
        return match.group()
    first = next(at for at, piece in enumerate(pieces) if not _WORD.fullmatch(piece))
    for begin in range(min(first, 1), first + 1):
        for end in dict.fromkeys((len(pieces), _padded(pieces, begin))):
            joined = "".join(pieces[begin:end])
            if end - begin > 1 and opened_base64(joined):
                return " ".join([*pieces[:begin], joined, *pieces[end:]])
    return match.group()


def _padded(pieces: list[str], begin: int) -> int:
    """The end of the pieces that a padded one, or the last that is no word, closes."""
    for at in range(begin, len(pieces)):
        if pieces[at].endswith("="):
            return at + 1
    ends = [at for at, piece in enumerate(pieces) if not _WORD.fullmatch(piece)]
    return ends[-1] + 1


def _moved_tokens(text: str, move: Callable[[str], str]) -> str:
    """The text with each token moved that is an encoding only then."""

    def moved(match: re.Match[str]) -> str:
        token = match.group()
        if len(token) < LONG or any(opened(token[:_SAMPLE]) for opened in OPENERS):
            return token
        other = move(token)
        return other if any(opened(other[:_SAMPLE]) for opened in OPENERS) else token

    return _TOKEN.sub(moved, text)


def _binary(piece: str) -> str | None:
    digits = re.sub(r"[\s,]", "", piece)
    groups = re.split(r"[\s,]+", piece.strip())
    size = 7 if {len(group) for group in groups} == {7} else 8
    if len(digits) % size:
        return None
    return _said(bytes(int(digits[at : at + size], 2) for at in range(0, len(digits), size)))


def _numbers(piece: str, base: int) -> str | None:
    values = [int(digits, base) for digits in re.findall(r"\d+", piece)]
    said = _said(bytes(values)) if max(values) < 256 else None  # noqa: PLR2004 - a byte
    return said if said is not None and reads(said) else None


def _alphabet(piece: str) -> str | None:
    """Letters told by their places in the alphabet: 9 7 14 15 18 5."""
    words = []
    for group in _GAP_OF_WORDS.split(piece.strip()):
        places = [int(digits) for digits in re.findall(r"\d+", group)]
        if not all(1 <= place <= 26 for place in places):  # noqa: PLR2004 - the alphabet
            return None
        words.append("".join(chr(96 + place) for place in places))
    said = " ".join(words)
    said = said if len(words) > 1 else spaced(said)
    return said if reads(said) else None


def _said(data: bytes) -> str | None:
    """The bytes as text, if that is what they are."""
    try:
        text = data.decode("utf-16-le" if data[1::2].count(0) * 2 == len(data) else "utf-8")
    except UnicodeDecodeError:
        return None
    if len(text) < _FEWEST or not all(
        each.isprintable() or each in "\n\r\t" for each in _seen(text)
    ):
        return None
    like_words = sum(each.isalnum() or each in " \n" for each in text) >= _LIKE_WORDS * len(text)
    foreign = sum(not each.isascii() for each in text) * 2 >= len(text) >= _FEWEST * 2
    if len(text) < LONG:
        return text if like_words and (reads(text) or foreign) else None
    return text if like_words or reads(text) or foreign or _signals(text) else None


def _seen(text: str) -> str:
    """Without the invisible characters of a further disguise."""
    return re.sub(
        "[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\U000e0000-\U000e01ef]", "", text
    )


def _signals(text: str) -> bool:
    """Whether the text is an encoding of signs: Morse, percent or entity escapes."""
    return (
        len(set(text) & set(".-/ ")) == len(set(text))
        or text.count("%") + text.count("&") > _FEWEST
    )
