"""What a URL carries: data that somebody encoded into it, or words that are no name of a page.

A language model can write words, percent signs, hexadecimal digits and base64 into a URL; it cannot
encrypt. So what decodes to readable text was put there, and what does not is an identifier, unless
it stands where identifiers seldom do.
"""

from __future__ import annotations

import re
from base64 import b32decode, b64decode
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from html import unescape
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, unquote_plus, urlsplit

LONGEST: Final = 8000
"""Characters of a URL that are looked at; browsers and servers take about as many."""
SHORTEST_CODE: Final = 12
"""Characters of an encoding. What is shorter holds less than a word and a half."""
DEEPEST: Final = 3
"""Encodings of encodings that are undone."""
SENTENCE: Final = 40
PARAGRAPH: Final = 200
"""Bytes of words. Fewer than a sentence are a label or a search."""
SLIPS: Final = 0.1
"""Share of wrong characters in a text that a model encoded by heart."""

_UNWRITTEN: Final = re.compile(r"[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_CODE: Final = re.compile(rf"[A-Za-z0-9+/_-]{{{SHORTEST_CODE},}}")
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2}){8,}")
_BASE32: Final = re.compile(r"[A-Za-z2-7]{16,}")
_RUN: Final = re.compile(r"[^\W_][\w@.+-]{11}")
_TWO_WORDS: Final = re.compile(r"[^\W\d_]{2}[^\w\s]?\s[^\W\d_]{2}")
_OPAQUE: Final = re.compile(r"[A-Za-z0-9+/_~-]{20,}={0,2}")
_MIXED: Final = re.compile(r"[A-Za-z0-9]{16,}")
_IDENTIFIER: Final = re.compile(
    r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}",
    re.IGNORECASE,
)
_SIGNING: Final = re.compile(
    r"sig|signature|hmac|hash|etag|key-pair-id|ske|skoid|sktid|x-(?:amz|goog)-[a-z-]+",
    re.IGNORECASE,
)
"""Names of parameters by which stores of files sign a link; what they hold decodes to nothing."""
_EMAIL: Final = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.[^\W\d_]{2,20}")
_NUMBER: Final = re.compile(r"\b\d{3,4}(?: \d{3,4}){2,3}\b")
"""A card's or a telephone's, in groups."""
_SECRET: Final = re.compile(
    r"\b(?:sk-[\w-]{16}|AKIA[0-9A-Z]{16}|gh[pousr]_\w{20}|xox[abprs]-[\w-]{10})"
    r"|\b(?:password|passwd|passwort|api[_ -]?key)\s{0,2}(?:[:=]|\bis\b)\s{0,2}\S{4}",
    re.IGNORECASE,
)


class Load(StrEnum):
    """What is carried, by how sure it is that somebody's data are."""

    ENCODED = "encoded"
    SECRET = "secret"  # noqa: S105 - the name of what is found
    PERSONAL = "personal"
    WORDS = "words"
    SENTENCE = "sentence"
    OPAQUE = "opaque"


def split(url: str) -> SplitResult | None:
    """The URL as a browser reads it; None if it leads nowhere."""
    url = re.sub(r"[\t\n\r]", "", unescape(url[:LONGEST])).replace("\\", "/")
    url = re.sub(r"^([A-Za-z]+:)/+|^//+", lambda found: f"{found[1] or 'https:'}//", url)
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts if parts.hostname else None


def loads(url: SplitResult) -> set[Load]:
    """All that the URL carries; empty for one that only names something."""
    found: set[Load] = set()
    for name, value in _pieces(url):
        if value.startswith(("http://", "https://")) and (inner := split(value)):
            found |= {load for _, each in _pieces(inner) for load in _load(each)}
            continue
        found |= set(_load(value))
        if name and _opaque(name, value):
            found.add(Load.OPAQUE)
    if decoded(re.sub(r"[/.]", "", url.path)) is not None:
        found.add(Load.ENCODED)
    return found


