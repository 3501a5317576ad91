"""Server-sent events, as the WHATWG HTML standard spells them (section 9.2)."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from service.errors import UpstreamMalformed

MOST_CHARACTERS: Final = 16 * 1024 * 1024
"""Of one event. The largest known are generated pictures, as Base64: a few million."""

_LINE_END: Final = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its data, and its name where it has one."""

    data: str
    name: str = ""

    def encode(self) -> bytes:
        """The event on the wire."""
        name = f"event: {self.name}\n" if self.name else ""
        data = "".join(f"data: {line}\n" for line in self.data.split("\n"))
        return f"{name}{data}\n".encode()


class Decoder:
    """Bytes in, events out, wherever the bytes were cut: in a character or in a line end."""

    def __init__(self, most: int = MOST_CHARACTERS) -> None:
        self._most = most
        self._text = codecs.getincrementaldecoder("utf-8-sig")()
        self._begun: list[str] = []  # the pieces of a line that has not ended
        self._after_return = False
        self._data: list[str] = []
        self._name = ""
        self._size = 0

    def feed(self, raw: bytes) -> Iterator[Event]:
        """The events that end in these bytes.

        Raises:
            UpstreamMalformed: the stream is not UTF-8, or an event is too large.
        """
        first, *others = _LINE_END.split(self._decoded(raw))
        self._begun.append(first)
        self._size += len(first)
        for piece in others:
            yield from self._line_ended()
            self._begun.append(piece)
            self._size += len(piece)
        if self._size > self._most:
            raise UpstreamMalformed(
                f"an event of the model's stream has more than {self._most} characters"
            )

    def end(self) -> Iterator[Event]:
        """The last event, where the stream broke off after its data. Raises as ``feed`` does."""
        self._decoded(b"", final=True)
        yield from self._line_ended()
        yield from self._line_ended()

    def _decoded(self, raw: bytes, *, final: bool = False) -> str:
        """The next characters, without the second half of a line end that was cut."""
        try:
            text = self._text.decode(raw, final)
        except UnicodeDecodeError:
            raise UpstreamMalformed("the model's stream is not UTF-8") from None
        if text:
            cut = self._after_return and text.startswith("\n")
            self._after_return = text.endswith("\r")
            return text[1:] if cut else text
        return text

    def _line_ended(self) -> Iterator[Event]:
        line = "".join(self._begun)
        self._begun.clear()
        field, _, value = line.partition(":")
        if field == "data":
            self._data.append(value.removeprefix(" "))
        elif field == "event":
            self._name = value.removeprefix(" ")
        elif not line:
            data, name = self._data, self._name
            self._data, self._name, self._size = [], "", 0
            if data:
                yield Event("\n".join(data), name)


def parse(raw: bytes) -> list[Event]:
    """Every event that carries data, the last one too when the stream broke off after it.

    Raises:
        UpstreamMalformed: the stream is not UTF-8.
    """
    decoder = Decoder()
    return [*decoder.feed(raw), *decoder.end()]


def encode(events: Iterable[Event]) -> bytes:
    """These events on the wire."""
    return b"".join(event.encode() for event in events)
