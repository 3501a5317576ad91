"""DOCX, PPTX and XLSX: every word of their package, shown or not, and every picture.

All three are zip archives of XML (ECMA-376). Words stand in elements named ``t``, values in ``v``,
whatever the part: body, header, note, comment, chart, slide or sheet. So each part is read alike,
and none is left out because nobody thought of it.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import PurePosixPath
from typing import Final
from xml.parsers import expat

from detectors.views.document.pieces import PICTURES, Form, Piece, Unreadable, text_piece

MOST_FILES: Final = 5_000
MOST_INFLATED: Final = 128 * 1024 * 1024
"""Bytes of all files of a package; a document of 1,000 pages has a tenth of it."""
MOST_DEPTH: Final = 256
CHUNK: Final = 64 * 1024

_XML: Final = frozenset({".xml", ".rels", ".vml", ".svg"})
_PASSED: Final = frozenset({".bin", ".odttf", ".ttf", ".otf", ".fntdata"})
"""Settings of printers and fonts, and the programs of macros, which no model reads."""
_PASSED_IN: Final = re.compile(r"/(printerSettings|fonts)/|/vbaProject(Signature)?\.bin$")
_TEXT: Final = frozenset({"t", "v", "delText", "instrText", "text", "title", "desc"})
_TOLD: Final = frozenset({"creator", "subject", "description", "keywords", "category", "title"})
_BREAKS: Final = frozenset({"p", "br", "cr", "tab", "tr", "row", "si", "comment", "text"})
_SAYING: Final = frozenset({"descr", "title", "tooltip", "prompt", "alt", "string", "name"})
"""Attributes that hold words: of pictures, links and validations."""
_HIDDEN_PART: Final = re.compile(
    r"/(comments|notesSlides|docProps|customXml|threadedComments|persons|_rels)", re.IGNORECASE
)


def pieces(data: bytes) -> Iterator[Piece]:
    """The words and pictures of an Office document. Raises ``Unreadable``."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as package:
            yield from _package(package)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not isinstance(error, NotImplementedError):
            raise Unreadable("the document is encrypted: send it without a password") from None
        raise Unreadable("the document is truncated or broken: it cannot be unpacked") from None
    except (UnicodeError, ValueError, OSError, KeyError):
        raise Unreadable("the document is broken: its package cannot be read") from None


def _package(package: zipfile.ZipFile) -> Iterator[Piece]:
    names = package.namelist()
    if len(names) > MOST_FILES or len(set(names)) < len(names):
        raise Unreadable("the document's package holds too many files, or two of one name")
    if "[Content_Types].xml" not in names:
        raise Unreadable("the document is an archive and no DOCX, PPTX or XLSX: send what it holds")
    shown: list[str] = []
    hidden: list[str] = []
    files: list[Piece] = []
    left = MOST_INFLATED
    for name in names:
        suffix = PurePosixPath(name).suffix.lower()
        if name.endswith("/") or name == "[Content_Types].xml":
            continue
        if suffix in _PASSED and _PASSED_IN.search(f"/{name}"):
            continue
        content = _inflated(package, name, left)
        left -= len(content)
        if suffix in _XML:
            words = _Words()
            words.read(content)
            (hidden if _HIDDEN_PART.search(f"/{name}") else shown).extend(words.shown)
            hidden.extend(words.hidden)
        else:
            files.append(_file(content, len(files) + 1))
    yield from text_piece("document:text", shown)
    yield from text_piece("document:hidden", hidden)
    yield from files


def _inflated(package: zipfile.ZipFile, name: str, most: int) -> bytes:
    """A file of the package; what its header claims of its size is not believed."""
    parts: list[bytes] = []
    size = 0
    with package.open(name) as file:
        while part := file.read(CHUNK):
            size += len(part)
            if size > most:
                raise Unreadable("the document unpacks to more than may be read")
            parts.append(part)
    return b"".join(parts)


def _file(content: bytes, number: int) -> Piece:
    """A picture, or a document within the document, or what nobody reads."""
    if content.startswith(PICTURES):
        return Piece(Form.PICTURE, f"document:image:{number}", content)
    if content.startswith((b"PK\3\4", b"%PDF-")):
        return Piece(Form.DOCUMENT, f"document:file:{number}", content)
    return Piece(Form.UNREAD, f"document:file:{number}")


class _Words:
    """The words of one XML part, in lines; ``hidden`` are those marked so, and of attributes."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.hidden: list[str] = []
        self._line: list[str] = []
        self._names: list[str] = []
        self._vanish = False

    def read(self, content: bytes) -> None:
        """Raises ``Unreadable``."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        try:
            parser.Parse(content, True)
        except expat.ExpatError:
            raise Unreadable("the document is broken: a part of it is no XML") from None
        self._break()

    def _doctype(self, *_: object) -> None:
        raise Unreadable("the document declares a DTD, which no Office document does")

    def _start(self, name: str, given: dict[str, str]) -> None:
        local = name.rpartition(" ")[2]
        self._names.append(local)
        if len(self._names) > MOST_DEPTH:
            raise Unreadable("the document is nested deeper than any is")
        if local in _BREAKS:
            self._break()
        if local == "r":
            self._vanish = False
        if local in {"vanish", "webHidden", "specVanish"}:
            self._vanish = next(iter(given.values()), "1") not in {"0", "false", "off"}
        for key, value in given.items():
            word = key.rpartition(" ")[2].lower()
            external = local == "Relationship" and word == "target" and "://" in value
            if (word in _SAYING and " " in value.strip()) or external:
                self.hidden.append(value)

    def _end(self, name: str) -> None:
        self._names.pop()
        if name.rpartition(" ")[2] in _BREAKS | _TOLD:
            self._break()

    def _data(self, text: str) -> None:
        local = self._names[-1]
        if local in _TEXT or local in _TOLD:
            (self.hidden if self._vanish else self._line).append(text)
        elif len(text.split()) > 1:
            self.hidden.append(text)

    def _break(self) -> None:
        if self._line:
            self.shown.append("".join(self._line))
            self._line = []
