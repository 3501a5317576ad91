"""The view ``document``: a document to the words, pictures and files that it holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from detectors.contract.detector import SelfCheckError
from detectors.contract.exchange import (
    DocumentPart,
    ImagePart,
    OpaquePart,
    Origin,
    Part,
    TextPart,
)
from detectors.views.document.apart import SECONDS, read
from detectors.views.document.kinds import DocumentError, Kind, kind_of, text_of
from detectors.views.document.pieces import MOST_CHARACTERS, Form, Piece

METHODS: Final = ("pdf", "document")
"""How the parts are derived: ``pdf:text``, ``pdf:hidden``, ``document:text`` and so on."""

MOST_BYTES: Final = 32 * 1024 * 1024
"""What the providers accept of one."""

_KNOWN_TEXT: Final = "Glassgate"
_KNOWN_PDF: Final = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 144 72]/Contents 4 0 R/Resources<</Font"
    b"<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>endobj\n"
    b"4 0 obj<</Length 39>>stream\nBT/F 18 Tf 20 30 Td(Glassgate)Tj ET     \nendstream endobj\n"
    b"trailer<</Root 1 0 R/Size 5>>\n%%EOF\n"
)


class Document:
    """Reveals what a document shows, what it holds without showing it, and what is inside it.

    Everything in it is a third party's, whoever sent it. A document that is encrypted, broken, over
    a limit or of a kind that is not read counts as not inspected.
    """

    name = "document"
    version = "1"

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds

    def applies(self, part: Part) -> bool:
        return isinstance(part, DocumentPart)

    def reveal(self, part: Part) -> Sequence[Part]:
        """Raises ``DocumentError``."""
        if not isinstance(part, DocumentPart):
            return ()
        if len(part.data) > MOST_BYTES:
            raise DocumentError(
                f"the document has {len(part.data)} bytes, the limit is {MOST_BYTES}: send a part"
            )
        kind = kind_of(part.data, part.media_type)
        if kind is Kind.TEXT:
            return [_part(piece, part) for piece in _plain(part.data)]
        return [_part(piece, part) for piece in read(kind, part.data, self._seconds)]

    def self_check(self) -> None:
        """Reads a page of one word. Raises ``SelfCheckError``."""
        known = DocumentPart(pointer="", origin=Origin.USER, data=_KNOWN_PDF, media_type="")
        try:
            shown = self.reveal(known)
        except DocumentError as error:
            raise SelfCheckError(f"document did not read a known page: {error}") from None
        if [part.text for part in shown if isinstance(part, TextPart)] != [_KNOWN_TEXT]:
            raise SelfCheckError("document did not read a known page; reinstall pypdfium2")


def _plain(data: bytes) -> list[Piece]:
    text = text_of(data)
    if len(text) > MOST_CHARACTERS:
        raise DocumentError(f"the document has more than {MOST_CHARACTERS} characters")
    return [Piece(Form.TEXT, "document:text", text.encode())] if text.strip() else []


def _part(piece: Piece, parent: DocumentPart) -> Part:
    at, key, method = parent.pointer, parent.key, piece.method
    whose = Origin.THIRD_PARTY
    if piece.form is Form.TEXT:
        return TextPart(pointer=at, origin=whose, parent=key, method=method, text=piece.text)
    if piece.form is Form.PICTURE:
        return ImagePart(
            pointer=at, origin=whose, parent=key, method=method, data=piece.data, media_type=""
        )
    if piece.form is Form.DOCUMENT:
        return DocumentPart(
            pointer=at, origin=whose, parent=key, method=method, data=piece.data, media_type=""
        )
    return OpaquePart(
        pointer=at,
        origin=whose,
        parent=key,
        method=method,
        kind="file",
        reason="a file within the document is not read",
    )
