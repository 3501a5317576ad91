"""The client that fetches: each name is resolved once, and the checked address is connected to."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from ipaddress import ip_address
from typing import Final, cast

import httpcore
import httpx
import structlog

from service.errors import Overloaded
from service.fetch import link as links
from service.fetch.address import Address, may_connect
from service.fetch.link import Link
from service.fetch.rules import MAGIC_BYTES, MANY, NOTHING, SIZE, Kind, NotFetched, Rules

MOST_REDIRECTS: Final = 3
MOST_ADDRESSES: Final = 4
"""Of one name are tried, one after the other. All are checked."""

REACHED: Final = 0.9
"""Part of the first stroke in which a connection has to stand."""

RESOLVERS: Final = 64
"""Threads that ask for names. A question that is given up keeps its thread until the system gives
up as well, so a name server that is slow on purpose needs many to keep others waiting."""

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""A name and a port → the addresses that the name has now. Raises ``OSError`` where it has none."""

_log = structlog.get_logger("glassgate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be fetched: a link as it was written, and what it may lead to."""

    url: str = field(repr=False)
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The bytes that a link led to, and their media type by how they begin."""

    data: bytes = field(repr=False)
    media_type: str


@dataclass(slots=True)
class _Allowance:
    """Of one request: bytes that its parts may still have together, and parts under way."""

    left: int
    begun: int

    def take(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise NotFetched(SIZE, "size")


class Fetcher:
    """Fetches what requests link to, under the operator's rules. One for each event loop.

    No cookies, no credentials, no proxy of the environment, and nothing is decompressed.
    ``resolve`` stands for the system's resolver, ``trust`` for the usual authorities; those of the
    file ``SSL_CERT_FILE`` take their place where that variable is set.
    """

    def __init__(
        self, rules: Rules, resolve: Resolve | None = None, trust: ssl.SSLContext | None = None
    ) -> None:
        self._rules = rules
        self._resolvers = ThreadPoolExecutor(RESOLVERS, thread_name_prefix="resolve")
        self._resolve = resolve or self._ask_system
        self._trust = trust or httpx.create_ssl_context()
        self._network = httpcore.AnyIOBackend()
        self._slots = asyncio.Semaphore(rules.at_once)
        self._begun = 0

    async def fetch(self, wanted: Sequence[Wanted]) -> list[Fetched | NotFetched]:
        """What each of one request's links led to, in their order; a link that repeats, once.

        Raises:
            Overloaded: too many parts wait to be fetched.
        """
        several = list(dict.fromkeys(wanted))
        allowed, others = several[: self._rules.parts], several[self._rules.parts :]
        if self._begun + len(allowed) > self._rules.at_once + self._rules.waiting:
            raise Overloaded("too many linked parts wait to be fetched; try again shortly")
        allowance = _Allowance(self._rules.limit, len(allowed))
        self._begun += len(allowed)
        try:
            got = await asyncio.gather(*(self._one(want, allowance) for want in allowed))
        finally:
            self._begun -= allowance.begun
        outcomes = dict(zip(allowed, got, strict=True))
        outcomes.update(dict.fromkeys(others, NotFetched(MANY, "many")))
        return [outcomes[want] for want in wanted]

    def close(self) -> None:
        """Lets the resolver's threads end."""
        self._resolvers.shutdown(wait=False, cancel_futures=True)

    async def _one(self, want: Wanted, allowance: _Allowance) -> Fetched | NotFetched:
        begun = time.monotonic()
        try:
            link = links.read(want.url, self._rules)
        except NotFetched as failure:  # by its letters alone: nobody was asked, nothing is learnt
            return _noted(failure)
        try:
            async with asyncio.timeout(self._rules.time_s), self._slots:
                return await self._followed(link, want.kind, allowance)
        except NotFetched as failure:
            told = _noted(failure)
        except TimeoutError:
            told = _noted(NotFetched(NOTHING, "time"))
        except Exception as error:  # noqa: BLE001 - whatever a stranger's server provokes
            told = _noted(NotFetched(NOTHING, type(error).__name__))
        finally:
            self._begun -= 1
            allowance.begun -= 1
        await asyncio.sleep(self._to_stroke(time.monotonic() - begun))
        return told

    def _to_stroke(self, spent_s: float) -> float:
        """Seconds until a failure may be told."""
        stroke = self._rules.stroke_s
        return max(0.0, min(stroke - spent_s % stroke, self._rules.time_s - spent_s))

    async def _followed(self, link: Link, kind: Kind, allowance: _Allowance) -> Fetched:
        for _ in range(1 + MOST_REDIRECTS):
            async with self._asked(link) as response:
                if response.status not in REDIRECTS:
                    return await _body(response, kind, allowance)
                location = _headers(response).get("location", b"")
            link = _followed(link, location, self._rules)
        raise NotFetched(NOTHING, "redirects")

    @asynccontextmanager
    async def _asked(self, link: Link) -> AsyncIterator[httpcore.Response]:
        """The head of the answer at a link, its body still to be read."""
        url = httpcore.URL(
            scheme=link.scheme.encode(),
            host=link.host.encode(),
            port=link.port,
            target=link.target.encode(),
        )
        headers: dict[bytes | str, bytes | str] = {
            "Host": link.authority,
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Connection": "close",
            "User-Agent": "Glassgate",
        }
        stream = await self._reached(link)
        connection = httpcore.AsyncHTTP11Connection(origin=url.origin, stream=stream)
        try:
            request = httpcore.Request("GET", url, headers=headers)
            yield await connection.handle_async_request(request)
        finally:
            await connection.aclose()

    async def _reached(self, link: Link) -> httpcore.AsyncNetworkStream:
        """A connection to a checked address of the link's host, secured where it is to be.

        Nothing after this resolves a name.
        """
        try:
            async with asyncio.timeout(self._rules.stroke_s * REACHED):
                stream = await self._connected(await self._addresses(link), link.port)
                return await self._secured(stream, link)
        except TimeoutError:
            raise NotFetched(NOTHING, "connection") from None

    async def _addresses(self, link: Link) -> list[Address]:
        """The addresses of the link's host: one that is forbidden forbids them all."""
        found: list[Address] = [link.address] if link.address else []
        if not found:
            try:
                names = await self._resolve(link.host, link.port)
            except (OSError, UnicodeError):
                raise NotFetched(NOTHING, "name") from None
            found = list(dict.fromkeys(ip_address(name) for name in names))
        if not found:
            raise NotFetched(NOTHING, "name")
        if not all(may_connect(address, self._rules.networks) for address in found):
            raise NotFetched(NOTHING, "address")
        return found[:MOST_ADDRESSES]

    async def _connected(
        self, addresses: Sequence[Address], port: int
    ) -> httpcore.AsyncNetworkStream:
        share_s = self._rules.stroke_s * REACHED / len(addresses)
        for address in addresses:
            try:
                return await self._network.connect_tcp(str(address), port, timeout=share_s)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        raise NotFetched(NOTHING, "connection")

    async def _secured(
        self, stream: httpcore.AsyncNetworkStream, link: Link
    ) -> httpcore.AsyncNetworkStream:
        if link.scheme != "https":
            return stream
        try:
            return await stream.start_tls(self._trust, server_hostname=link.host)
        except (httpcore.ConnectError, httpcore.ConnectTimeout):
            raise NotFetched(NOTHING, "tls") from None
        except asyncio.CancelledError:
            await stream.aclose()
            raise

    async def _ask_system(self, host: str, port: int) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._resolvers, partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        )
        return [str(entry[4][0]) for entry in found]


