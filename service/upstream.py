"""The model's client: pool, deadlines, and the only mapping of its errors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

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
OWN_PREFIX: Final = "x-glassgate-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the model's server said: its status, the headers that pass on, the whole body."""

    status: int
    headers: Headers
    body: bytes

    @property
    def streamed(self) -> bool:
        kind = dict(self.headers).get("content-type", "")
        return kind.split(";")[0].strip().lower() == "text/event-stream"


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

    async def send(self, path: str, headers: Headers, body: bytes) -> Answer:
        """Posts JSON and reads the whole answer.

        Raises:
            UpstreamUnreachable: no connection, or it broke off.
            UpstreamTimeout: nothing came in time.
            UpstreamMalformed: more came than an answer may have, or it was no HTTP.
        """
        own = [(name, value) for name, value in passing(headers) if name != "content-type"]
        sent = [*own, ("content-type", "application/json")]
        async with self.open("POST", path, sent, body) as response:
            chunks = bytearray()
            with _mapped():
                async for chunk in response.aiter_bytes():
                    chunks += chunk
                    if len(chunks) > self._limit:
                        raise UpstreamMalformed(f"the answer has more than {self._limit} bytes")
            return Answer(
                status=response.status_code,
                headers=passing(response.headers.multi_items()),
                body=bytes(chunks),
            )

    @asynccontextmanager
    async def open(
        self, method: str, path: str, headers: Headers, body: bytes
    ) -> AsyncIterator[httpx.Response]:
        """The upstream's response, its body still to be read. Raises as ``send`` does."""
        request = self._client.build_request(
            method,
            self._base + path,
            headers=[*headers, ("accept-encoding", "identity")],
            content=body,
        )
        with _mapped():
            response = await self._client.send(request, stream=True)
        try:
            yield response
        finally:
            await response.aclose()

    async def close(self) -> None:
        await self._client.aclose()


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
