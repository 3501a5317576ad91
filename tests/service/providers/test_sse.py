from __future__ import annotations

import pytest

from service.errors import UpstreamMalformed
from service.providers.sse import Event, encode, parse

CASES = {
    "plain": (b"data: a\n\ndata: b\n\n", [Event("a"), Event("b")]),
    "no blank after the colon": (b"data:a\n\n", [Event("a")]),
    "carriage returns": (
        b"data: a\r\n\r\ndata: b\r\rdata: c\n\n",
        [Event("a"), Event("b"), Event("c")],
    ),
    "several data lines": (b"data: a\ndata: b\n\n", [Event("a\nb")]),
    "named": (b"event: x\ndata: a\n\n", [Event("a", "x")]),
    "comments and ids": (b": ping\n\nid: 1\nretry: 5\ndata: a\n\n", [Event("a")]),
    "broken off": (b"data: a\n\ndata: b", [Event("a"), Event("b")]),
    "byte order mark": (b"\xef\xbb\xbfdata: a\n\n", [Event("a")]),
    "empty": (b"", []),
}


@pytest.mark.parametrize("case", CASES)
def test_a_stream_is_read_as_clients_read_it(case: str) -> None:
    raw, events = CASES[case]
    assert parse(raw) == events
    assert parse(encode(events)) == events


def test_a_stream_that_is_not_utf8_is_the_upstreams_fault() -> None:
    with pytest.raises(UpstreamMalformed):
        parse(b"data: \xff\n\n")
