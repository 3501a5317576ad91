"""The model's client: pool, deadlines, and the only mapping of its errors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Final, Protocol

import httpx

from service.errors import UpstreamMalformed, UpstreamTimeout, UpstreamUnreachable
from service.settings import Settings

Headers = Sequence[tuple[str, str]]

# RFC 9110 section 7.6.1, and what belongs to one connection or one encoding of a body.
NOT_FORWARDED: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "host",
        "content-length",
        "content-encoding",
        "accept-encoding",
        "expect",
    }
)
PARTIAL: Final = ("range", "if-range")
REPLACED: Final = frozenset({"content-type", *PARTIAL})
"""Headers of a client's that do not hold for what is sent in its place."""
OWN_PREFIX: Final = "x-glassgate-"


class Answer(ABC):
    """What the model's server says: its status, the headers that pass on, a body still to come.

    Whoever has it closes it. ``limit`` is how many bytes the body may have.
    """

    def __init__(self, status: int, headers: Headers, limit: int) -> None:
        self.status = status
        self.headers: Headers = passing(headers)
        self._limit = limit

    @property
    def whereabouts(self) -> str:
        """Why what is asked for is not here, where it could be inspected; empty if it is."""
        if self.status == httpx.codes.PARTIAL_CONTENT:
            return "the model's server sent a part of its answer, which cannot be inspected"
        if httpx.codes.is_redirect(self.status) and "location" in dict(self.headers):
            return "the model's server answers from another place, where it cannot be inspected"
        return ""

    @property
    def streamed(self) -> bool:
        kind = dict(self.headers).get("content-type", "")
        return kind.split(";")[0].strip().lower() == "text/event-stream"

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes.

        Raises:
            UpstreamUnreachable: the connection broke off.
            UpstreamTimeout: nothing came in time.
            UpstreamMalformed: more came than an answer may have, or it was no HTTP.
        """
        size = 0
        async for chunk in self._body():
            size += len(chunk)
            if size > self._limit:
                raise UpstreamMalformed(f"the answer has more than {self._limit} bytes")
            yield chunk

    async def whole(self) -> bytes:
        """The whole body. Raises as ``chunks`` does."""
        return b"".join([chunk async for chunk in self.chunks()])

    @abstractmethod
    async def close(self) -> None:
        """Lets the answer go, whether its body was read to the end or not."""

    @abstractmethod
    def _body(self) -> AsyncIterator[bytes]:
        """The body as it comes, however large. Raises as ``chunks`` does."""


class Sender(Protocol):
    """Who hands on what may pass, and has the answer."""

    async def send(
        self, method: str, path: str, headers: Headers, body: bytes, kind: str
    ) -> Answer:
        """Sends a body of this content type, or none; what comes is the answer's head."""
        ...


class _Response(Answer):
    """An answer on a connection of our own."""

    def __init__(self, response: httpx.Response, limit: int) -> None:
        super().__init__(response.status_code, response.headers.multi_items(), limit)
        self._response = response

    async def close(self) -> None:
        await self._response.aclose()

    async def _body(self) -> AsyncIterator[bytes]:
        with _mapped():
            async for chunk in self._response.aiter_bytes():
                yield chunk


class Upstream:
    """One pool of connections to the model's API."""

    def __init__(self, base: str, settings: Settings) -> None:
        self._base = base
        self._limit = settings.answer_limit
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(
                connect=settings.upstream_connect_s,
                read=settings.upstream_read_s,
                write=settings.upstream_read_s,
                pool=settings.upstream_connect_s,
            ),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=100),
            follow_redirects=False,
            trust_env=False,
        )

    async def send(
        self, method: str, path: str, headers: Headers, body: bytes, kind: str
    ) -> Answer:
        """Sends a body of this content type, or none; what comes is the answer's head.

        All of the answer is asked for: an offence could hide between the ranges of two calls.

        Raises:
            UpstreamUnreachable: no connection.
            UpstreamTimeout: nothing came in time.
            UpstreamMalformed: it was no HTTP.
        """
        own = [(name, value) for name, value in passing(headers) if name not in REPLACED]
        sent = [*own, ("content-type", kind)] if kind else own
        return _Response(await self._begin(method, path, sent, body), self._limit)

    @asynccontextmanager
    async def open(
        self, method: str, path: str, headers: Headers, body: bytes
    ) -> AsyncIterator[httpx.Response]:
        """The upstream's response, its body still to be read. Raises as ``send`` does."""
        response = await self._begin(method, path, headers, body)
        try:
            yield response
        finally:
            await response.aclose()

    async def close(self) -> None:
        await self._client.aclose()

    async def _begin(self, method: str, path: str, headers: Headers, body: bytes) -> httpx.Response:
        request = self._client.build_request(
            method,
            self._base + path,
            headers=[*headers, ("accept-encoding", "identity")],
            content=body,
        )
        with _mapped():
            return await self._client.send(request, stream=True)


def passing(headers: Headers) -> list[tuple[str, str]]:
    """The end-to-end headers among these, names in lower case."""
    named = {
        name.strip().lower()
        for key, value in headers
        if key.lower() == "connection"
        for name in value.split(",")
    }
    return [
        (key.lower(), value)
        for key, value in headers
        if key.lower() not in NOT_FORWARDED | named and not key.lower().startswith(OWN_PREFIX)
    ]


@contextmanager
def _mapped() -> Iterator[None]:
    """Httpx's errors as ours. Their messages may hold a URL with a key: none is passed on."""
    try:
        yield
    except httpx.TimeoutException:
        raise UpstreamTimeout("the model's server did not answer in time") from None
    except (httpx.RemoteProtocolError, httpx.DecodingError):
        raise UpstreamMalformed("the model's server did not speak proper HTTP") from None
    except httpx.HTTPError:
        raise UpstreamUnreachable("the model's server cannot be reached") from None