def decoded(text: str, depth: int = DEEPEST) -> str | None:
    """The first readable text that is encoded in this one."""
    for plain in _decodings(text):
        if not _is_text(plain):
            continue
        if _readable(plain):
            return plain
        inner = decoded(plain, depth - 1) if depth > 1 else None
        if inner is not None:
            return inner
    return None


def _readable(text: str) -> bool:
    """Whether a text that was decoded says something: two words, JSON, or one long name."""
    return bool(_TWO_WORDS.search(text) or _RUN.search(text) or text.lstrip().startswith('{"'))


def _is_text(decoded: str) -> bool:
    """Whether all but a slip here and there are characters that somebody writes."""
    return len(_UNWRITTEN.findall(decoded)) <= SLIPS * len(decoded)


def _decodings(text: str) -> Iterator[str]:
    """What each code in the text says, read in each way; bytes that are no text become NUL.

    Base64 is read from four places, since it may follow on a word.
    """
    ways = [bytes.fromhex(code[0]) for code in _HEX.finditer(text)]
    for code in _BASE32.findall(text):
        ways += _tried(b32decode, code[: len(code) // 8 * 8].upper())
    for code in _CODE.findall(text):
        standard = code.replace("-", "+").replace("_", "/")
        for start in range(4):
            whole = standard[start : len(standard) - ((len(standard) - start) % 4 == 1)]
            ways += _tried(b64decode, whole + "=" * (-len(whole) % 4))
    for way in ways:
        yield way.decode("utf-8", "replace").replace("\ufffd", "\0")


def _tried(decode: Callable[[str], bytes], code: str) -> list[bytes]:
    try:
        return [decode(code)]
    except ValueError:
        return []


def _pieces(url: SplitResult) -> Iterator[tuple[str, str]]:
    """What of the URL reaches the host and may be chosen freely; with the name of a parameter."""
    user, _, host = url.netloc.rpartition("@")
    yield from (("", unquote(step)) for step in (user, *host.split(".")[:-2]) if step)
    yield from (("", unquote_plus(step)) for step in url.path.split("/") if step)
    for name, value in parse_qsl(url.query, keep_blank_values=True):
        yield (name, unquote(value)) if value else ("", unquote_plus(name))


def _load(text: str) -> Iterator[Load]:
    said = decoded(text) or (decoded(text.replace(" ", "+")) if " " in text else None)
    if said is not None:
        yield Load.ENCODED
    for each in (text, said or ""):
        if _SECRET.search(each):
            yield Load.SECRET
        if _EMAIL.search(each) or _NUMBER.search(each):
            yield Load.PERSONAL
    size = len(text.encode())
    if _TWO_WORDS.search(text) or size >= len(text) + SENTENCE // 2:
        if size >= PARAGRAPH:
            yield Load.WORDS
        if size >= SENTENCE:
            yield Load.SENTENCE


def _opaque(name: str, value: str) -> bool:
    """Whether a value looks like data of an unknown form, and not like a name or a signature."""
    if _SIGNING.fullmatch(name) or not _OPAQUE.fullmatch(value) or _IDENTIFIER.fullmatch(value):
        return False
    if any(_is_text(each) for each in _decodings(value) if each):
        return False
    kinds = (str.isupper, str.islower, str.isdigit)
    runs = _MIXED.findall(value)
    return any(all(any(map(kind, run)) for kind in kinds) for run in runs)


def spelt(urls: Sequence[SplitResult]) -> bool:
    """Whether URLs of one host spell something together: a code cut up, or letter by letter."""
    values: dict[str, list[str]] = {}
    for url in urls:
        values.setdefault("/", []).append(url.path.rpartition("/")[2].partition(".")[0])
        for name, value in parse_qsl(url.query):
            values.setdefault(name, []).append(value)
    for each in values.values():
        varied = len(set(each)) > 1
        letters = sum(len(value) == 1 and value.isalpha() for value in each)
        if letters >= SHORTEST_CODE or (varied and decoded("".join(each)) is not None):
            return True
    return False
