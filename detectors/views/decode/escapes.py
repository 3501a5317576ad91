r"""Characters written as escapes: in a URL, in HTML, in JSON and source code, in mail.

Escapes are common in harmless text, so only such count as hide something: letters and digits,
which nobody needs to escape, or a sentence whose spaces are escaped.

Sources: percent encoding (RFC 3986), HTML character references (html.unescape), quoted-printable
(RFC 2045), ``\u`` escapes (RFC 8259), ``U+`` (the Unicode standard's notation).
"""

from __future__ import annotations

import html
import quopri
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

FEWEST: Final = 3
"""Escapes that a text holds at least to be decoded."""

_PERCENT: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_PLUS: Final = re.compile(r"(?<=\w)\+(?=[\w%])")
_ENTITY: Final = re.compile(r"&(?:#\d{2,7}|#[xX][0-9A-Fa-f]{2,6}|[A-Za-z]{2,31});?")
_COMMENT: Final = re.compile(r"(?<=\w)<!--[^>]{0,200}-->(?=\w)")
_BACKSLASH: Final = re.compile(
    r"(?<!\\)\\++(?:u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\}|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})|"
    r"x\{([0-9A-Fa-f]{1,6})\}|N\{U\+([0-9A-Fa-f]{1,6})\})"
)
_NOTATION: Final = re.compile(r"(?<!\w)[Uu]\+([0-9A-Fa-f]{4,6})[\s,;]?")
_QUOTED: Final = re.compile(r"=[0-9A-F]{2}")
_SOFT_BREAK: Final = re.compile(r"(?<=\w)=\r?\n(?=\w)")
_HIGHEST: Final = 0x10FFFF


def decode_escapes(text: str) -> Iterator[tuple[str, str]]:
    """Methods, and the text with its escapes of that kind decoded."""
    if text.count("%") >= FEWEST:
        yield from _changed("url", text, _unpercented(text))
    if text.count("&") >= FEWEST or "-->" in text:
        yield from _changed("html", text, _unescaped_html(text))
    if text.count("\\") >= FEWEST or text.count("+") >= FEWEST:
        yield from _changed("escapes", text, _unescaped(text))
    if text.count("=") >= FEWEST:
        yield from _changed("quoted_printable", text, _unquoted(text))


def _changed(method: str, text: str, decoded: str) -> Iterator[tuple[str, str]]:
    if decoded != text:
        yield method, decoded


def _unpercented(text: str) -> str:
    runs = [unquote(run, errors="replace") for run in _PERCENT.findall(text)]
    needless = sum(character.isalnum() for run in runs for character in run)
    if needless < FEWEST and sum(run == " " for run in runs) < FEWEST:
        return text
    decoded = _PERCENT.sub(lambda run: _unbroken(run.group()), text)
    return _PLUS.sub(" ", decoded) if " " not in text else decoded


def _unbroken(run: str) -> str:
    decoded = unquote(run, errors="replace")
    return run if "\ufffd" in decoded else decoded


def _unescaped_html(text: str) -> str:
    references = [html.unescape(reference) for reference in _ENTITY.findall(text)]
    plain = sum(character.isalnum() and character.isascii() for character in references)
    if plain >= FEWEST or sum(map(str.isalpha, references)) >= FEWEST * 2:
        text = html.unescape(text)
    return _COMMENT.sub("", text)


def _unescaped(text: str) -> str:
    if len(_BACKSLASH.findall(text)) >= FEWEST:
        text = _paired(_BACKSLASH.sub(_character, text))
    if len(_NOTATION.findall(text)) >= FEWEST:
        text = _NOTATION.sub(_character, text)
    return text


def _character(match: re.Match[str]) -> str:
    point = int(next(digits for digits in match.groups() if digits), 16)
    return chr(point) if point <= _HIGHEST else match.group()


def _paired(text: str) -> str:
    """Two halves of a UTF-16 pair become their character; bytes of UTF-8 become theirs."""
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _unquoted(text: str) -> str:
    written = _QUOTED.findall(text)
    if len(written) < FEWEST and len(_SOFT_BREAK.findall(text)) < FEWEST:
        return text
    if not text.isascii():
        return text
    try:
        decoded = quopri.decodestring(text.encode("ascii")).decode("utf-8")
    except UnicodeDecodeError:
        return text
    gained = sum(map(str.isalnum, decoded)) - sum(map(str.isalnum, _QUOTED.sub("", text)))
    return decoded if gained >= FEWEST or len(_SOFT_BREAK.findall(text)) >= FEWEST else text
