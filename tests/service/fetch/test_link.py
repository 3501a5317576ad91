"""A link in its pieces: what is asked for, and of whom, by the operator's rules."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.fetch.link import follow, read
from service.fetch.rules import LINK, NotFetched, Rules

BOTH = Rules(schemes=frozenset({"http", "https"}), ports=frozenset({80, 443, 8443}))

READ = {
    "https://example.com": ("example.com", 443, "/", "example.com"),
    "HTTPS://EXAMPLE.com:443/A": ("example.com", 443, "/A", "example.com"),
    "https://example.com:/x": ("example.com", 443, "/x", "example.com"),
    "https://example.com:8443/x?y#z": ("example.com", 8443, "/x?y", "example.com:8443"),
    "http://example.com:443/": ("example.com", 443, "/", "example.com:443"),
    "http://example.com?q=1": ("example.com", 80, "/?q=1", "example.com"),
    "https://a_b.example-1.com/": ("a_b.example-1.com", 443, "/", "a_b.example-1.com"),
    "https://8.8.8.8/": ("8.8.8.8", 443, "/", "8.8.8.8"),
    "https://[2606:4700:0:0::1]:8443/": (
        "2606:4700::1",
        8443,
        "/",
        "[2606:4700::1]:8443",
    ),
    "https://b\u00fccher.example/": ("xn--bcher-kva.example", 443, "/", "xn--bcher-kva.example"),
    "https://xn--bcher-kva.example/": (
        "xn--bcher-kva.example",
        443,
        "/",
        "xn--bcher-kva.example",
    ),
    "https://example.com/\u00e9%20<x>?\u00fc=\"|'": (
        "example.com",
        443,
        "/%C3%A9%20%3Cx%3E?%C3%BC=%22%7C'",
        "example.com",
    ),
    "https://example.com/../a/./b;c=d//e": (
        "example.com",
        443,
        "/../a/./b;c=d//e",
        "example.com",
    ),
}


@pytest.mark.parametrize("url", READ)
def test_what_is_asked_for_and_of_whom(url: str) -> None:
    link = read(url, BOTH)
    assert (link.host, link.port, link.target, link.authority) == READ[url]


HOSTS = {
    # hosts allowed, hosts denied, host asked for, whether it is
    "nothing listed": ((), (), "a.example.com", True),
    "listed": (("a.example.com",), (), "A.EXAMPLE.com", True),
    "another": (("b.example.com",), (), "a.example.com", False),
    "below": (("*.example.com",), (), "x.a.example.com", True),
    "not below, the host itself": (("*.example.com",), (), "example.com", False),
    "ends alike": (("*.example.com",), (), "badexample.com", False),
    "goes on": (("*.example.com",), (), "a.example.com.evil.net", False),
    "written large": (("*.Example.COM",), (), "a.example.com", True),
    "denied": ((), ("*.example.com",), "a.example.com", False),
    "denied among listed": (("*.example.com",), ("b.*",), "b.example.com", False),
    "an address denied": ((), ("8.8.*",), "8.8.8.8", False),
    "an address among names": (("*.com",), (), "8.8.8.8", False),
}


@pytest.mark.parametrize(("hosts", "denied", "host", "passes"), HOSTS.values(), ids=HOSTS)
def test_the_operator_lists_hosts(
    hosts: tuple[str, ...], denied: tuple[str, ...], host: str, passes: bool
) -> None:
    rules = Rules(hosts=hosts, denied=denied)
    if passes:
        assert read(f"https://{host}/", rules).host == host.lower()
        return
    with pytest.raises(NotFetched) as caught:
        read(f"https://{host}/", rules)
    assert (caught.value.why, caught.value.reason) == ("host", LINK)


def test_only_https_unless_the_operator_says_so() -> None:
    with pytest.raises(NotFetched) as caught:
        read("http://example.com/", Rules())
    assert caught.value.why == "scheme"
    assert read("https://example.com/", Rules()).port == 443


FOLLOWED = {
    b"/other?x": "https://example.com:8443/other?x",
    b"other": "https://example.com:8443/a/other",
    b"../up": "https://example.com:8443/up",
    b"?q": "https://example.com:8443/a/b?q",
    b"//b.example/c": "https://b.example/c",
    b"http://c.example/": "http://c.example/",
}


@pytest.mark.parametrize("location", FOLLOWED)
def test_a_redirect_is_read_like_a_link(location: bytes) -> None:
    link = read("https://example.com:8443/a/b?c", BOTH)
    assert follow(link, location, BOTH) == read(FOLLOWED[location], BOTH)


def test_a_redirect_from_https_to_http_needs_the_operators_word() -> None:
    with pytest.raises(NotFetched):
        follow(read("https://example.com/", Rules()), b"http://example.com/", Rules())


def test_a_link_without_end_is_not_read() -> None:
    with pytest.raises(NotFetched):
        read(f"https://example.com/{'a' * 8192}", Rules())
    with pytest.raises(NotFetched):
        read(f"https://{'a.' * 130}com/", Rules())


PIECES = st.sampled_from(
    ["https://", "http://", "//", "/", "\\", "@", ":", "[", "]", "::1", "127.0.0.1", "example.com",
     "%", "#", "?", ".", "0x7f", "1", " ", "\t", "\n", "\x00", "\u3002", "\uff11", "xn--", "\u00ad"]
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(PIECES | st.text(max_size=3), max_size=12).map("".join))
def test_any_text_is_a_sound_link_or_none(text: str) -> None:
    try:
        link = read(text, BOTH)
    except NotFetched:
        return
    for written in (link.host, link.target, link.authority):
        assert written.isascii()
        assert written.isprintable()
        assert not set(written) & set(" \\#")
    assert link.target.startswith("/")
    assert link.port in BOTH.ports
    assert link.address or not link.host.rpartition(".")[2].isdigit()
