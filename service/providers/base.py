"""What every dialect can do. A dialect is one file here and one line in ``table.py``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from detectors.contract.exchange import Exchange
from service.errors import GlassgateError
from service.providers.sse import Event
from service.providers.strict_json import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """A change of the original body, as RFC 6902 writes it."""

    op: Literal["replace", "add"]
    path: str
    value: Json


class Assembly(Protocol):
    """A streamed answer while it is put together. One stream, one thread at a time."""

    @property
    def done(self) -> bool:
        """Whether the dialect's end was seen; what comes after is no part of the answer."""
        ...

    @property
    def answer(self) -> Json:
        """What was said so far, in the form of a whole answer. Not to be changed."""
        ...

    def add(self, event: Event) -> None:
        """Takes in the next event. Raises ``Malformed``."""
        ...


@runtime_checkable
class Unmarked(Assembly, Protocol):
    """A streamed answer in a dialect without a mark of its end: the end of the stream is it."""

    @property
    def whole(self) -> bool:
        """Whether nothing that was begun is left open."""
        ...


def may_end(assembly: Assembly) -> bool:
    """Whether a stream may end here; one that ends elsewhere broke off."""
    return assembly.whole if isinstance(assembly, Unmarked) else assembly.done


class Provider(Protocol):
    """One dialect: pure functions from wire JSON to neutral data and back.

    What a call's path says (a model, whether it streams) its provider knows: ``table.find`` makes
    one for the call where the dialect needs it.
    """

    dialect: str

    def read(self, body: Json) -> Exchange:
        """The request in neutral form. Raises ``Malformed`` naming the pointer."""
        ...

    def read_answer(self, answer: Json) -> Exchange:
        """The answer in neutral form, one message a choice. Raises ``Malformed``."""
        ...

    def assembly(self) -> Assembly:
        """Puts together the answer that a stream spells."""
        ...

    def replace_image(self, path: str, data: bytes, media_type: str) -> Patch:
        """Puts these encoded bytes in place of the picture at ``path``."""
        ...

    def replace_with_text(self, path: str, text: str) -> Patch:
        """Puts a text part in place of the content part at ``path``."""
        ...

    def instruct(self, body: Json, text: str) -> Patch:
        """Adds an operator's instruction."""
        ...

    def refusal(self, body: Json, message: str, call: str, created: int) -> Json:
        """The answer that says no, as the model itself would; ``created`` in Unix seconds.

        Raises ``ContentFiltered`` where the dialect's answers have no place for words.
        """
        ...

    def refusal_events(self, body: Json, message: str, call: str, created: int) -> Sequence[Event]:
        """The same, streamed from the start."""
        ...

    def ending(self, assembly: Assembly, message: str) -> Sequence[Event]:
        """Ends a stream after an offence, in the dialect's own way.

        ``assembly`` holds what the client was sent so far, and nothing else.
        """
        ...

    def failure(self, error: GlassgateError) -> Sequence[Event]:
        """Ends a stream that met an error."""
        ...

    def error(self, error: GlassgateError) -> Json:
        """The dialect's error envelope."""
        ...


@runtime_checkable
class CalledByPath(Protocol):
    """A dialect whose path names the model or a file, and whose query may frame the answer."""

    def called(self, name: str, query: str) -> Provider:
        """The provider of one call; ``query`` with its question mark, or empty."""
        ...


@runtime_checkable
class TakesForms(Protocol):
    """A dialect whose requests are no JSON: they are read as JSON, and written back from it."""

    def sent_as(self, kind: str) -> Provider:
        """The provider of one call; ``kind`` is its content type."""
        ...

    def parse(self, raw: bytes) -> Json:
        """The request as JSON. Raises ``Malformed``."""
        ...

    def dump(self, body: Json) -> tuple[str, bytes]:
        """The content type and the bytes that are sent on."""
        ...


@runtime_checkable
class Brings(Protocol):
    """A dialect by which files are brought to the model's server."""

    def uploaded(self, body: Json, answer: Json) -> Sequence[str]:
        """By which names later requests mean this upload; none if the answer names none."""
        ...


@runtime_checkable
class Continues(Protocol):
    """A dialect whose requests may go on from an answer that the model's server keeps."""

    def keeps(self, body: Json) -> bool:
        """Whether the model's server keeps the answer to this request."""
        ...

    def kept(self, answer: Json) -> str | None:
        """Under which name later requests mean this answer; None if they cannot."""
        ...


@runtime_checkable
class Downloads(Provider, Protocol):
    """A dialect by which a file is fetched: its call has no body, and its answer is no JSON.

    A file that a batch wrote is read line by line, each as the answer that it holds. Any other is
    read whole, and passes as it came or not at all.
    """

    def lines(self, raw: bytes) -> Sequence[bytes] | None:
        """The lines of a file that a batch wrote, without their ends; None of any other file."""
        ...

    def opened(self, raw: bytes, headers: Sequence[tuple[str, str]]) -> Json:
        """Any other file as ``read_answer`` takes it; ``headers`` are the answer's.

        Raises ``Malformed``.
        """
        ...

    def read_line(self, line: Json) -> Exchange:
        """A line in neutral form, its pointers into the line. Raises ``Malformed``."""
        ...

    def refused_line(self, line: Json, message: str, call: str, created: int) -> Json:
        """The line with the refusal of its own dialect in the place of the answer.

        Raises ``ContentFiltered`` where such an answer has no place for words.
        """
        ...

    def failed_line(self, line: Json, error: GlassgateError) -> Json:
        """The line with an error in the place of the answer."""
        ...
