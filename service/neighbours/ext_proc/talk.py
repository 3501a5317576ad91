"""One call that Envoy shows: through the door, through the gate, and what Envoy is told.

The gate handles it as any call. Where it would send the request to the model's server, Envoy is
told to go on with it, and what Envoy shows then is the answer.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from envoy.service.ext_proc.v3.external_processor_pb2 import HttpHeaders, ProcessingRequest

from service.errors import GlassgateError, UnknownEndpoint, UpstreamMalformed, UpstreamUnreachable
from service.neighbours.ext_proc import messages
from service.neighbours.ext_proc.messages import NO_EDITS, Edits
from service.neighbours.ext_proc.shown import ShownAnswer, ShownRequest
from service.neighbours.ext_proc.wire import Wire
from service.pipeline.door import Door, Head
from service.pipeline.handle import JSON, Call, Gate, Reply
from service.providers.base import Provider, TakesForms
from service.providers.gemini_files import GeminiFiles
from service.providers.table import FALLBACK
from service.upstream import OWN_PREFIX, PARTIAL, Answer, Headers


class Talk:
    """One call. ``limit`` is how many bytes an answer may have."""

    def __init__(self, wire: Wire, gate: Gate, door: Door, limit: int) -> None:
        self._wire = wire
        self._gate = gate
        self._door = door
        self._limit = limit

    async def run(self, first: ProcessingRequest) -> None:
        """Talks until the call is over; ``first`` are the request's headers."""
        head = messages.head(first.request_headers)
        provider = self._door.provider(head)
        request = ShownRequest(self._wire, messages.mode(first, "request"))
        answer = ShownAnswer(self._wire, messages.mode(first, "response"))
        try:
            self._door.check(head, provider)
            if provider is None:
                await self._pass(first)
                return
            _expect(request, answer, provider)
            request.begin(first.request_headers, _request_edits(head, provider))
            body = await self._door.body(head, request.chunks())
        except GlassgateError as error:
            self._end(self._gate.turned_away(error, provider or FALLBACK))
            return
        back = Back(self._wire, request, answer, self._limit)
        call = Call(
            provider=provider,
            method=head.method,
            path=head.path + head.query,
            headers=head.headers,
            body=body,
            callers=self._door.callers,
            sender=back,
        )
        await self._tell(await self._gate.handle(call), back)

    async def _tell(self, reply: Reply, back: Back) -> None:
        """Tells Envoy the reply; in the body alone where the headers have left."""
        edits = NO_EDITS
        if reply.passed_on:
            own = {name: value for name, value in reply.headers if name.startswith(OWN_PREFIX)}
            edits = Edits(put=own)
        elif not (back.answer.left and back.fits(reply)):
            self._end(reply)
            return
        async with aclosing(_pieces(reply.body)) as pieces:
            await back.answer.go_on(edits, pieces)
        while (message := await self._wire.hear()) is not None:
            if messages.kind(message) == "response_trailers":
                self._wire.say(messages.trailers("response"))

    def _end(self, reply: Reply) -> None:
        data = reply.body if isinstance(reply.body, bytes) else b""
        self._wire.say(messages.immediate(reply.status, reply.headers, data))

    async def _pass(self, first: ProcessingRequest) -> None:
        """Lets a call pass as it is, both ways; it is remembered once its answer begins."""
        with self._gate.passing() as trace:
            message: ProcessingRequest | None = first
            while message is not None and messages.kind(message) != "response_headers":
                self._untouched(message, first)
                message = await self._wire.hear()
            if message is not None:
                trace.status = trace.upstream_status = _status(message.response_headers)
        while message is not None:
            self._untouched(message, first)
            message = await self._wire.hear()

    def _untouched(self, message: ProcessingRequest, first: ProcessingRequest) -> None:
        shown = messages.kind(message)
        half: messages.Half = "response" if shown.startswith("response") else "request"
        edits = NO_EDITS
        if shown.endswith("_headers"):
            edits = Edits(remove=_forged(messages.pairs(getattr(message, shown).headers)))
        self._wire.say(messages.untouched(message, messages.mode(first, half), edits))


