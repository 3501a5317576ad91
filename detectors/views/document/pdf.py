"""PDF: its pages as pictures, its text layer, what of that no page shows, and what lies beside.

PDFium reads it, in the process of ``apart``. A page's picture shows what a person sees; a word of
the text layer for which it shows nothing is hidden.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any, Final

import pypdfium2 as pdfium
from PIL import Image
from pypdfium2 import raw

from detectors.views.document.layer import Layer, layer
from detectors.views.document.pieces import PICTURES, Form, Piece, Unreadable, text_piece

MOST_PAGES: Final = 50
LONG_SIDE: Final = 1536
"""Pixels of a page's longer side: 130 dpi of A4, at which footnotes are read."""
GREATEST_SCALE: Final = 4.0
"""Pixels a point; 1 is 72 dpi. Keeps a page of a few points small."""
FEWEST_HIDDEN: Final = 8
"""Letters and digits of a document that no page shows, from which they are told."""
MOST_NOTES: Final = 2_000
"""Annotations, fields, bookmarks and attachments of one document."""
MOST_ATTACHED: Final = 32 * 1024 * 1024
MOST_STRING: Final = 256 * 1024  # bytes of one

_SCRIPT_MARKS: Final = (b"/JavaScript", b"/JS ", b"/JS(", b"/JS<")
SCRIPTED: Final = "The document runs a script."


def pieces(data: bytes) -> Iterator[Piece]:
    """All that the PDF holds. Raises ``Unreadable``."""
    with _opened(data) as document:
        if len(document) > MOST_PAGES:
            raise Unreadable(
                f"the document has {len(document)} pages, the limit is {MOST_PAGES}: send a part"
            )
        if document.get_formtype() == raw.FORMTYPE_XFA_FULL:
            raise Unreadable("the document is an XFA form, which is not read: print it to PDF")
        document.init_forms()
        said: list[str] = []
        hidden: list[str] = []
        notes = _outside(document)
        for number in range(len(document)):
            seen, picture = _page(document, number, notes)
            said.append(seen.text)
            hidden += seen.hidden
            if _shows(picture):
                yield Piece(Form.PICTURE, f"pdf:page:{number + 1}", _png(picture))
        yield from text_piece("pdf:text", said)
        if sum(map(str.isalnum, "".join(hidden))) >= FEWEST_HIDDEN:
            yield from text_piece("pdf:hidden", hidden)
        yield from text_piece("pdf:notes", notes)
        yield from text_piece("pdf:script", _scripts(document, data))
        yield from _attachments(document)


def _opened(data: bytes) -> pdfium.PdfDocument:
    try:
        return pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        if error.err_code == raw.FPDF_ERR_PASSWORD:
            raise Unreadable("the document is encrypted: send it without a password") from None
        raise Unreadable("the document is truncated or broken: it cannot be opened") from None


def _page(document: pdfium.PdfDocument, number: int, notes: list[str]) -> tuple[Layer, Image.Image]:
    """A page's text layer and its picture; what is annotated on it is added to ``notes``."""
    try:
        page = document[number]
        width, height = page.get_size()
        scale = min(LONG_SIDE / max(width, height, 1.0), GREATEST_SCALE)
        picture = page.render(scale=scale).to_pil().convert("RGB")
        seen = layer(page, picture)
        notes += _annotations(page)
        page.close()
    except pdfium.PdfiumError:
        raise Unreadable(f"page {number + 1} of the document is broken") from None
    return seen, picture


def _shows(picture: Image.Image) -> bool:
    return any(low != high for low, high in picture.getextrema())  # type: ignore[misc]


def _png(picture: Image.Image) -> bytes:
    out = BytesIO()
    picture.save(out, "PNG", compress_level=1)
    return out.getvalue()


def _outside(document: pdfium.PdfDocument) -> list[str]:
    """What a reader's program shows beside the pages: title, keywords, bookmarks."""
    said = [document.get_metadata_value(name) for name in _TOLD]
    for number, mark in enumerate(document.get_toc()):
        if number == MOST_NOTES:
            raise Unreadable("the document has more bookmarks than are read")
        said.append(mark.get_title())
    return [text for text in said if " " in text.strip()]


