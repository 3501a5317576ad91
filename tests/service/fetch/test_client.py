"""What a server may do to the gate that fetches from it: nothing beyond the limits."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import ssl
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from ipaddress import ip_network
from socket import socket
from typing import Any

import pytest

from detectors.media.formats import FORMATS
from service.errors import Overloaded
from service.fetch.client import Fetched, Fetcher, Wanted
from service.fetch.rules import DOCUMENT, MANY, NOTHING, PICTURE, SIZE, NotFetched, Rules
from tests.pictures import encoded, photo
from tests.service.fetch.servers import PIXELS, Answer, Server, fetch, page, saying, serving, why

LIMIT = 100_000
TIME_S = 4.0


def rules(*servers: Server, **others: Any) -> Rules:  # noqa: ANN401 - of several types
    limits: dict[str, Any] = {"limit": LIMIT, "time_s": 8.0, "stroke_s": 2.0, **others}
    return Rules(
        schemes=frozenset({"http"}),
        ports=frozenset(server.port for server in servers),
        networks=(ip_network("127.0.0.0/8"),),
        **limits,
    )


def at(server: Server, path: str = "/a.png") -> str:
    return f"http://127.0.0.1:{server.port}{path}"


@pytest.mark.parametrize(
    ("kind", "begins"),
    [
        ("image/png", PIXELS),
        ("image/jpg", PIXELS),
        ("image/png; charset=binary", PIXELS),
        ("IMAGE/PNG", PIXELS),
        ("application/octet-stream", PIXELS),
        ("binary/octet-stream", PIXELS),
    ],
)
def test_a_picture_is_what_its_bytes_say(kind: str, begins: bytes) -> None:
    with serving(saying(page(begins, kind=kind))) as server:
        (got,) = fetch([at(server)], rules(server))
    assert got == Fetched(data=begins, media_type="image/png")


def test_every_kind_of_picture_that_is_inspected_is_fetched() -> None:
    files = {name: encoded(photo(1, (9, 9)), name) for name in FORMATS}
    for name, data in files.items():
        assert PICTURE.media_type(data) == FORMATS[name].media_type
    assert PICTURE.media_type(b"%PDF-1.7") is None
    assert DOCUMENT.media_type(b"%PDF-1.7") == "application/pdf"


def test_the_server_is_asked_as_by_a_stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cookie that it set, no credentials, no proxy, nothing to decompress."""
    with (
        serving(saying(page(set_cookie="seen=1"))) as server,
        serving(saying(page())) as proxy,
    ):
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        fetch([at(server), at(server, "/b?c=d#e")], replace(rules(server), at_once=1))
    assert proxy.connections == 0
    assert [head.partition("\r\n")[0] for head in server.heads] == [
        "GET /a.png HTTP/1.1",
        "GET /b?c=d HTTP/1.1",
    ]
    for head in server.heads:
        names = [line.partition(":")[0].lower() for line in head.split("\r\n")[1:] if line]
        assert sorted(names) == ["accept", "accept-encoding", "connection", "host", "user-agent"]
        assert f"Host: 127.0.0.1:{server.port}\r\n" in head
        assert "Accept-Encoding: identity\r\n" in head


def endless(wire: socket, _: bytes) -> None:
    wire.sendall(page(b"", content_length="999999999999") + PIXELS)
    with suppress(OSError):
        while True:
            wire.sendall(bytes(65536))


def unmeasured(wire: socket, _: bytes) -> None:
    wire.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n\r\n" + PIXELS)
    with suppress(OSError):
        while True:
            wire.sendall(bytes(65536))


def endless_chunks(wire: socket, _: bytes) -> None:
    wire.sendall(
        b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    wire.sendall(b"%x\r\n%b\r\n" % (len(PIXELS), PIXELS))
    with suppress(OSError):
        while True:
            wire.sendall(b"1000\r\n" + bytes(4096) + b"\r\n")


def drip(wire: socket, _: bytes) -> None:
    wire.sendall(page(b"", content_length="4000"))
    with suppress(OSError):
        for byte in itertools.chain(PIXELS, itertools.repeat(0)):
            wire.sendall(bytes([byte]))
            time.sleep(0.05)


def silent(wire: socket, _: bytes) -> None:
    with suppress(OSError):
        wire.recv(1)


def slow_head(wire: socket, _: bytes) -> None:
    with suppress(OSError):
        for byte in itertools.cycle(b"x-a: b\r\n"):
            wire.sendall(bytes([byte]))
            time.sleep(0.01)


def long_head(wire: socket, _: bytes) -> None:
    wire.sendall(b"HTTP/1.1 200 OK\r\n")
    with suppress(OSError):
        while True:
            wire.sendall(b"x-a: %b\r\n" % (b"b" * 1000))


def continues(wire: socket, _: bytes) -> None:
    with suppress(OSError):
        while True:
            wire.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100)
            time.sleep(0.01)


