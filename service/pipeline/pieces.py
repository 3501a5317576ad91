"""What a part of an answer says so far, and a piece of it that can be judged by itself.

A call of a tool is a text too while it grows: its name and the JSON of its arguments as far as
that has come. Of a piece of it the escapes of JSON are read, since the whole cannot be parsed yet.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Final, TypeAlias

from detectors.contract.exchange import Part, TextPart, ToolCallPart

Growing: TypeAlias = TextPart | ToolCallPart
"""Parts that come piece by piece."""

LONGEST_WORD: Final = 40
"""Characters in which a piece looks for the beginning of its first word."""
LONGEST_LINK: Final = 8000
"""The same for a link: what it carries may stand far from where it begins."""
BEFORE_LINK: Final = 200
"""Characters before a link that tell what it is: a picture's alternative text, a tag."""

_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+|\n+|(?<=[\u3002\uff01\uff1f])")
_SPACE: Final = re.compile(r"\s+")
_ESCAPES: Final = re.compile(r"(?:\\(?:u[0-9A-Fa-f]{4}|[\"\\/bfnrt]))+")


def said(part: Part) -> str:
    """What grows of a part; of one that does not, a mark that is there or not."""
    if isinstance(part, TextPart):
        return part.text
    if isinstance(part, ToolCallPart):
        return f"{part.name}({part.arguments}"
    return "."


def piece(part: Growing, start: int, end: int) -> Growing:
    """The part with a stretch of what it said in the place of all.

    Of a call it is one string of JSON, so that it is read as arguments are; where its escapes say
    something, it is followed by what they say.
    """
    if isinstance(part, TextPart):
        return replace(part, text=part.text[start:end])
    before = len(part.name) + 1
    stretch = part.arguments[max(0, start - before) : max(0, end - before)]
    read = _ESCAPES.sub(lambda run: _read(run.group()), stretch)
    return replace(part, arguments=json.dumps([stretch] if read == stretch else [stretch, read]))


def boundary(text: str, low: int, high: int) -> int:
    """The last end of a sentence in a stretch, or of a word, or else the end of the stretch."""
    for pattern in (_SENTENCE_END, _SPACE):
        ends = [match.end() for match in pattern.finditer(text, low, high) if match.end() > low]
        if ends:
            return ends[-1]
    return high


def beginning(text: str, at: int) -> int:
    """Where the word or the link that stands at a place begins."""
    link = text.rfind("://", max(0, at - LONGEST_LINK), max(0, at))
    if link >= 0 and not _SPACE.search(text, link, at):
        at = link - BEFORE_LINK
    if at <= 0:
        return 0
    before = text[max(0, at - LONGEST_WORD) : at]
    words = re.search(r"\S*\Z", before)
    return at - len(words.group() if words is not None and words.group() != before else "")


def _read(escapes: str) -> str:
    """What escapes of JSON say; half of a character, where the stretch ends in it, is none."""
    text: str = json.loads(f'"{escapes}"')
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
