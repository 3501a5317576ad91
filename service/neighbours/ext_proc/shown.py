"""A request or an answer as Envoy shows it, and as it is told to go on with it.

Envoy shows bodies in one of these ways (``processing_mode.proto``), and each wants its own answers:

- ``BUFFERED``: headers, answered; then the whole body. Both wait in Envoy until it is answered.
- ``STREAMED``: headers, answered, and gone with that; then chunks, each answered once. A chunk is
  answered with what may leave by then, often nothing, and the last with all the rest.
- ``FULL_DUPLEX_STREAMED``: everything is shown, and waits for no answer; what is to be sent is said
  when it is known.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import ClassVar, Final

from envoy.service.ext_proc.v3.external_processor_pb2 import HttpHeaders

from service.errors import GlassgateError, Malformed, UpstreamUnreachable
from service.neighbours.ext_proc import messages
from service.neighbours.ext_proc.messages import (
    BUFFERED,
    DUPLEX,
    NO_EDITS,
    PIECE,
    STREAMED,
    Edits,
    Half,
)
from service.neighbours.ext_proc.wire import Wire

KNOWN: Final = frozenset({None, BUFFERED, STREAMED, DUPLEX})


class Shown(ABC):
    """One half of a call. ``mode`` is how its body is shown, None if Envoy does not say."""

    half: ClassVar[Half]

    def __init__(self, wire: Wire, mode: int | None) -> None:
        self.mode = mode
        self._wire = wire
        self._edits = NO_EDITS
        self._answered = False  # the headers
        self._bodiless = False
        self._whole = False
        self._trailers = False
        self._last = b""
        self._ready = b""

    @property
    def known(self) -> bool:
        """Whether the whole body will be shown, in a way that is known here."""
        return self.mode in KNOWN

    @property
    def left(self) -> bool:
        """Whether the headers have left, so that only the body can be changed."""
        return self._answered and self.mode == STREAMED

    def begin(self, headers: HttpHeaders, edits: Edits) -> None:
        """Takes in the headers; they leave with these edits, and what is known of them later."""
        self._bodiless = self._whole = headers.end_of_stream
        self._edits = edits

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it is shown. Raises ``GlassgateError`` if it breaks off or is not all."""
        while (chunk := await self._next()) is not None:
            yield chunk

    async def go_on(self, edits: Edits, body: AsyncIterator[bytes]) -> None:
        """Has Envoy go on with this body in the place of the one that it showed."""
        if self._bodiless:
            self._wire.say(messages.headers(self.half, self._edits | edits))
        elif self.mode == STREAMED:
            await self._in_chunks(body)
        elif self.mode == DUPLEX:
            await self._in_pieces(edits, body)
        else:
            whole = b"".join([each async for each in body])
            sized = edits | Edits(put={"content-length": str(len(whole))})
            changed = whole if whole != self._last else None
            self._wire.say(messages.body(self.half, changed, sized))

    @abstractmethod
    def broken(self) -> GlassgateError:
        """What it is when the body ends before its end."""

    async def _next(self) -> bytes | None:
        """The next chunk. Nothing is awaited between hearing and answering: see ``Wire``."""
        if self._whole:
            return None
        if not self._answered and self.mode != DUPLEX:
            self._wire.say(messages.headers(self.half, self._edits))
        self._answered = True
        message = await self._wire.hear()
        shown = messages.kind(message) if message is not None else ""
        if shown == f"{self.half}_trailers" and self.mode == DUPLEX:
            self._whole = self._trailers = True
            return None
        if message is None or shown != f"{self.half}_body":
            raise self.broken()
        body = getattr(message, shown)
        self._whole = body.end_of_stream or self.mode == BUFFERED
        self._last = body.body
        if not self._whole and self.mode is None:
            raise GlassgateError(
                f"this Envoy does not say that it shows whole bodies; set {self.half}_body_mode: "
                "BUFFERED in its ext_proc filter"
            )
        if not self._whole and self.mode == STREAMED:
            self._wire.say(messages.body(self.half, self._take()))
        return self._last

    async def _in_chunks(self, body: AsyncIterator[bytes]) -> None:
        async for each in body:
            self._ready += each
        while await self._next() is not None:
            pass
        self._wire.say(messages.body(self.half, self._take()))

    async def _in_pieces(self, edits: Edits, body: AsyncIterator[bytes]) -> None:
        self._wire.say(messages.headers(self.half, self._edits | edits))
        async for each in body:
            for start in range(0, len(each), PIECE):
                data = each[start : start + PIECE]
                self._wire.say(messages.piece(self.half, data, last=False))
        self._wire.say(messages.piece(self.half, b"", last=not self._trailers))
        if self._trailers:
            self._wire.say(messages.trailers(self.half))

    def _take(self) -> bytes:
        ready, self._ready = self._ready, b""
        return ready


class ShownRequest(Shown):
    """What the client asks."""

    half = "request"

    def broken(self) -> GlassgateError:
        return Malformed("the body broke off before its end, or has trailers")


class ShownAnswer(Shown):
    """What the model's server answers."""

    half = "response"

    def broken(self) -> GlassgateError:
        return UpstreamUnreachable("the model's answer broke off before its end, or has trailers")
