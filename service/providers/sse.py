"""Server-sent events, as the WHATWG HTML standard spells them (section 9.2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from service.errors import UpstreamMalformed


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


def parse(raw: bytes) -> list[Event]:
    """Every event that carries data, the last one too when the stream broke off after it.

    Raises:
        UpstreamMalformed: the stream is not UTF-8.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise UpstreamMalformed("the model's stream is not UTF-8") from None
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    events = (_event(block.split("\n")) for block in text.split("\n\n"))
    return [event for event in events if event is not None]


def encode(events: Iterable[Event]) -> bytes:
    """These events on the wire."""
    return b"".join(event.encode() for event in events)


def _event(lines: list[str]) -> Event | None:
    data: list[str] = []
    name = ""
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
        elif field == "event":
            name = value
    return Event("\n".join(data), name) if data else None
