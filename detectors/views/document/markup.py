"""HTML: the words that a page shows, and those that it holds and does not show."""

from __future__ import annotations

import re
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Final

from detectors.views.document.kinds import text_of
from detectors.views.document.pieces import PICTURES, Form, Piece, Unreadable, text_piece

MOST_CHARACTERS: Final = 2_000_000
"""Of the whole page with its tags; one of an encyclopaedia's longest has fewer."""

_VOID: Final = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param"}
    | {"source", "track", "wbr"}
)
_UNSHOWN: Final = frozenset(
    {"head", "script", "style", "template", "noscript", "datalist", "object", "svg"}
)
_INLINE: Final = frozenset(
    {"a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "del", "dfn", "em", "font", "i", "ins"}
    | {"kbd", "mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "tt"}
    | {"u", "var", "wbr"}
)
_WORDS: Final = frozenset(
    {"alt", "title", "content", "placeholder", "value", "label", "summary", "srcdoc", "href", "src"}
)
"""Attributes that hold words; so do those that begin with ``aria-`` and ``data-``."""
_SAID: Final = frozenset({"content", "href", "src"})
"""Of these only what has a space, or what carries data: the rest are names and links."""
_SENTENCE: Final = 4
"""Words, as they are written in a sentence, that make one of any other attribute."""
_WORD: Final = re.compile(r"(?<![\w-])[^\W\d_]{2,}(?![\w:-])")
_HIDING: Final = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|opacity\s*:\s*(?:0?\.0|0)"
    r"|font-size\s*:\s*[01](?:\.\d+)?(?:px|pt|em|rem|%)?\s*(?:;|!|$)"
    r"|(?:left|top|right|bottom|text-indent|margin-left|margin-top)\s*:\s*-\d{3,}"
    r"|(?<![-\w])color\s*:\s*(?:white|transparent|#fff(?:fff)?\b"
    r"|rgba?\(\s*25\d\s*,\s*25\d\s*,\s*25\d|rgba\([^)]*,\s*0(?:\.0+)?\s*\))"
    r"|clip(?:-path)?\s*:\s*(?:rect\(\s*0|inset\(\s*(?:50|100)%)"
    r"|(?:max-)?(?:width|height)\s*:\s*[01](?:px)?\s*(?:;|!|$)",
    re.IGNORECASE,
)


def pieces(data: bytes) -> Iterator[Piece]:
    """The words of an HTML document. Raises ``Unreadable``."""
    text = text_of(data)
    if len(text) > MOST_CHARACTERS:
        raise Unreadable(f"the document has more than {MOST_CHARACTERS} characters, its tags too")
    page = _Page()
    page.feed(text)
    page.close()
    yield from text_piece("document:text", _lines(page.shown))
    yield from text_piece("document:hidden", _lines(page.hidden))
    for number, picture in enumerate(page.pictures, 1):
        yield Piece(Form.PICTURE, f"document:image:{number}", picture)


def _lines(words: list[str]) -> list[str]:
    return [" ".join(line.split()) for line in "".join(words).split("\n")]


def _is_data(value: str) -> bool:
    return value.lstrip()[:5].lower() == "data:"


def _picture(value: str) -> bytes:
    """The picture that a ``data:`` URI holds; nothing for anything else."""
    head, _, encoded = value.partition(",")
    if not _is_data(value) or "base64" not in head.lower():
        return b""
    try:
        data = b64decode(encoded)
    except ValueError:
        return b""
    return data if data.startswith(PICTURES) else b""


def _says(name: str, value: str) -> bool:
    """Whether an attribute may say something: one for words, or any that holds a sentence."""
    if name in _WORDS or name.startswith(("aria-", "data-")):
        return name not in _SAID or " " in value.strip() or _is_data(value)
    return not value.isascii() or len(_WORD.findall(value)) >= _SENTENCE


class _Page(HTMLParser):
    """Sorts the words as they come; what a style sheet alone hides counts as shown."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.shown: list[str] = []
        self.hidden: list[str] = []
        self.pictures: list[bytes] = []
        self._open: list[tuple[str, bool]] = []
        self._names: Counter[str] = Counter()
        self._said: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        hiding = (
            tag in _UNSHOWN
            or "hidden" in given
            or given.get("aria-hidden", "").lower() == "true"
            or (tag == "input" and given.get("type", "").lower() == "hidden")
            or bool(_HIDING.search(given.get("style", "")))
        )
        inside = hiding or (bool(self._open) and self._open[-1][1])
        for name, value in given.items():
            if picture := _picture(value):
                self.pictures.append(picture)
            elif value not in self._said and _says(name, value):
                self._said.add(value)
                self.hidden.append(f"\n{value}\n")
        if tag not in _INLINE:
            self._break()
        if tag not in _VOID:
            self._open.append((tag, inside))
            self._names[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        if tag not in _INLINE:
            self._break()
        if not self._names[tag]:
            return
        while True:
            name, _ = self._open.pop()
            self._names[name] -= 1
            if name == tag:
                return

    def handle_data(self, data: str) -> None:
        hidden = bool(self._open) and self._open[-1][1]
        (self.hidden if hidden else self.shown).append(data if hidden else data.replace("\n", " "))

    def handle_comment(self, data: str) -> None:
        self.hidden.append(f"\n{data}\n")

    def handle_decl(self, decl: str) -> None:
        if decl.strip().lower() != "doctype html":
            self.hidden.append(f"\n{decl}\n")

    def handle_pi(self, data: str) -> None:
        self.hidden.append(f"\n{data}\n")

    def unknown_decl(self, data: str) -> None:
        self.hidden.append(f"\n{data}\n")

    def _break(self) -> None:
        self.shown.append("\n")
        self.hidden.append("\n")
