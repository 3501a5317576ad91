"""A streamed answer on a real socket, as a script: what the model's server sends, what the client
gets of it, and what is remembered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from service.pipeline import examine
from service.pipeline import stream as streams
from service.pipeline.examine import Examiner
from service.pipeline.handle import Call, Gate, Reply
from service.pipeline.pool import InspectionPool
from service.settings import Settings
from service.upstream import Answer, Upstream
from tests.dialects.chat import Chat
from tests.dialects.dialect import Dialect
from tests.service.pipeline.words import Words, examining

pytestmark = pytest.mark.timeout(120)

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
DONE = b"data: [DONE]\n\n"
FINE = "These are words that harm nobody at all, and many of them. "
MODES = ("hold", "buffer", "monitor")
CHAT = Chat()

Script = Callable[["Line"], Awaitable[None]]


def piece(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(delta: dict[str, Any] | str, index: int = 0, reason: str | None = None) -> bytes:
    delta = {"content": delta} if isinstance(delta, str) else delta
    choice = {"index": index, "delta": delta, "finish_reason": reason}
    return b"data: " + json.dumps({"id": "a", "model": "m", "choices": [choice]}).encode() + b"\n\n"


class Shown:
    """What the client has so far."""

    def __init__(self) -> None:
        self.data = b""
        self._news = asyncio.Event()

    def add(self, data: bytes) -> None:
        self.data += data
        self._news.set()

    async def until(self, part: bytes) -> None:
        while part not in self.data:
            self._news.clear()
            await self._news.wait()


@dataclass
class Line:
    """The model's server's end of a connection."""

    writer: asyncio.StreamWriter
    shown: Shown

    async def send(self, *data: bytes) -> None:
        for each in data:
            self.writer.write(piece(each))
            await self.writer.drain()

    async def until(self, shown: bytes) -> None:
        """Waits until the client has been shown this."""
        await self.shown.until(shown)

    async def begin(self) -> None:
        """Says so much that something of it is shown."""
        await self.send(*[event(FINE)] * 4)
        await self.until(FINE.encode())


@dataclass
class Played:
    """What the client got."""

    reply: Reply
    body: bytes

    @property
    def events(self) -> list[dict[str, Any]]:
        lines = self.body.decode().split("\n\n")
        return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]

    def said(self, field: str = "content") -> str:
        deltas = [choice["delta"] for one in self.events for choice in one.get("choices", [])]
        return "".join(delta.get(field) or "" for delta in deltas)

    @property
    def error(self) -> str | None:
        """The code of the error that ends the stream."""
        code: str | None = self.events[-1].get("error", {}).get("code")
        return code


def play(
    examiner: Examiner,
    script: Script,
    leave_after: bytes | None = None,
    dialect: Dialect = CHAT,
    head: bytes = HEAD,
    **settings: object,
) -> Played:
    """The client asks, the model's server follows the script, the client may leave."""

    async def run() -> Played:
        shown, served = Shown(), asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head)
            with suppress(ConnectionError):
                await script(Line(writer, shown))
                writer.close()
                await writer.wait_closed()
            served.set()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        upstream = Upstream(base, Settings.read(**settings))
        gate = Gate(examiner, upstream, InspectionPool(2, 4))
        reply = await gate.handle(
            Call(
                provider=dialect.provider(stream=True),
                path=dialect.path(stream=True),
                headers=(),
                body=json.dumps(dialect.asked("hi")).encode(),
            )
        )
        if isinstance(reply.body, bytes):
            shown.add(reply.body)
        else:
            async for data in reply.body:
                shown.add(data)
                if leave_after is not None and leave_after in shown.data:
                    await reply.body.aclose()
        await asyncio.wait_for(served.wait(), 60)
        await upstream.close()
        server.close()
        return Played(reply, shown.data)

    return asyncio.run(run())


def guarded(folder: Path, mode: str = "hold", window: int = 40, wait_s: float = 60) -> Examiner:
    return examining(
        folder,
        f"streaming: {{mode: {mode}, window: {window}, wait_s: {wait_s}}}",
        "refusal: refusal",
    )


def whole(*events: bytes) -> Script:
    async def script(line: Line) -> None:
        await line.send(*events)
        line.writer.write(END)
        await line.writer.drain()

    return script


