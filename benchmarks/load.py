"""The load generator: a closed loop of users, each with one connection and one request under way.

Requests are whole HTTP messages, made before the clock starts; answers are parsed by httptools.
Little is computed here, because the servers under test share the machine.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import httptools

BUFFER: Final = 256 * 1024
WAIT_S: Final = 60.0  # for the next bytes of an answer


class LoadError(Exception):
    """A server did not answer as it should; the message says how."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds from the first byte sent to the first and to the last byte of the answer's body.

    ``refused`` is an answer that the guard gave in the model's place.
    """

    first: float
    last: float
    refused: bool


@dataclass(frozen=True, slots=True)
class Slice:
    """The answers of one stretch of load, and the seconds from its start to the last of them."""

    timings: tuple[Timing, ...]
    seconds: float


def message(path: str, body: bytes) -> bytes:
    """A POST of JSON as it goes on the wire."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: */*\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def drive(
    port: int, messages: Iterator[bytes], *, users: int, seconds: float, least: int
) -> Slice:
    """Sends until the seconds are over and at least so many were answered, or none is left.

    Raises:
        LoadError: an answer was not 200, or did not come.
    """
    timings: list[Timing] = []
    begun = time.perf_counter()

    async def user() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=BUFFER)
        try:
            while time.perf_counter() - begun < seconds or len(timings) < least:
                sent = next(messages, None)
                if sent is None:
                    return
                timings.append(await _exchange(reader, writer, sent))
        finally:
            writer.close()
            await writer.wait_closed()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(users):
                group.create_task(user())
    except ExceptionGroup as errors:
        first = errors.exceptions[0]
        if isinstance(first, LoadError | OSError):
            raise LoadError(f"port {port}: {first}") from None
        raise
    return Slice(tuple(timings), time.perf_counter() - begun)


class _Answer:
    """What the parser calls as an answer comes in."""

    def __init__(self) -> None:
        self.first = 0.0
        self.whole = False
        self.refused = False
        self.body = bytearray()

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"x-glassgate-decision":
            self.refused = value != b"forward"

    def on_body(self, data: bytes) -> None:
        self.first = self.first or time.perf_counter()
        self.body += data

    def on_message_complete(self) -> None:
        self.whole = True


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: bytes
) -> Timing:
    answer = _Answer()
    parser = httptools.HttpResponseParser(answer)
    begun = time.perf_counter()
    writer.write(sent)
    await writer.drain()
    while not answer.whole:
        try:
            async with asyncio.timeout(WAIT_S):
                data = await reader.read(BUFFER)
        except TimeoutError:
            raise LoadError(f"nothing came for {WAIT_S:.0f} seconds") from None
        if not data:
            raise LoadError("the connection was closed before the answer was whole")
        parser.feed_data(data)
    ended = time.perf_counter()
    status = parser.get_status_code()
    if status != HTTPStatus.OK:
        raise LoadError(f"status {status}: {bytes(answer.body[:300])!r}")
    return Timing(answer.first - begun, ended - begun, answer.refused)