_TOLD: Final = ("Title", "Subject", "Author", "Keywords")
_STRINGS: Final = (b"Contents", b"T", b"Subj", b"TU", b"V", b"DV", b"NM")


def _annotations(page: pdfium.PdfPage) -> list[str]:
    """The words of comments, links and form fields."""
    found: list[str] = []
    count = raw.FPDFPage_GetAnnotCount(page)
    if count > MOST_NOTES:
        raise Unreadable("the document has more annotations than are read")
    for number in range(count):
        note = raw.FPDFPage_GetAnnot(page, number)
        if note:
            try:
                found += _annotation(page, note)
            finally:
                raw.FPDFPage_CloseAnnot(note)
    return list(dict.fromkeys(text for text in found if text.strip()))


def _annotation(page: pdfium.PdfPage, note: Any) -> Iterator[str]:  # noqa: ANN401 - a handle of C
    for name in _STRINGS:
        yield _string(raw.FPDFAnnot_GetStringValue, note, name)
    if page.formenv is not None:
        yield _string(raw.FPDFAnnot_GetFormFieldValue, page.formenv, note)
        yield _string(raw.FPDFAnnot_GetFormFieldAlternateName, page.formenv, note)
    link = raw.FPDFAnnot_GetLink(note)
    action = raw.FPDFLink_GetAction(link) if link else None
    if action:
        path = _filled(raw.FPDFAction_GetURIPath, ctypes.c_char, 1, page.pdf, action)
        yield path.decode("utf-8", "replace").rstrip("\0")


def _scripts(document: pdfium.PdfDocument, data: bytes) -> list[str]:
    """The document's scripts, and that there are some where they cannot be told."""
    found: list[str] = []
    for number in range(min(raw.FPDFDoc_GetJavaScriptActionCount(document), MOST_NOTES)):
        action = raw.FPDFDoc_GetJavaScriptAction(document, number)
        if action:
            found.append(_string(raw.FPDFJavaScriptAction_GetScript, action))
            raw.FPDFDoc_CloseJavaScriptAction(action)
    if found or any(mark in data for mark in _SCRIPT_MARKS):
        found.append(SCRIPTED)
    return found


def _attachments(document: pdfium.PdfDocument) -> Iterator[Piece]:
    """The names of attached files, and each file as what it is."""
    count = document.count_attachments()
    if count > MOST_NOTES:
        raise Unreadable("the document has more attachments than are read")
    files = [document.get_attachment(number) for number in range(count)]
    yield from text_piece("pdf:attachments", [file.get_name() for file in files])
    for number, file in enumerate(files, 1):
        try:
            data = bytes(file.get_data())
        except pdfium.PdfiumError:
            yield Piece(Form.UNREAD, f"pdf:attachment:{number}")
            continue
        if len(data) > MOST_ATTACHED:
            raise Unreadable("a file attached to the document is too large")
        form = Form.PICTURE if data.startswith(PICTURES) else Form.DOCUMENT
        yield Piece(form, f"pdf:attachment:{number}", data)


def _string(get: Callable[..., int], *where: Any) -> str:  # noqa: ANN401 - handles of C
    """A UTF-16 text that PDFium gives: first asked how long it is."""
    return _filled(get, raw.FPDF_WCHAR, 2, *where).decode("utf-16-le", "replace").rstrip("\0")


def _filled(get: Callable[..., int], unit: Any, width: int, *where: Any) -> bytes:  # noqa: ANN401
    """What ``get`` writes into a buffer of its ``unit``, so many bytes wide."""
    size = get(*where, None, 0)
    if size > MOST_STRING:
        raise Unreadable("the document holds a text that is too long")
    buffer = (unit * (size // width + 1))()
    get(*where, buffer, size)
    return bytes(buffer)[:size]