def _noted(failure: NotFetched) -> NotFetched:
    _log.info("not fetched", why=failure.why)
    return failure


def _followed(link: Link, location: bytes, rules: Rules) -> Link:
    """Where a redirect leads. What is wrong with it is not told: it is the server's secret."""
    try:
        return links.follow(link, location, rules)
    except NotFetched as failure:
        raise NotFetched(NOTHING, failure.why) from None


async def _body(response: httpcore.Response, kind: Kind, allowance: _Allowance) -> Fetched:
    """The body, if it is what the link may lead to; one that is not is left where it is."""
    if response.status != HTTPStatus.OK:
        raise NotFetched(NOTHING, "status")
    headers = _headers(response)
    if headers.get("content-encoding", b"identity").lower() != b"identity":
        raise NotFetched(NOTHING, "encoding")
    declared = headers.get("content-type", b"application/octet-stream").decode("latin-1")
    if not kind.declared.fullmatch(declared.partition(";")[0].strip().lower()):
        raise NotFetched(NOTHING, "type")
    data = bytearray()
    async with aclosing(cast("AsyncGenerator[bytes, None]", response.aiter_stream())) as chunks:
        async for chunk in chunks:
            data += chunk
            if len(data) >= MAGIC_BYTES and kind.media_type(data) is None:
                break
            allowance.take(len(chunk))
    media_type = kind.media_type(data)
    if media_type is None:
        raise NotFetched(NOTHING, "type")
    return Fetched(data=bytes(data), media_type=media_type)


def _headers(response: httpcore.Response) -> dict[str, bytes]:
    """The headers by their names in lower case; of one that repeats, the last."""
    return {name.decode("latin-1").lower(): value for name, value in response.headers}
