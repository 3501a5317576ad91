"""Streams of every dialect on a real socket: cut at an offence, or from a server at fault."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from service.errors import GlassgateError, UpstreamMalformed, UpstreamTimeout, UpstreamUnreachable
from service.providers import sse
from service.providers.sse import Event
from tests.dialects.dialect import Dialect, Voice
from tests.dialects.table import DIALECTS, that_can
from tests.service.pipeline.test_stream import (
    END,
    FINE,
    HEAD,
    MODES,
    Line,
    Played,
    Script,
    guarded,
    piece,
    play,
    remembered,
    whole,
)

pytestmark = pytest.mark.timeout(120)

with_growing_calls = pytest.mark.parametrize(
    "dialect",
    [each for each in DIALECTS if each.grows and "call" in each.kinds],
    ids=lambda dialect: dialect.name,
)


def begun(dialect: Dialect) -> list[Event]:
    """A stream as far as its text has said something harmless four times."""
    events: list[Event] = []
    for event in dialect.speech(Voice([FINE] * 4)).events:
        events.append(event)
        if dialect.spelled(events) == [4 * FINE]:
            return events
    raise AssertionError("it was never said")


async def say(line: Line, events: Sequence[Event], shown: str = "") -> None:
    """Sends these, and waits until something is shown."""
    await line.send(*(event.encode() for event in events))
    await line.until(shown.encode())


def got(played: Played) -> list[Event]:
    return sse.parse(played.body)


@that_can()
def test_an_offence_later_ends_what_was_begun_in_the_dialects_own_way(
    tmp_path: Path, dialect: Dialect
) -> None:
    events = dialect.speech(Voice([*[FINE] * 4, "b", "ad, ", *[FINE] * 4])).events
    cut = len(begun(dialect))

    async def script(line: Line) -> None:
        await say(line, events[:cut], FINE)
        await say(line, events[cut:], "not this answer")

    played = play(guarded(tmp_path), script, dialect=dialect)
    shown = got(played)
    kept = next(n for n, event in enumerate(shown) if event != events[n])
    assert dialect.spelled(shown[:kept])[0] in 4 * FINE
    spelled = dialect.spelled(shown)
    assert "not this answer" in "".join(spelled)
    assert "bad" not in "".join(spelled)
    sent = dialect.provider(stream=True).assembly()
    for event in shown[:kept]:
        sent.add(event)
    assert shown[kept:] == list(dialect.provider(stream=True).ending(sent, "not this answer"))


@with_growing_calls
def test_a_call_of_a_tool_leaves_as_it_grows_and_is_cut_at_an_offence(
    tmp_path: Path, dialect: Dialect
) -> None:
    pieces = ['{"file": "', *[FINE] * 4, "b\\u00", "61d, ", *[FINE] * 4, '"}']
    events = dialect.speech(Voice(pieces, "call")).events
    cut = next(n for n, event in enumerate(events) if "u00" in event.data)

    async def script(line: Line) -> None:
        await say(line, events[:cut], FINE)
        await say(line, events[cut:], "not this answer")

    played = play(guarded(tmp_path), script, dialect=dialect)
    assert FINE.encode() in played.body
    assert b"61d" not in played.body
    assert "not this answer" in "".join(dialect.spelled(got(played)))


async def gone(line: Line) -> None:
    """Without a farewell: the connection is reset."""
    at_once = struct.pack("ii", 1, 0)
    line.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
    line.writer.transport.abort()


async def broken(line: Line) -> None:
    line.writer.write(b"6\r\ndata")


async def ended(line: Line) -> None:
    line.writer.write(END)


async def stalled(line: Line) -> None:
    await line.until(b"error")


def sending(data: bytes) -> Script:
    return whole(data)


LARGE = Event("x" * 9000).encode()
FAULTS: dict[str, tuple[Script, type[GlassgateError]]] = {
    "is gone": (gone, UpstreamUnreachable),
    "breaks off": (broken, UpstreamMalformed),
    "ends without its end": (ended, UpstreamMalformed),
    "stalls": (stalled, UpstreamTimeout),
    "no JSON": (sending(b"data: {oops\n\n"), UpstreamMalformed),
    "the same key twice": (sending(b'data: {"id":"a","id":"b"}\n\n'), UpstreamMalformed),
    "no object": (sending(b"data: 7\n\n"), UpstreamMalformed),
    "no UTF-8": (sending(b"data: \xff\n\n"), UpstreamMalformed),
    "a page": (sending(b"<html><body>Bad gateway</body></html>"), UpstreamMalformed),
    "more than an answer may have": (sending(LARGE), UpstreamMalformed),
}


def rejected(code: str) -> float:
    return REGISTRY.get_sample_value("glassgate_rejected_total", {"reason": code}) or 0.0


def shaped(value: Any) -> Any:  # noqa: ANN401 - JSON
    """An error without its words."""
    if isinstance(value, dict):
        return {name: "" if name == "message" else shaped(each) for name, each in value.items()}
    return [shaped(each) for each in value] if isinstance(value, list) else value


def shapes(events: Sequence[Event]) -> list[Any]:
    return [(event.name, shaped(json.loads(event.data))) for event in events]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("mode", MODES)
@that_can()
def test_a_fault_of_the_models_server_is_told_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], dialect: Dialect, fault: str, mode: str
) -> None:
    (then, error), events = FAULTS[fault], begun(dialect)

    async def script(line: Line) -> None:
        await say(line, events, "" if mode == "buffer" else FINE)
        await then(line)

    before = rejected(error.code)
    played = play(
        guarded(tmp_path, mode),
        script,
        dialect=dialect,
        answer_limit=9000,
        upstream_read_s=1.0 if fault == "stalls" else 60.0,
    )
    assert rejected(error.code) == before + 1
    assert f"error={error.code}" in remembered(capsys)
    provider = dialect.provider(stream=True)
    if mode == "buffer":
        assert played.reply.status == error.status
        assert shaped(json.loads(played.body)) == shaped(provider.error(error("")))
    else:
        assert played.reply.status == 200
        shown = got(played)
        told = list(provider.failure(error("")))
        assert shown[: -len(told)] == events
        assert shapes(shown[-len(told) :]) == shapes(told)


@that_can()
def test_a_fault_before_anything_was_shown_is_an_error(tmp_path: Path, dialect: Dialect) -> None:
    for then, error in FAULTS.values():
        if then is not stalled:
            played = play(guarded(tmp_path), then, dialect=dialect, answer_limit=9000)
            assert played.reply.status == error.status
            expected = dialect.provider(stream=True).error(error(""))
            assert shaped(json.loads(played.body)) == shaped(expected)


@that_can()
def test_a_page_or_json_in_place_of_a_stream(tmp_path: Path, dialect: Dialect) -> None:
    def instead(kind: str, body: bytes) -> Played:
        head = HEAD.replace(b"text/event-stream", kind.encode()) + piece(body)
        return play(guarded(tmp_path), ended, dialect=dialect, head=head)

    page = instead("text/html", b"<html>")
    provider = dialect.provider(stream=True)
    assert page.reply.status == 502
    assert shaped(json.loads(page.body)) == shaped(provider.error(UpstreamMalformed("")))
    refused = instead("application/json", json.dumps(dialect.answer(Voice(["bad"]))).encode())
    assert refused.reply.status == 200
    assert set(dialect.spelled(got(refused))) == {"not this answer"}
