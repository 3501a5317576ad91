"""One call to a model, in neutral form: exchange, messages and parts.

A part's ``pointer`` is an RFC 6901 JSON pointer into the original body, so that an edit can be
patched where the part came from. A derived part (text read from a picture, a decoded text) keeps
the pointer of the part it came from, and says with ``method`` how it was derived.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum


class Origin(StrEnum):
    """Whose words a part holds. It follows from the dialect, never from the text's own claim."""

    OPERATOR = "operator"
    USER = "user"
    MODEL = "model"
    THIRD_PARTY = "third_party"


class Role(StrEnum):
    """The role of a message, named alike in every dialect."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Stage(StrEnum):
    """Which way an exchange travels: to the model, or back from it."""

    REQUEST = "request"
    RESPONSE = "response"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of text read from a picture.

    ``box`` holds four corners as (x, y) in pixels of the picture that is forwarded, clockwise
    from the line's own top left. ``start`` is the offset of the line in its part's text.
    """

    text: str
    box: tuple[tuple[float, float], ...]
    score: float
    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRef:
    """Which call of a tool: its id and the tool's name, each empty where nobody says it.

    Both are a client's strings: printable and short, and else whatever it likes.
    """

    id: str = ""
    name: str = ""

    def __str__(self) -> str:
        return f"{self.name or 'a tool'} ({self.id})" if self.id else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """``call`` is the call of a tool that brought the part, or that it is."""

    pointer: str
    origin: Origin
    parent: str | None = None
    method: str | None = None
    call: CallRef | None = None

    @property
    def key(self) -> str:
        """A name for this part that is unique in its exchange: ``/messages/0/content#ocr``."""
        return f"{self.parent or self.pointer}#{self.method}" if self.method else self.pointer


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPart(_Part):
    """Text. ``lines`` says where it stands in a picture, when it was read from one.

    ``thinking`` is true of what a model thought before it spoke, where the dialect tells that.
    """

    text: str
    lines: tuple[Line, ...] = field(default=(), repr=False)
    thinking: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePart(_Part):
    """A picture: ``data`` are its encoded bytes once pinned; before that they may be any bytes.

    ``detail`` is the dialect's own word for the size the model is to see (``low``, ``high``).
    ``original`` are the bytes that came in, where pinning made others of them: evidence for the
    views, and never sent on.
    """

    data: bytes = field(repr=False)
    media_type: str
    detail: str | None = None
    original: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentPart(_Part):
    """A document, as the bytes that were sent."""

    data: bytes = field(repr=False)
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallPart(_Part):
    """A call of a tool by the model; ``arguments`` is the JSON text as the wire carries it."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """Where content is kept that a part only links to; ``detail`` as in ``ImagePart``."""

    url: str = field(repr=False)
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpaquePart(_Part):
    """Content that cannot be inspected; ``kind`` and ``reason`` are bounded words, no payload.

    Where it can be fetched, ``remote`` says from where; until it is, it stays uninspected. Where
    the model's server has it (a file, earlier turns), ``upload`` is the name by which that is
    remembered.
    """

    kind: str
    reason: str
    remote: Remote | None = field(default=None, repr=False)
    upload: str | None = field(default=None, repr=False)


Part = TextPart | ImagePart | DocumentPart | ToolCallPart | OpaquePart


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A role and its parts, in the order in which the model reads them."""

    role: Role
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the model was shown before it answered, as far as its answer is decided by that.

    ``pictures`` counts those of the request. ``operator`` are the operator's texts in it, ``read``
    the texts that were read from its pictures: neither is logged or kept. ``language`` is that of
    the question (ISO 639-1), empty where it is not known.
    """

    pictures: int = 0
    operator: tuple[str, ...] = field(default=(), repr=False)
    read: tuple[str, ...] = field(default=(), repr=False)
    language: str = ""


NOTHING_SHOWN = Shown()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One call in neutral form. In a response each choice is one assistant message.

    ``shown`` stands in a response, and says what it answers.
    """

    dialect: str
    model: str
    stage: Stage
    messages: tuple[Message, ...]
    stream: bool = False
    shown: Shown = NOTHING_SHOWN

    def parts(self) -> Iterator[Part]:
        """Every part of every message, in order."""
        for message in self.messages:
            yield from message.parts
