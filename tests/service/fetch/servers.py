"""Servers of these tests: real sockets that count who connects and say what they are told to."""

from __future__ import annotations

import asyncio
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from service.fetch.client import Fetched, Fetcher, Resolve, Wanted
from service.fetch.rules import PICTURE, Kind, NotFetched, Rules
from tests.pictures import photo, png

PIXELS = png(photo(1, (8, 8)))

Answer = Callable[[socket.socket, bytes], None]


class Server(socketserver.ThreadingTCPServer):
    """Counts its connections, keeps the heads of its requests, and answers each in a thread."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, answer: Answer, place: tuple[str, int], tls: ssl.SSLContext | None) -> None:
        self.address_family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
        self.connections = 0
        self.heads: list[str] = []
        self.names: list[str | None] = []
        self._answer = answer
        self._tls = tls
        if tls:
            tls.sni_callback = lambda _, name, __: self.names.append(name)
        super().__init__(place, socketserver.BaseRequestHandler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        super().server_bind()

    def verify_request(self, *_: Any) -> bool:  # noqa: ANN401 - as the base class has it
        self.connections += 1
        return True

    def finish_request(self, request: Any, _: Any) -> None:  # noqa: ANN401 - as the base class has it
        request.settimeout(20)
        with suppress(OSError):
            wire = self._tls.wrap_socket(request, server_side=True) if self._tls else request
            with wire:
                head = b""
                while b"\r\n\r\n" not in head and (more := wire.recv(65536)):
                    head += more
                self.heads.append(head.decode("latin-1"))
                self._answer(wire, head)


@contextmanager
def serving(
    answer: Answer, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> Iterator[Server]:
    """Serves until the end of the block."""
    with Server(answer, (host, port), tls) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def page(
    body: bytes = PIXELS, status: str = "200 OK", kind: str = "image/png", **headers: str
) -> bytes:
    """An answer on the wire; underscores in names of headers stand for hyphens."""
    named = {"content-length": str(len(body)), "content-type": kind}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode("latin-1") + body


def saying(raw: bytes) -> Answer:
    """Says the same to everybody."""
    return lambda wire, _: wire.sendall(raw)


def told(names: dict[str, list[str]]) -> Resolve:
    """A resolver that knows these names; each has an address, or several."""

    async def resolve(host: str, _: int) -> Sequence[str]:
        if host not in names:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return names[host]

    return resolve


def fetch(
    urls: Sequence[str],
    rules: Rules,
    resolve: Resolve | None = None,
    trust: ssl.SSLContext | None = None,
    kind: Kind = PICTURE,
) -> list[Fetched | NotFetched]:
    """What one request's links led to."""

    async def work() -> list[Fetched | NotFetched]:
        nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # quicker than reading all authorities
        fetcher = Fetcher(rules, resolve, trust or nobody)
        try:
            return await fetcher.fetch([Wanted(url=url, kind=kind) for url in urls])
        finally:
            fetcher.close()

    return asyncio.run(work())


def why(outcome: Fetched | NotFetched) -> str:
    """Why nothing was fetched, empty if something was."""
    return outcome.why if isinstance(outcome, NotFetched) else ""
