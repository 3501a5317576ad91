"""What a reader found in a document, and how that travels between its process and ours.

Standard library only: it is loaded by every reader.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import BinaryIO, Final

MOST_CHARACTERS: Final = 600_000
"""Characters of all texts of one document; the classifier judges no longer text."""
MOST_PIECES: Final = 400
MOST_BYTES: Final = 256 * 1024 * 1024
"""Of all pieces of one document together."""

PICTURES: Final = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"RIFF")
"""How the pictures begin that the views of pictures read."""


class Unreadable(Exception):
    """A document that a reader cannot read whole; the message holds no payload."""


class Form(StrEnum):
    """What a piece is."""

    TEXT = "text"
    PICTURE = "picture"
    DOCUMENT = "document"
    UNREAD = "unread"


@dataclass(frozen=True, slots=True)
class Piece:
    """Something that a document holds, and the method of the part that it becomes."""

    form: Form
    method: str
    data: bytes = field(default=b"", repr=False)

    @property
    def text(self) -> str:
        return self.data.decode("utf-8", "replace")


def text_piece(method: str, lines: list[str]) -> Iterator[Piece]:
    """One piece of all lines that say something, or none."""
    text = "\n".join(line for line in lines if line.strip())
    if text:
        # What is half a pair of UTF-16 becomes a question mark, the rest stays.
        data = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
        yield Piece(Form.TEXT, method, data)


def write(pieces: Iterator[Piece], out: BinaryIO) -> None:
    """Writes each piece as a line that names it and its bytes; last, a line that says so.

    Where the document cannot be read, the last line says why. Raises what else a reader raises.
    """
    ending = ["end", ""]
    try:
        for piece in _bounded(pieces):
            _line(out, [piece.form.value, piece.method, len(piece.data)])
            out.write(piece.data)
    except Unreadable as error:
        ending = ["unreadable", str(error)]
    except MemoryError:
        ending = ["unreadable", "the document takes more memory than a document may"]
    _line(out, ending)
    out.flush()


def _bounded(pieces: Iterator[Piece]) -> Iterator[Piece]:
    characters = size = 0
    for number, piece in enumerate(pieces):
        size += len(piece.data)
        characters += len(piece.text) if piece.form is Form.TEXT else 0
        if characters > MOST_CHARACTERS:
            raise Unreadable(f"the document has more than {MOST_CHARACTERS} characters")
        if number == MOST_PIECES or size > MOST_BYTES:
            raise Unreadable("the document holds more pictures and files than are read")
        yield piece


def _line(out: BinaryIO, words: list[str] | list[str | int]) -> None:
    out.write(json.dumps(words).encode() + b"\n")


def parse(written: bytes) -> list[Piece]:
    """The pieces that ``write`` wrote. Raises ``Unreadable``, also where the end is missing."""
    pieces: list[Piece] = []
    at = 0
    while (stop := written.find(b"\n", at)) >= 0:
        head = json.loads(written[at:stop])
        at = stop + 1
        if head[0] == "end":
            return pieces
        if head[0] == "unreadable":
            raise Unreadable(head[1])
        form, method, size = head
        pieces.append(Piece(Form(form), method, written[at : at + size]))
        at += size
    raise Unreadable("the document's reader broke down over it")