def webpage(wire: socket, _: bytes) -> None:
    """Says that it is a picture, and never ends: it must be left after its first bytes."""
    wire.sendall(page(b"", content_length="99999") + b"<!doctype html><p>hello")
    with suppress(OSError):
        wire.recv(1)


BOMB = gzip.compress(bytes(50_000_000))
SERVERS: dict[str, tuple[Answer, str, str]] = {
    "a body without end": (endless, "size", SIZE),
    "a body without end or measure": (unmeasured, "size", SIZE),
    "chunks without end": (endless_chunks, "size", SIZE),
    "one byte over": (saying(page(PIXELS.ljust(LIMIT + 1))), "size", SIZE),
    "drips": (drip, "time", NOTHING),
    "says nothing": (silent, "time", NOTHING),
    "a slow head": (slow_head, "time", NOTHING),
    "a long head": (long_head, "RemoteProtocolError", NOTHING),
    "hints without end": (continues, "time", NOTHING),
    "a page": (saying(page(b"<html>", kind="text/html")), "type", NOTHING),
    "a page that says it is a picture": (webpage, "type", NOTHING),
    "a drawing": (saying(page(b"<svg/>", kind="image/svg+xml")), "type", NOTHING),
    "a picture that says it is a page": (saying(page(kind="text/html")), "type", NOTHING),
    "a document": (saying(page(b"%PDF-1.7" + bytes(99))), "type", NOTHING),
    "nothing": (saying(page(b"")), "type", NOTHING),
    "less than a beginning": (saying(page(PIXELS[:7])), "type", NOTHING),
    "a bomb": (saying(page(BOMB[:LIMIT], content_encoding="gzip")), "encoding", NOTHING),
    "a bomb in its transfer": (
        saying(page(BOMB[:LIMIT], transfer_encoding="gzip, chunked")),
        "RemoteProtocolError",
        NOTHING,
    ),
    "cut off": (saying(page(content_length="99999")), "RemoteProtocolError", NOTHING),
    "not there": (saying(page(status="404 Not Found")), "status", NOTHING),
    "part of it": (saying(page(status="206 Partial Content")), "status", NOTHING),
    "no HTTP": (saying(b"SSH-2.0-x\r\n"), "RemoteProtocolError", NOTHING),
    "two lengths": (
        saying(page().replace(b"\r\n", b"\r\ncontent-length: 7\r\n", 1)),
        "RemoteProtocolError",
        NOTHING,
    ),
    "hangs up": (lambda wire, _: wire.close(), "RemoteProtocolError", NOTHING),
    "switches to another protocol": (
        saying(b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nx"),
        "RemoteProtocolError",
        NOTHING,
    ),
}


@pytest.fixture(scope="module")
def outcomes() -> dict[str, tuple[Fetched | NotFetched, float]]:
    """What came of each of these servers, and in how many seconds: of all of them at once."""

    async def one(fetcher: Fetcher, url: str) -> tuple[Fetched | NotFetched, float]:
        begun = time.monotonic()
        (outcome,) = await fetcher.fetch([Wanted(url=url, kind=PICTURE)])
        return outcome, time.monotonic() - begun

    async def work(*servers: Server) -> list[tuple[Fetched | NotFetched, float]]:
        limits = rules(*servers, at_once=len(servers), time_s=TIME_S, stroke_s=TIME_S)
        fetcher = Fetcher(limits, trust=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        try:
            return await asyncio.gather(*(one(fetcher, at(server)) for server in servers))
        finally:
            fetcher.close()

    with ExitStack() as stack:
        servers = [stack.enter_context(serving(answer)) for answer, _, _ in SERVERS.values()]
        return dict(zip(SERVERS, asyncio.run(work(*servers)), strict=True))


@pytest.mark.parametrize("name", SERVERS)
def test_whatever_a_server_does_is_a_gap_within_the_limits(
    outcomes: dict[str, tuple[Fetched | NotFetched, float]], name: str
) -> None:
    _, cause, reason = SERVERS[name]
    outcome, spent_s = outcomes[name]
    assert isinstance(outcome, NotFetched)
    assert (outcome.why, outcome.reason) == (cause, reason)
    assert spent_s < 2 * TIME_S


def test_the_largest_that_may_be_fetched_is_fetched() -> None:
    largest = PIXELS.ljust(LIMIT, b"\0")
    with serving(saying(page(largest))) as server:
        (got,) = fetch([at(server)], rules(server))
    assert isinstance(got, Fetched)
    assert got.data == largest


def test_three_redirects_are_followed_and_no_more() -> None:
    def hops(wire: socket, head: bytes) -> None:
        path = head.split()[1].decode()
        if path == "/nowhere":
            wire.sendall(page(b"", "301 Moved"))
        elif path == "/0":
            wire.sendall(page())
        else:
            there = path if path == "/itself" else f"/{int(path[1:]) - 1}"
            wire.sendall(page(b"", "307 Go on", location=there))

    causes = {
        "/0": "",
        "/3": "",
        "/4": "redirects",
        "/itself": "redirects",
        "/nowhere": "redirects",
    }
    with serving(hops) as server:
        got = fetch([at(server, path) for path in causes], rules(server, time_s=30.0, stroke_s=5.0))
    assert [why(each) for each in got] == list(causes.values())


def test_the_parts_of_a_request_share_its_bytes() -> None:
    half = PIXELS.ljust(LIMIT // 2)
    with serving(saying(page(half))) as server:
        got = fetch([at(server, f"/{number}") for number in range(3)], rules(server))
    assert sorted(why(each) for each in got) == ["", "", "size"]


def test_a_link_that_repeats_is_fetched_once_and_too_many_are_not() -> None:
    with serving(saying(page())) as server:
        urls = [at(server, f"/{number}") for number in (1, 2, 1, 3, 4, 2)]
        got = fetch(urls, rules(server, parts=3))
    assert [why(each) for each in got] == ["", "", "", "", "many", ""]
    assert isinstance(got[4], NotFetched)
    assert got[4].reason == MANY
    assert server.connections == 3


def test_a_worker_fetches_so_many_at_once() -> None:
    now = [0]
    most = [0]

    def counted(wire: socket, _: bytes) -> None:
        now[0] += 1
        most[0] = max(most[0], now[0])
        time.sleep(0.1)
        now[0] -= 1
        wire.sendall(page())

    with serving(counted) as server:
        urls = [at(server, f"/{number}") for number in range(6)]
        got = fetch(urls, rules(server, at_once=2))
    assert [why(each) for each in got] == [""] * 6
    assert most[0] <= 2


def test_a_queue_that_is_full_says_so_at_once() -> None:
    async def work(server: Server) -> None:
        limits = rules(server, at_once=1, waiting=1, time_s=1.0, stroke_s=0.2)
        fetcher = Fetcher(limits, trust=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        two = [Wanted(url=at(server, path), kind=PICTURE) for path in ("/1", "/2")]
        first = asyncio.ensure_future(fetcher.fetch(two))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match="try again"):
            await fetcher.fetch(two[:1])
        for got in (*await first, *await fetcher.fetch(two[:1])):
            assert isinstance(got, NotFetched)
        fetcher.close()

    with serving(silent) as server:
        asyncio.run(work(server))


def test_a_client_that_goes_away_ends_the_fetch() -> None:
    begun, ended = threading.Event(), threading.Event()

    def waits(wire: socket, _: bytes) -> None:
        begun.set()
        if wire.recv(1) == b"":
            ended.set()

    async def work(server: Server) -> None:
        fetcher = Fetcher(rules(server), trust=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        fetching = asyncio.ensure_future(fetcher.fetch([Wanted(url=at(server), kind=PICTURE)]))
        await asyncio.to_thread(begun.wait, 10)
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        fetcher.close()

    with serving(waits) as server:
        asyncio.run(work(server))
        assert ended.wait(10)


def test_a_name_with_a_dead_address_is_reached_at_its_next() -> None:
    async def both(_: str, __: int) -> list[str]:
        return ["127.0.0.9", "127.0.0.1"]

    with serving(saying(page())) as server:
        (got,) = fetch([f"http://two.test:{server.port}/"], rules(server), both)
    assert why(got) == ""


def test_a_resolver_that_hangs_or_lies_is_no_connection() -> None:
    async def hangs(_: str, __: int) -> list[str]:
        await asyncio.sleep(60)
        return []

    async def lies(_: str, __: int) -> list[str]:
        return ["not an address"]

    limits = Rules(time_s=2.0, stroke_s=0.5)
    assert [why(each) for each in fetch(["https://a.test/"], limits, hangs)] == ["connection"]
    assert [why(each) for each in fetch(["https://a.test/"], limits, lies)] == ["ValueError"]
