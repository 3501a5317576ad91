"""Over TLS: the name is that of the link, and the address is the one that was checked."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvloop

from service.fetch.client import Fetched, Fetcher, Wanted
from service.fetch.rules import NOTHING, PICTURE, NotFetched, Rules
from tests.service.fetch.servers import (
    PIXELS,
    Server,
    fetch,
    page,
    saying,
    serving,
    told,
    why,
)

NAME = "media.test"
BELOW = {NAME: ["127.0.0.1"], "other.test": ["127.0.0.1"], "front.test": ["127.0.0.1"]}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_side(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def client_side(*authorities: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for authority in authorities:
        authority.configure_trust(context)
    return context


def rules(*servers: Server, **others: Any) -> Rules:  # noqa: ANN401 - of several types
    return Rules(
        ports=frozenset({server.port for server in servers}),
        networks=(ip_network("127.0.0.1/32"),),
        **{"time_s": 8.0, "stroke_s": 4.0, **others},
    )


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_picture_is_fetched_by_its_name_from_the_address_that_was_checked(
    authority: trustme.CA, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def work(server: Server) -> list[Fetched | NotFetched]:
        fetcher = Fetcher(rules(server), told(BELOW), client_side(authority))
        url = f"https://{NAME}:{server.port}/a.png"
        try:
            return await fetcher.fetch([Wanted(url=url, kind=PICTURE)])
        finally:
            fetcher.close()

    with (
        serving(saying(page()), tls=server_side(authority, NAME)) as server,
        asyncio.Runner(loop_factory=loop) as runner,
    ):
        assert runner.run(work(server)) == [Fetched(data=PIXELS, media_type="image/png")]
    assert server.names == [NAME]
    assert f"\r\nHost: {NAME}:{server.port}\r\n" in server.heads[0]


def test_an_international_name_is_asked_for_in_ascii(authority: trustme.CA) -> None:
    ascii_name = "xn--bcher-kva.test"
    with serving(saying(page()), tls=server_side(authority, ascii_name)) as server:
        url = f"https://B\u00fccher.test:{server.port}/"
        names = told({ascii_name: ["127.0.0.1"]})
        (got,) = fetch([url], rules(server), names, client_side(authority))
    assert why(got) == ""
    assert server.names == [ascii_name]


def test_an_address_needs_a_certificate_of_its_own(authority: trustme.CA) -> None:
    with (
        serving(saying(page()), tls=server_side(authority, "127.0.0.1")) as own,
        serving(saying(page()), tls=server_side(authority, NAME)) as named,
    ):
        urls = [f"https://127.0.0.1:{server.port}/" for server in (own, named)]
        got = fetch(urls, rules(own, named, stroke_s=2.0), trust=client_side(authority))
    assert [why(each) for each in got] == ["", "tls"]


def test_a_wrong_or_untrusted_certificate_is_no_connection(authority: trustme.CA) -> None:
    """No request is sent, and the client hears what it hears of a closed port."""
    with (
        serving(saying(page()), tls=server_side(authority, "other.test")) as wrong,
        serving(saying(page()), tls=server_side(trustme.CA(), NAME)) as unknown,
    ):
        servers = (wrong, unknown)
        urls = [f"https://{NAME}:{server.port}/" for server in servers]
        limits = rules(*servers, stroke_s=2.0)
        got = fetch(urls, limits, told(BELOW), client_side(authority))
    assert [why(each) for each in got] == ["tls", "tls"]
    assert {each.reason for each in got if isinstance(each, NotFetched)} == {NOTHING}
    assert wrong.heads == unknown.heads == []


def test_a_server_that_never_shakes_hands_is_given_up(authority: trustme.CA) -> None:
    def silent(wire: Any, _: bytes) -> None:  # noqa: ANN401 - a socket
        wire.recv(1)

    with serving(silent) as server:
        limits = rules(server, stroke_s=0.5)
        url = f"https://{NAME}:{server.port}/"
        (got,) = fetch([url], limits, told(BELOW), client_side(authority))
    assert why(got) == "connection"


def test_a_redirect_is_shown_to_its_own_name(authority: trustme.CA) -> None:
    with serving(saying(page()), tls=server_side(authority, NAME)) as server:
        there = f"https://{NAME}:{server.port}/b.png"
        onward = saying(page(b"", "308 Moved", location=there, set_cookie="a=b"))
        with serving(onward, tls=server_side(authority, "front.test")) as front:
            url = f"https://front.test:{front.port}/"
            limits = rules(server, front)
            (got,) = fetch([url], limits, told(BELOW), client_side(authority))
    assert why(got) == ""
    assert (front.names, server.names) == (["front.test"], [NAME])
    assert "cookie" not in server.heads[0].lower()


def test_an_operator_adds_authorities_by_the_usual_variable(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "authorities.pem"
    authority.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))

    async def work(server: Server) -> list[Fetched | NotFetched]:
        fetcher = Fetcher(rules(server), told(BELOW))
        url = f"https://{NAME}:{server.port}/"
        try:
            return await fetcher.fetch([Wanted(url=url, kind=PICTURE)])
        finally:
            fetcher.close()

    with serving(saying(page()), tls=server_side(authority, NAME)) as server:
        assert [why(each) for each in asyncio.run(work(server))] == [""]
