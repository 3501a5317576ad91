"""What every dialect can do. A dialect is one file here and one line in ``table.py``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

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


class Provider(Protocol):
    """One dialect: pure functions from wire JSON to neutral data and back."""

    dialect: str

    def read(self, body: Json) -> Exchange:
        """The request in neutral form. Raises ``Malformed`` naming the pointer."""
        ...

    def read_answer(self, answer: Json) -> Exchange:
        """The answer in neutral form, one message a choice. Raises ``Malformed``."""
        ...

    def whole(self, events: Sequence[Event]) -> Sequence[Event]:
        """The events of an answer up to its end; what comes after is no part of it."""
        ...

    def assemble(self, events: Sequence[Event]) -> Json:
        """The whole answer that a stream spells. Raises ``Malformed``."""
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
        """The answer that says no, as the model itself would; ``created`` in Unix seconds."""
        ...

    def refusal_events(self, body: Json, message: str, call: str, created: int) -> Sequence[Event]:
        """The same, streamed."""
        ...

    def error(self, error: GlassgateError) -> Json:
        """The dialect's error envelope."""
        ...