class Back:
    """The sender of a call that goes back to Envoy."""

    def __init__(self, wire: Wire, request: ShownRequest, answer: ShownAnswer, limit: int) -> None:
        self.answer = answer
        self._wire = wire
        self._request = request
        self._limit = limit
        self._status = 0
        self._kind = ""

    async def send(
        self,
        method: str,  # noqa: ARG002 - Envoy keeps the method, the path and the headers that it has
        path: str,  # noqa: ARG002
        headers: Headers,  # noqa: ARG002
        body: bytes,
        kind: str,
    ) -> Answer:
        """Has Envoy send this body on. Raises ``UpstreamError``."""
        edits = Edits(put={"content-type": kind}) if kind else NO_EDITS
        await self._request.go_on(edits, _pieces(body))
        shown = await self._answer_headers()
        told = messages.pairs(shown.headers)
        by_name = dict(told)
        self._status, self._kind = _status(shown), by_name.get("content-type", "")
        self.answer.begin(shown, Edits(remove=_forged(told)))
        if by_name.get("content-encoding", "identity").lower() != "identity":
            raise UpstreamMalformed(
                "the model's server compressed its answer, although it was asked not to, so it "
                "was not passed on"
            )
        return _Shown(self.answer, self._status, told, self._limit)

    def fits(self, reply: Reply) -> bool:
        """Whether a reply can stand under the headers that the model's server sent."""
        kind = dict(reply.headers).get("content-type", "")
        return reply.status == self._status and _essence(kind) == _essence(self._kind)

    async def _answer_headers(self) -> HttpHeaders:
        while (message := await self._wire.hear()) is not None:
            shown = messages.kind(message)
            if shown == "response_headers":
                return message.response_headers
            if shown != "request_trailers":
                raise UpstreamMalformed("Envoy showed an answer's body without its headers")
            self._wire.say(messages.trailers("request"))
        raise UpstreamUnreachable("Envoy ended the call before it showed an answer")


class _Shown(Answer):
    """An answer that Envoy shows."""

    def __init__(self, shown: ShownAnswer, status: int, told: Headers, limit: int) -> None:
        headers = [(name, value) for name, value in told if not name.startswith(":")]
        super().__init__(status, headers, limit)
        self._shown = shown

    async def close(self) -> None:
        """Nothing: Envoy holds the connection."""

    def _body(self) -> AsyncIterator[bytes]:
        return self._shown.chunks()


def _expect(request: ShownRequest, answer: ShownAnswer, provider: Provider) -> None:
    """Raises ``GlassgateError`` if the filter is set so that something would not be inspected."""
    for shown in (request, answer):
        if not shown.known:
            name = messages.mode_name(shown.mode or 0)
            raise GlassgateError(
                f"Envoy's ext_proc filter does not show whole bodies ({shown.half}_body_mode: "
                f"{name}), so nothing passes; set BUFFERED or FULL_DUPLEX_STREAMED"
            )
    if isinstance(provider, GeminiFiles):
        raise UnknownEndpoint(
            "Gemini's uploads are not taken through Envoy's ext_proc filter, where a request keeps "
            "its path and headers; route /upload/ to the gate's own port"
        )
    if request.mode == messages.STREAMED and isinstance(provider, TakesForms):
        raise GlassgateError(
            "a form cannot pass with request_body_mode: STREAMED, because its headers leave before "
            "it was inspected; set BUFFERED or FULL_DUPLEX_STREAMED in Envoy's ext_proc filter"
        )


def _request_edits(head: Head, provider: Provider) -> Edits:
    """What is known of a request's headers before its body: the answer is to come uncompressed."""
    put = {"accept-encoding": "identity"}
    if head.method == "POST" and not isinstance(provider, TakesForms):
        put["content-type"] = JSON
    return Edits(put=put, remove=[*_forged(head.headers), *PARTIAL])


def _status(shown: HttpHeaders) -> int:
    return int(dict(messages.pairs(shown.headers)).get(":status", 0))


def _forged(headers: Headers) -> list[str]:
    """The headers that only the gate may write."""
    return [name for name, _ in headers if name.startswith(OWN_PREFIX)]


async def _pieces(body: bytes | AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """A body in pieces; closing them closes what makes them."""
    if isinstance(body, bytes):
        yield body
        return
    async with aclosing(body):
        async for piece in body:
            yield piece


def _essence(kind: str) -> str:
    return kind.split(";", maxsplit=1)[0].strip().lower()
