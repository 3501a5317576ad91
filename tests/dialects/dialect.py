"""What the tests ask of a dialect: to spell requests as clients do, answers as servers do.

One file a dialect beside this one, and a line in ``table.py``.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from detectors.contract.exchange import Exchange, TextPart, ToolCallPart
from detectors.views.tool_call import ToolCall
from service.errors import Malformed
from service.providers.base import Provider
from service.providers.sse import Event

Object = dict[str, Any]
Kind = Literal["text", "thought", "call"]
TOOL = "look"


@dataclass(frozen=True, slots=True)
class Voice:
    """Something of an answer, in the pieces in which it comes; a call's are those of its JSON.

    Where a dialect's answers have several choices, each voice is one of them.
    """

    pieces: Sequence[str]
    kind: Kind = "text"

    @property
    def words(self) -> str:
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Speech:
    """A stream: what begins it, the events of each voice in their order, and what ends it."""

    opening: Sequence[Event]
    voices: Sequence[Sequence[Event]]
    closing: Sequence[Event]

    @property
    def events(self) -> list[Event]:
        """One voice after the other."""
        told = [event for voice in self.voices for event in voice]
        return [*self.opening, *told, *self.closing]


class Dialect(ABC):
    """One dialect; what it ``can`` not do (``pictures``, ``turns``, ``tools``) is not asked of it.

    ``mixes`` says whether the voices of a stream may come in turn. ``grows`` says whether a call of
    a tool comes in pieces.
    """

    name: ClassVar[str]
    can: ClassVar[frozenset[str]] = frozenset({"pictures", "turns", "tools"})
    kinds: ClassVar[Sequence[Kind]] = ("text", "thought", "call")
    mixes: ClassVar[bool] = False
    grows: ClassVar[bool] = True

    @abstractmethod
    def provider(self, *, stream: bool = False) -> Provider:
        """Who reads it, as the gate finds it for a call."""

    @abstractmethod
    def path(self, *, stream: bool = False) -> str:
        """Where it is asked."""

    @abstractmethod
    def body(self, turns: Sequence[Object], *, stream: bool = False) -> Object:
        """A request with these turns."""

    @abstractmethod
    def text(self, words: str) -> Any:  # noqa: ANN401 - JSON
        """A part of text."""

    @abstractmethod
    def user(self, *parts: Any) -> list[Object]:  # noqa: ANN401 - JSON
        """The turn of a user who sends these parts."""

    def picture(self, data: bytes, kind: str = "image/png") -> Object:
        """A picture's part."""
        raise NotImplementedError

    def linked(self, url: str) -> Object:
        """A part that only links to a picture."""
        raise NotImplementedError

    def model(self, words: str) -> list[Object]:
        """The turn of the model that said so."""
        raise NotImplementedError

    def called(self, arguments: Object) -> list[Object]:
        """The turn of the model that called a tool so."""
        raise NotImplementedError

    def brought(self, *parts: Any) -> list[Object]:  # noqa: ANN401 - JSON
        """What the tool gave back: parts of text and pictures."""
        raise NotImplementedError

    @abstractmethod
    def answer(self, *said: Voice) -> Object:
        """A whole answer."""

    @abstractmethod
    def speech(self, *said: Voice) -> Speech:
        """The same, streamed."""

    def asked(self, words: str) -> Object:
        """A request of one question, for a stream."""
        return self.body(self.user(self.text(words)), stream=True)

    def spelled(self, events: Sequence[Event]) -> list[str]:
        """What these events say, part by part; none where that cannot be read yet."""
        assembly = self.provider(stream=True).assembly()
        try:
            for event in events:
                assembly.add(event)
            return told(self.provider(stream=True).read_answer(assembly.answer))
        except Malformed:
            return []


def told(exchange: Exchange) -> list[str]:
    """The words of each part, those of a call as the tool will read them."""
    read = ToolCall()
    return [
        text.text
        for part in exchange.parts()
        if isinstance(part, TextPart | ToolCallPart)
        for text in ([part] if isinstance(part, TextPart) else read.reveal(part))
        if isinstance(text, TextPart)
    ]


def spelt(value: Any, name: str = "") -> Event:  # noqa: ANN401 - JSON
    """An event that says this."""
    return Event(json.dumps(value), name)
