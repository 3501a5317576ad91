"""No link, whatever its spelling, its name or its redirects, leads to an address that is forbidden.

Listeners on every address of this machine count who connects: nobody may.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from socket import socket

import pytest

from service.fetch.rules import NOTHING, NotFetched, Rules
from tests.service.fetch.names import Zone
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

FRONT = "127.0.0.2"  # stands for the public internet here
NAMES = {
    "loopback.test": ["127.0.0.1"],
    "loopback6.test": ["::1"],
    "mapped.test": ["::ffff:127.0.0.1"],
    "compatible.test": ["::127.0.0.1"],
    "any.test": ["0.0.0.0"],
    "any6.test": ["::"],
    "private.test": ["10.0.0.1"],
    "carrier.test": ["100.64.0.1"],
    "link.test": ["169.254.10.10"],
    "link6.test": ["fe80::1%lo"],
    "metadata.test": ["169.254.169.254"],
    "metadata6.test": ["fd00:ec2::254"],
    "nat64.test": ["64:ff9b::7f00:1"],
    "sixtofour.test": ["2002:7f00:1::"],
    "teredo.test": ["2001:0:4136:e378:8000:63bf:80ff:fffe"],
    "broadcast.test": ["255.255.255.255"],
    "multicast.test": ["ff02::1"],
    "mixed.test": [FRONT, "127.0.0.1"],
    "mixed6.test": [FRONT, "::1"],
    "many.test": [FRONT] * 9 + ["127.0.0.1"],
    "front.test": [FRONT],
    "empty.test": [],
    # What a resolver makes of numbers that the C library knows: here it must not be asked.
    "127.1": ["127.0.0.1"],
    "0x7f000001": ["127.0.0.1"],
}

# A link, in which {port} is a port at which something listens, and why it is not followed.
HOSTILE = {
    # an address as it is usually written
    "http://127.0.0.1:{port}/": "address",
    "http://127.0.0.1:{port}/a.png?x=1#y": "address",
    "http://127.8.8.8:{port}/": "address",
    "http://0.0.0.0:{port}/": "address",
    "http://10.0.0.1:{port}/": "address",
    "http://172.16.0.1:{port}/": "address",
    "http://192.168.0.1:{port}/": "address",
    "http://100.64.0.1:{port}/": "address",
    "http://169.254.169.254/latest/meta-data/": "address",
    "http://169.254.170.2/v2/credentials": "address",
    "http://100.100.100.200/latest/meta-data/": "address",
    "http://168.63.129.16/machine": "address",
    "http://192.0.0.192/opc/v2/": "address",
    "http://224.0.0.1:{port}/": "address",
    "http://255.255.255.255:{port}/": "address",
    # IPv6, plain and with an IPv4 address inside
    "http://[::1]:{port}/": "address",
    "http://[::]:{port}/": "address",
    "http://[0:0:0:0:0:0:0:1]:{port}/": "address",
    "http://[::ffff:127.0.0.1]:{port}/": "address",
    "http://[::ffff:7f00:1]:{port}/": "address",
    "http://[::ffff:0:127.0.0.1]:{port}/": "address",
    "http://[::127.0.0.1]:{port}/": "address",
    "http://[64:ff9b::127.0.0.1]:{port}/": "address",
    "http://[64:ff9b:1::7f00:1]:{port}/": "address",
    "http://[2002:7f00:0001::]:{port}/": "address",
    "http://[2001:0:4136:e378:8000:63bf:80ff:fffe]:{port}/": "address",
    "http://[fe80::1]:{port}/": "address",
    "http://[fd00:ec2::254]/latest/meta-data/": "address",
    "http://[fd20:ce::254]/": "address",
    "http://[fc00::1]:{port}/": "address",
    "http://[ff02::1]:{port}/": "address",
    "http://[::1%25lo]:{port}/": "malformed",
    "http://[fe80::1%25eth0]:{port}/": "malformed",
    "http://[::1]x:{port}/": "malformed",
    "http://x[::1]:{port}/": "malformed",
    "http://[v1.127.0.0.1]:{port}/": "malformed",
    "http://[127.0.0.1]:{port}/": "malformed",
    "http://::1:{port}/": "malformed",
    # IPv4 as C libraries read it
    "http://2130706433:{port}/": "malformed",
    "http://0x7f000001:{port}/": "malformed",
    "http://0x7f.0.0.1:{port}/": "malformed",
    "http://0x7F.1:{port}/": "malformed",
    "http://017700000001:{port}/": "malformed",
    "http://0177.0.0.1:{port}/": "malformed",
    "http://127.0.0.01:{port}/": "malformed",
    "http://127.1:{port}/": "malformed",
    "http://127.0.1:{port}/": "malformed",
    "http://0:{port}/": "malformed",
    "http://127.0.0.1.:{port}/": "malformed",
    "http://127.0.0.256:{port}/": "malformed",
    "http://4294967295127.0.0.1:{port}/": "malformed",
    "http://127.0.0.1.0x1:{port}/": "malformed",
    # letters that look like or fold to others
    "http://127\u30020\u30020\u30021:{port}/": "address",
    "http://\uff11\uff12\uff17.0.0.1:{port}/": "malformed",
    "http://\u2460\u2461\u2466.0.0.1:{port}/": "malformed",
    "http://\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3:{port}/": "malformed",
    "http://loc\u00adalhost:{port}/": "malformed",
    "http://local\u200bhost:{port}/": "malformed",
    "http://127%2e0%2e0%2e1:{port}/": "malformed",
    "http://%6c%6f%63%61%6c%68%6f%73%74:{port}/": "malformed",
    # names
    "http://localhost:{port}/": "address",
    "http://LOCALHOST:{port}/": "address",
    "http://localhost.:{port}/": "malformed",
    "http://loopback.test:{port}/": "address",
    "http://loopback6.test:{port}/": "address",
    "http://mapped.test:{port}/": "address",
    "http://compatible.test:{port}/": "address",
    "http://any.test:{port}/": "address",
    "http://any6.test:{port}/": "address",
    "http://private.test:{port}/": "address",
    "http://carrier.test:{port}/": "address",
    "http://link.test:{port}/": "address",
    "http://link6.test:{port}/": "address",
    "http://metadata.test/": "address",
    "http://metadata6.test/": "address",
    "http://nat64.test:{port}/": "address",
    "http://sixtofour.test:{port}/": "address",
    "http://teredo.test:{port}/": "address",
    "http://broadcast.test:{port}/": "address",
    "http://multicast.test:{port}/": "address",
    "http://mixed.test:{port}/": "address",
    "http://mixed6.test:{port}/": "address",
    "http://many.test:{port}/": "address",
    "http://empty.test:{port}/": "name",
    "http://nowhere.test:{port}/": "name",
    # what parsers disagree about
    "http://front.test@127.0.0.1:{port}/": "malformed",
    "http://127.0.0.1:{port}@front.test/": "malformed",
    "http://user:word@127.0.0.1:{port}/": "malformed",
    "http://@127.0.0.1:{port}/": "malformed",
    "http://front.test\\@127.0.0.1:{port}/": "malformed",
    "http://127.0.0.1:{port}\\@front.test/": "malformed",
    "http:\\\\127.0.0.1:{port}\\": "malformed",
    "http://front.test#@127.0.0.1:{port}/": "connection",
    "http://front.test?@127.0.0.1:{port}/": "connection",
    "http://front.test;@127.0.0.1:{port}/": "malformed",
    "http://front.test&@127.0.0.1:{port}/": "malformed",
    "http://front.test:80:{port}/": "malformed",
    "http://front.test:80@127.0.0.1:{port}/": "malformed",
    "http://front.test\t@127.0.0.1:{port}/": "malformed",
    "http://127.0.0.1\t:{port}/": "malformed",
    "ht\ntp://127.0.0.1:{port}/": "malformed",
    "http://127.0.0.1:{port}/\r\nHost: front.test": "malformed",
    "http://127.0.0.1:{port}/ HTTP/1.1": "malformed",
    "\u00a0http://127.0.0.1:{port}/": "malformed",
    " http://127.0.0.1:{port}/": "malformed",
    "http://127.0.0.1\x00.front.test:{port}/": "malformed",
    "http:///127.0.0.1:{port}/": "malformed",
    "http:127.0.0.1:{port}/": "malformed",
    "http:/127.0.0.1:{port}/": "malformed",
    "//127.0.0.1:{port}/": "scheme",
    "127.0.0.1:{port}": "scheme",
    # other schemes and ports
    "https://127.0.0.1:{port}/": "address",
    "ftp://127.0.0.1:{port}/": "scheme",
    "gopher://127.0.0.1:{port}/_x": "scheme",
    "file:///etc/passwd": "scheme",
    "file://127.0.0.1:{port}/x": "scheme",
    "ws://127.0.0.1:{port}/": "scheme",
    "unix:///run/x.sock": "scheme",
    "jar:http://127.0.0.1:{port}/!/": "scheme",
    "view-source:http://127.0.0.1:{port}/": "scheme",
    "http://front.test:22/": "port",
    "http://front.test:0/": "port",
    "http://front.test:65536/": "port",
    "http://front.test:99999999/": "malformed",
    "http://front.test:+80/": "malformed",
    "http://front.test:\uff18\uff10/": "malformed",
    "": "scheme",
    "http://": "malformed",
}


class Trap:
    """Listens on one port of every address of this machine."""

    def __init__(self, four: Server, six: Server) -> None:
        self.port = four.port
        self._servers = (four, six)

    @property
    def connections(self) -> int:
        return sum(server.connections for server in self._servers)


@pytest.fixture(scope="module")
def trap() -> Iterator[Trap]:
    answer = saying(page())
    with serving(answer, "0.0.0.0") as four, serving(answer, "::", four.port) as six:
        yield Trap(four, six)


def opened(*ports: int) -> Rules:
    """The widest rules that an operator might write, with the front let in."""
    return Rules(
        schemes=frozenset({"http", "https"}),
        ports=frozenset({80, 443, *ports}),
        networks=(ip_network(f"{FRONT}/32"),),
        parts=len(HOSTILE),
        at_once=len(HOSTILE),
        waiting=0,
        stroke_s=2,
    )


@pytest.fixture(scope="module")
def outcomes(trap: Trap) -> dict[str, object]:
    urls = [url.replace("{port}", str(trap.port)) for url in HOSTILE]
    names = NAMES | {"localhost": ["127.0.0.1", "::1"]}
    return dict(zip(HOSTILE, fetch(urls, opened(trap.port), told(names)), strict=True))


def test_there_are_many_of_them() -> None:
    assert len(HOSTILE) >= 60


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_link_is_not_followed(outcomes: dict[str, object], url: str) -> None:
    outcome = outcomes[url]
    assert isinstance(outcome, NotFetched)
    assert outcome.why == HOSTILE[url]
    assert outcome.reason == str(outcome)
    assert "test" not in f"{outcome.why} {outcome.reason}"


def test_nobody_connected(outcomes: dict[str, object], trap: Trap) -> None:
    assert len(outcomes) == len(HOSTILE)
    time.sleep(0.1)
    assert trap.connections == 0


def test_the_trap_counts(trap: Trap) -> None:
    """The same listener, opened by the operator: without this, no count above would mean much."""
    before = trap.connections
    rules = Rules(
        schemes=frozenset({"http"}),
        ports=frozenset({trap.port}),
        networks=(ip_network("127.0.0.1/32"), ip_network("::1/128")),
    )
    urls = [f"http://127.0.0.1:{trap.port}/", f"http://[::1]:{trap.port}/"]
    assert [why(outcome) for outcome in fetch(urls, rules)] == ["", ""]
    assert trap.connections == before + 2


def test_the_systems_own_resolver_is_checked_too(trap: Trap) -> None:
    before = trap.connections
    (outcome,) = fetch([f"http://localhost:{trap.port}/"], opened(trap.port))
    assert why(outcome) == "address"
    assert trap.connections == before


REDIRECTS = {
    "http://127.0.0.1:{port}/": "address",
    "http://[::1]:{port}/": "address",
    "http://[::ffff:127.0.0.1]:{port}/": "address",
    "//127.0.0.1:{port}/": "address",
    "\\\\127.0.0.1:{port}/": "malformed",
    "http://127.1:{port}/": "malformed",
    "http://2130706433:{port}/": "malformed",
    "http://front.test@127.0.0.1:{port}/": "malformed",
    "http://127.0.0.1:{port}/ x": "malformed",
    "\thttp://127.0.0.1:{port}/": "address",
    "http://127.0.0\t.1:{port}/": "malformed",
    "http://metadata.test/": "address",
    "http://169.254.169.254/": "address",
    "http://loopback.test:{port}/": "address",
    "file:///etc/passwd": "scheme",
    "gopher://127.0.0.1:{port}/": "scheme",
    "http://front.test:22/": "port",
    "http://127.0.0.1:{port}/\xff": "malformed",
    "": "redirects",
}


def test_no_redirect_leads_there(trap: Trap) -> None:
    """A front that may be asked sends on to what may not."""
    before = trap.connections
    places = [location.replace("{port}", str(trap.port)) for location in REDIRECTS]

    def sends_on(wire: socket, head: bytes) -> None:
        place = places[int(head.split()[1].rpartition(b"/")[2])]
        wire.sendall(page(b"", "302 Found", location=place))

    with serving(sends_on, FRONT) as front:
        urls = [f"http://{FRONT}:{front.port}/{number}" for number in range(len(places))]
        got = fetch(urls, opened(trap.port, front.port), told(NAMES))
    assert dict(zip(REDIRECTS, map(why, got), strict=True)) == REDIRECTS
    assert {outcome.reason for outcome in got if isinstance(outcome, NotFetched)} == {NOTHING}
    assert trap.connections == before


def test_a_name_that_changes_its_address_is_asked_for_it_once(trap: Trap) -> None:
    """Rebinding: the name server says a public address first, and ours from then on."""
    before = trap.connections
    with (
        serving(saying(page()), FRONT) as front,
        Zone({"rebind.test": [FRONT, "127.0.0.1"]}) as zone,
    ):
        rules = opened(front.port, trap.port)
        (outcome,) = fetch([f"http://rebind.test:{front.port}/"], rules, zone.resolve)
        assert getattr(outcome, "data", None) == PIXELS
        assert (front.connections, zone.asked) == (1, ["rebind.test"])
        (again,) = fetch([f"http://rebind.test:{trap.port}/"], rules, zone.resolve)
        assert why(again) == "address"
    assert trap.connections == before


def test_each_redirect_asks_anew_and_checks_anew(trap: Trap) -> None:
    """The second answer of the name server is for the redirect, and is checked like the first."""
    before = trap.connections
    with Zone({"rebind.test": [FRONT, "127.0.0.1"]}) as zone:
        there = f"http://rebind.test:{trap.port}/"
        with serving(saying(page(b"", "302 Found", location=there)), FRONT) as front:
            rules = opened(front.port, trap.port)
            (outcome,) = fetch([f"http://rebind.test:{front.port}/"], rules, zone.resolve)
        assert why(outcome) == "address"
        assert zone.asked == ["rebind.test"] * 2
    assert trap.connections == before


def test_what_is_refused_forbidden_and_not_there_is_told_alike(trap: Trap) -> None:
    """One message, and one moment: a port scan by way of the gate sees nothing."""
    with (
        serving(saying(page(b"no", "404 Not Found")), FRONT) as missing,
        serving(saying(page(b"<html>", kind="text/html")), FRONT) as other,
        serving(lambda wire, _: wire.close(), FRONT) as closing,
        socket() as held,
    ):
        held.bind((FRONT, 0))  # and nobody listens: refused
        refused = held.getsockname()[1]
        rules = opened(missing.port, other.port, closing.port, refused, trap.port)
        urls = [
            f"http://{FRONT}:{missing.port}/",
            f"http://{FRONT}:{other.port}/",
            f"http://{FRONT}:{closing.port}/",
            f"http://{FRONT}:{refused}/",
            f"http://127.0.0.1:{trap.port}/",
            "http://nowhere.test/",
        ]

        def scanned(url: str) -> tuple[NotFetched, float]:
            begun = time.monotonic()
            (outcome,) = fetch([url], rules, told({}))
            assert isinstance(outcome, NotFetched)
            return outcome, time.monotonic() - begun

        with ThreadPoolExecutor(len(urls)) as pool:
            seen = list(pool.map(scanned, urls))
    causes = [outcome.why for outcome, _ in seen]
    assert causes == ["status", "type", "RemoteProtocolError", "connection", "address", "name"]
    assert {outcome.reason for outcome, _ in seen} == {NOTHING}
    assert all(rules.stroke_s - 0.01 <= spent < 2 * rules.stroke_s for _, spent in seen)