def remembered(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line about the call."""
    told = capsys.readouterr().out.splitlines()
    (line,) = [line for line in told if "] request " in line and "upstream_status=" in line]
    return line


@pytest.mark.parametrize("mode", MODES)
def test_a_harmless_answer_comes_whole_and_unchanged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: str
) -> None:
    sent = [event({"role": "assistant"}), *[event(FINE)] * 9, event({}, reason="stop"), DONE]
    played = play(guarded(tmp_path, mode), whole(*sent))
    assert [json.loads(one[6:]) for one in sent[:-1]] == played.events
    assert played.body.endswith(DONE)
    line = remembered(capsys)
    assert "action=forward" in line
    assert "coverage=2/2" in line
    assert "status=200" in line


def test_what_was_judged_leaves_before_the_answer_has_ended(tmp_path: Path) -> None:
    async def script(line: Line) -> None:
        await line.begin()
        assert DONE not in line.shown.data
        await whole(DONE)(line)

    played = play(guarded(tmp_path), script)
    assert played.said() == 4 * FINE
    assert dict(played.reply.headers)["x-glassgate-decision"] == "forward"
    assert dict(played.reply.headers)["x-glassgate-coverage"] == "1/1"


def test_what_comes_slowly_leaves_in_time(tmp_path: Path) -> None:
    async def script(line: Line) -> None:
        await line.send(event("slow"[:3]))
        await line.until(b'"slo"')
        await whole(DONE)(line)

    assert play(guarded(tmp_path, wait_s=0.1), script).said() == "slo"


@pytest.mark.parametrize("mode", MODES)
def test_an_offence_at_the_start_is_refused_as_if_nothing_was_said(
    tmp_path: Path, mode: str
) -> None:
    played = play(guarded(tmp_path, mode), whole(event("b"), event("ad"), DONE))
    refused = played.said("refusal") == "not this answer"
    assert refused
    assert played.events[-1]["choices"][0]["finish_reason"] == "content_filter"
    assert played.said() == ("bad" if mode == "monitor" else "")
    assert played.body.count(DONE) == 1
    assert played.body.endswith(DONE)


@pytest.mark.parametrize("mode", ["hold", "monitor"])
def test_an_offence_later_ends_what_was_begun(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: str
) -> None:
    async def script(line: Line) -> None:
        await line.begin()
        await line.send(event("b"), event("ad, "), *[event(FINE)] * 3)
        await line.until(DONE)

    played = play(guarded(tmp_path, mode), script)
    assert played.said().startswith(FINE)
    assert ("bad" in played.said()) is (mode == "monitor")
    assert played.said("refusal") == "not this answer"
    assert [one["id"] for one in played.events] == ["a"] * len(played.events)
    assert played.body.endswith(DONE)
    line = remembered(capsys)
    assert "action=refuse" in line
    assert "stage=response" in line
    assert "rules=['bad-answer']" in line


def test_an_offence_in_any_choice_ends_them_all(tmp_path: Path) -> None:
    async def script(line: Line) -> None:
        await line.send(*[event(FINE, index) for _ in range(4) for index in range(3)])
        await line.until(FINE.encode())
        await line.send(event("bad", 2), *[event(FINE, 2)] * 3)
        await line.until(DONE)

    played = play(guarded(tmp_path), script)
    ended = [one["choices"][0] for one in played.events if one["choices"][0]["finish_reason"]]
    assert {choice["index"] for choice in ended} == {0, 1, 2}
    assert {choice["finish_reason"] for choice in ended} == {"content_filter"}
    assert "bad" not in played.said()


def test_an_offence_that_a_call_of_a_tool_spells_in_pieces_is_found(tmp_path: Path) -> None:
    async def script(line: Line) -> None:
        await line.begin()
        for arguments in ('{"q": "b\\u0', '061d"}'):
            function = {"name": "f" if "q" in arguments else "", "arguments": arguments}
            await line.send(event({"tool_calls": [{"index": 0, "function": function}]}))
        await line.send(event({}, reason="tool_calls"), DONE)
        await line.until(DONE)

    played = play(guarded(tmp_path), script)
    assert b"tool_calls" not in played.body
    assert played.said("refusal") == "not this answer"


def test_a_refusal_that_is_to_be_an_error_is_one(tmp_path: Path) -> None:
    async def later(line: Line) -> None:
        await line.begin()
        await line.send(event("bad"), *[event(FINE)] * 3)
        await line.until(b"content_filter")

    examiner = examining(
        tmp_path, "streaming: {mode: hold, window: 40, wait_s: 60}", "refusal: error"
    )
    at_once = play(examiner, whole(event("bad"), DONE))
    assert at_once.reply.status == 400
    assert json.loads(at_once.body)["error"]["code"] == "content_filter"
    ended = play(examiner, later)
    assert ended.reply.status == 200
    assert ended.error == "content_filter"
    assert DONE not in ended.body


def test_what_a_detector_fails_on_does_not_leave(tmp_path: Path) -> None:
    async def script(line: Line) -> None:
        await line.begin()
        await line.send(event("boom"), *[event(FINE)] * 3)
        await line.until(DONE)

    played = play(guarded(tmp_path), script)
    assert "boom" not in played.said()
    assert played.said("refusal") == "m1"


def test_an_error_that_the_models_server_tells_is_passed_on(tmp_path: Path) -> None:
    told = b'data: {"error": {"message": "try later", "code": "rate"}}\n\n'

    async def script(line: Line) -> None:
        await line.begin()
        await whole(told)(line)

    played = play(guarded(tmp_path), script)
    assert played.said() == 4 * FINE
    assert played.events[-2] == json.loads(told[6:])
    assert played.error == "upstream_malformed"


def test_what_comes_after_the_end_is_no_part_of_the_answer(tmp_path: Path) -> None:
    played = play(guarded(tmp_path), whole(event("fine"), DONE, event("bad"), DONE))
    assert played.said() == "fine"
    assert played.body.count(DONE) == 1


def test_an_inspection_that_does_not_end_ends_the_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "GRACE_S", -1.5)
    examiner = guarded(tmp_path)
    (words,) = examiner.inspector.checks
    assert isinstance(words, Words)

    async def script(line: Line) -> None:
        await line.begin()
        await line.send(event("slow"), *[event(FINE)] * 3)
        await line.until(b"overloaded")
        words.go_on.set()

    played = play(examiner, script)
    assert played.error == "overloaded"
    assert "slow" not in played.said()


def test_a_fault_of_our_own_ends_the_stream_without_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def script(line: Line) -> None:
        await line.begin()

        def broken_(*_: object) -> None:
            raise RuntimeError("secret")

        monkeypatch.setattr(examine, "judge", broken_)
        await line.send(*[event(FINE)] * 3)
        await line.until(b"internal_error")

    played = play(guarded(tmp_path), script)
    assert played.error == "internal_error"
    assert b"secret" not in played.body
    assert "error=internal_error" in remembered(capsys)


def test_a_fault_of_our_own_in_reading_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken_(_: Answer) -> AsyncIterator[bytes]:
        yield event(FINE)
        raise RuntimeError("secret")

    monkeypatch.setattr(Answer, "chunks", broken_)
    played = play(guarded(tmp_path), whole(DONE))
    assert played.reply.status == 500
    assert json.loads(played.body)["error"]["code"] == "internal_error"
    assert b"secret" not in played.body


@pytest.mark.parametrize("mode", ["hold", "monitor"])
def test_a_client_that_leaves_lets_the_models_server_go(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: str
) -> None:
    """The server ends only because it finds the connection closed."""
    told: list[int] = []

    async def script(line: Line) -> None:
        while True:
            told.append(1)
            await line.send(event(FINE))
            await asyncio.sleep(0.01)

    played = play(guarded(tmp_path, mode), script, leave_after=FINE.encode())
    assert len(told) > played.body.count(FINE.encode()) - 1
    assert "action=forward" in remembered(capsys)


def sizes(raw: bytes, step: int) -> Sequence[bytes]:
    return [raw[at : at + step] for at in range(0, len(raw), step)]


@pytest.mark.parametrize("step", [1, 3, 7, 64])
def test_bytes_may_be_cut_anywhere(tmp_path: Path, step: int) -> None:
    text = "Été, 東京, 🗼. "
    raw = b"".join(event(text)[:-2] + b"\r\n\r\n" for _ in range(6)).replace(
        json.dumps(text).encode(), json.dumps(text, ensure_ascii=False).encode()
    )
    played = play(guarded(tmp_path), whole(*sizes(raw + DONE, step)))
    assert played.said() == 6 * text
