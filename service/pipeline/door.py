"""The door: which requests become calls, and how their bodies are taken in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from service.errors import BodyTooLarge, SlowBody, UnknownEndpoint, UnsupportedEncoding
from service.pipeline.caller import Callers
from service.providers.base import Provider
from service.providers.table import find, passes
from service.settings import Settings

NO_ENDPOINT: Final = (
    "this path is not inspected here, so it does not pass; the operator can let it pass with "
    "GLASSGATE_PASS_THROUGH"
)
NO_SOCKET: Final = (
    "a WebSocket (Realtime) is not inspected here, so none is opened; ask over HTTP, streamed if "
    "you like"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A request before its body: method, path and query as on the wire, headers in lower case.

    ``query`` has its question mark, or is empty.
    """

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]

    def header(self, name: str) -> str:
        """A header's first value, or an empty string."""
        return next((value for key, value in self.headers if key == name), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What is let in: endpoints, and bodies within these limits of bytes and seconds.

    ``passing`` are the endpoints that the operator lets pass, beside those of the table.
    """

    passing: frozenset[tuple[str, str]]
    neighbours: Mapping[tuple[str, str], Provider]
    callers: Callers
    body_limit: int
    body_timeout_s: float

    @classmethod
    def of(cls, settings: Settings, neighbours: Mapping[tuple[str, str], Provider]) -> Self:
        """The door that these settings ask for."""
        groups = {key: group for group, keys in settings.key_groups.items() for key in keys}
        return cls(
            passing=frozenset(settings.pass_through),
            neighbours=neighbours,
            callers=Callers(tenant_header=settings.tenant_header.lower(), groups=groups),
            body_limit=settings.body_limit,
            body_timeout_s=settings.body_timeout_s,
        )

    def provider(self, head: Head) -> Provider | None:
        """Who reads this request; None if nobody does."""
        found = find(head.method, head.path, head.query, head.header("content-type"))
        if found is None and not self._passes(head):
            return self.neighbours.get((head.method, head.path))
        return found

    def check(self, head: Head, provider: Provider | None) -> None:
        """Lets in what is read, and what passes as it is. Raises ``UnknownEndpoint``."""
        if head.header("upgrade").lower() == "websocket":
            raise UnknownEndpoint(NO_SOCKET)
        if provider is None and not self._passes(head):
            raise UnknownEndpoint(f"{head.method} on {NO_ENDPOINT}")

    async def body(self, head: Head, chunks: AsyncIterator[bytes]) -> bytes:
        """The whole body, within its limits.

        Raises:
            UnsupportedEncoding: it is compressed.
            BodyTooLarge, SlowBody: it is over a limit.
        """
        if (head.header("content-encoding") or "identity").lower() != "identity":
            raise UnsupportedEncoding("send the body without content-encoding: it is inspected")
        too_large = BodyTooLarge(f"the body has more than {self.body_limit} bytes, the limit here")
        length = head.header("content-length")
        if length.isdigit() and int(length) > self.body_limit:
            raise too_large
        body = bytearray()
        try:
            async with asyncio.timeout(self.body_timeout_s):
                async for chunk in chunks:
                    body += chunk
                    if len(body) > self.body_limit:
                        raise too_large
        except TimeoutError:
            raise SlowBody("the body did not arrive in time") from None
        return bytes(body)

    def _passes(self, head: Head) -> bool:
        endpoint = (head.method, head.path)
        return endpoint in self.passing or passes(*endpoint)
