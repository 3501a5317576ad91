from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.errors import UpstreamMalformed
from service.providers.sse import Decoder, Event, encode, parse

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


LINES = st.lists(
    st.sampled_from(
        ["data: a", "data:é東🗼", "data", "event: x", ": ping", "", "", "\ufeffdata: b"]
    )
)


@given(LINES, st.lists(st.sampled_from(["\n", "\r\n", "\r"])), st.sets(st.integers(0, 200)))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_bytes_may_be_cut_anywhere(lines: list[str], ends: list[str], cuts: set[int]) -> None:
    padded = [*ends, *["\n"] * len(lines)]
    raw = "".join(line + end for line, end in zip(lines, padded, strict=False)).encode()
    places = [0, *sorted(cuts), len(raw)]
    decoder = Decoder()
    pieces = [raw[low:high] for low, high in pairwise(places)]
    found = [event for piece in pieces for event in decoder.feed(piece)]
    assert [*found, *decoder.end()] == parse(raw)


def test_an_event_comes_out_when_it_is_whole() -> None:
    decoder = Decoder()
    assert list(decoder.feed(b"data: a\r\n\r")) == [Event("a")]
    assert list(decoder.feed(b"\ndata: b\n")) == []
    assert list(decoder.feed(b"\n")) == [Event("b")]


@pytest.mark.parametrize("line", [b"data: aaaaa\n", b"data: aaaaa", b": aaaaa\n"])
def test_an_event_has_a_greatest_size(line: bytes) -> None:
    decoder = Decoder(most=50)
    assert len([*decoder.feed(b"data: aaaaa\n\n" * 50)]) == 50
    begun = line * 20
    with pytest.raises(UpstreamMalformed, match="more than 50"):
        list(decoder.feed(begun))


def test_a_character_that_is_cut_off_is_the_upstreams_fault() -> None:
    decoder = Decoder()
    assert list(decoder.feed("data: é".encode()[:-1])) == []
    with pytest.raises(UpstreamMalformed):
        list(decoder.end())
