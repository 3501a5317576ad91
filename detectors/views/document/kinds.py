"""What a document is, by its own bytes; what a client claims of it must not differ."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from detectors.contract.detector import DetectorError


class DocumentError(DetectorError):
    """A document that cannot be read whole, or whose bytes are not what it is said to be."""


class Kind(StrEnum):
    """How a document is read."""

    PDF = "pdf"
    OFFICE = "office"
    HTML = "html"
    TEXT = "text"


_MARKUP: Final = re.compile(
    r"\s*<(?:!doctype\s+html|html|head|body|!--|[a-z][a-z0-9]*[\s>/])", re.IGNORECASE
)
_OTHERS: Final = (
    (b"\xd0\xcf\x11\xe0", "an Office file of before 2007: save it as DOCX, PPTX or XLSX"),
    (b"{\\rtf", "rich text: save it as DOCX or PDF"),
    (b"\x89PNG", "a picture: send it as one"),
    (b"\xff\xd8\xff", "a picture: send it as one"),
    (b"GIF8", "a picture: send it as one"),
    (b"RIFF", "a picture or sound"),
    (b"%!PS", "PostScript: save it as PDF"),
    (b"\x1f\x8b", "a compressed file: send what it holds"),
    (b"7z\xbc\xaf", "an archive: send what it holds"),
    (b"Rar!", "an archive: send what it holds"),
)
_MARKS: Final = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_CONTROL: Final = re.compile("[\\x00-\\x08\\x0e-\\x1a\\x1c-\\x1f]")
_CLAIMS: Final = {
    "application/pdf": {Kind.PDF},
    "application/x-pdf": {Kind.PDF},
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": {Kind.OFFICE},
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": {Kind.OFFICE},
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": {Kind.OFFICE},
}
_ANYTHING: Final = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_WRITTEN: Final = frozenset({Kind.TEXT, Kind.HTML})


def kind_of(data: bytes, claimed: str = "") -> Kind:
    """The kind of a document, by its bytes. Raises ``DocumentError``.

    A claim that leads a reader to read these bytes otherwise is refused: what another reader would
    see in them was not seen here.
    """
    kind = _seen(data)
    claim = claimed.partition(";")[0].strip().lower()
    if claim not in _ANYTHING and kind not in _CLAIMS.get(claim, _WRITTEN):
        raise DocumentError(f"the bytes are {_NAMES[kind]}, which is not the media type they claim")
    return kind


_NAMES: Final = {
    Kind.PDF: "a PDF",
    Kind.OFFICE: "an Office document",
    Kind.HTML: "HTML",
    Kind.TEXT: "plain text",
}


def _seen(data: bytes) -> Kind:
    if not data:
        raise DocumentError("the document is empty")
    if data.startswith(b"%PDF-"):
        return Kind.PDF
    if b"%PDF-" in data[:1024]:
        raise DocumentError("a PDF with other bytes before it: readers disagree about it")
    if data.startswith(b"PK\3\4"):
        return Kind.OFFICE
    named = next((name for magic, name in _OTHERS if data.startswith(magic)), None)
    if named is not None:
        raise DocumentError(f"the document is {named}")
    return Kind.HTML if _MARKUP.match(text_of(data)[:1024]) else Kind.TEXT


def text_of(data: bytes) -> str:
    """The text of a document that is nothing but text: UTF-8, or UTF-16 with its mark.

    Raises ``DocumentError``.
    """
    mark, encoding = next((m for m in _MARKS if data.startswith(m[0])), (b"", "utf-8"))
    try:
        text = data[len(mark) :].decode(encoding)
    except UnicodeDecodeError:
        raise DocumentError(
            "the document is of no kind that is read: send PDF, DOCX, PPTX, XLSX, HTML, or text "
            "in UTF-8"
        ) from None
    if _CONTROL.search(text):
        raise DocumentError("the document is no text: it holds control characters")
    return text
