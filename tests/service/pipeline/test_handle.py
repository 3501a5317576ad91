"""The way of a call as a script of events: what comes in, what the model's server is sent, what
goes out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

import pytest
from prometheus_client import REGISTRY

from detectors.cache import VerdictCache
from detectors.inspect import Inspector
from detectors.media.decode import Limits
from service.errors import Overloaded
from service.fetch.client import Fetcher
from service.fetch.rules import Rules
from service.pipeline.examine import Examiner
from service.pipeline.handle import Call, Gate, Ledger
from service.pipeline.pool import InspectionPool
from service.policy.load import load
from service.providers.openai_chat import OpenAIChat
from service.settings import Settings
from service.store import writer as store
from service.store.database import Database
from service.store.reader import read
from service.upstream import Upstream
from tests.service.pipeline.playing import ASKED, Told, model, play, said, streamed, told
from tests.service.pipeline.test_stream import remembered
from tests.service.pipeline.words import POLICY, Words, examining

T = TypeVar("T")


@pytest.fixture
def examiner(tmp_path: Path) -> Examiner:
    return examining(tmp_path)


def shown(reply: Told) -> dict[str, str]:
    names = ("x-glassgate-decision", "x-glassgate-coverage")
    return {name.removeprefix("x-glassgate-"): dict(reply.headers)[name] for name in names}


def test_a_clean_call_passes_whole_and_says_so(examiner: Examiner) -> None:
    asked = {**ASKED, "vendor_flag": {"deep": ["kept"]}}
    answer = said("hi", usage={"total_tokens": 3}, system_fingerprint="fp")
    with model(answer) as (base, sent):
        (reply,) = play(
            examiner,
            base,
            asked,
            headers=[
                ("Authorization", "Bearer sk-1"),
                ("Connection", "x-hop"),
                ("X-Hop", "1"),
                ("X-Glassgate-Policy", "none"),
                ("Transfer-Encoding", "chunked"),
                ("X-Trace", "t"),
            ],
        )
    headers, body = sent[0]
    assert body == asked
    assert headers["authorization"] == "Bearer sk-1"
    assert headers["x-trace"] == "t"
    assert not {"x-hop", "x-glassgate-policy", "transfer-encoding"} & set(headers)
    assert json.loads(reply.body) == json.loads(answer)
    assert reply.status == 200
    assert dict(reply.headers)["x-request-id"] == "up-1"
    assert shown(reply) == {"decision": "forward", "coverage": "3/3"}


REFUSED = {
    "a user's words": ({**ASKED, "messages": [{"role": "user", "content": "bad"}]}, "no"),
    "an earlier turn": (
        {
            **ASKED,
            "messages": [
                {"role": "user", "content": "bad"},
                {"role": "assistant", "content": "fine"},
                {"role": "user", "content": "hello"},
            ],
        },
        "no",
    ),
    "a tool's result": (
        {**ASKED, "messages": [{"role": "tool", "tool_call_id": "1", "content": "bad"}]},
        "no",
    ),
    "the last of several parts": (
        {
            **ASKED,
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "fine"},
                        {"type": "text", "text": "bad"},
                    ],
                }
            ],
        },
        "no",
    ),
    "a linked picture": (
        {
            **ASKED,
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": {"url": "https://x.test/a"}}],
                }
            ],
        },
        "m0",
    ),
    "a part that a detector fails on": (
        {**ASKED, "messages": [{"role": "user", "content": "boom"}]},
        "m0",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("stream", [False, True])
def test_what_must_not_pass_is_refused_and_never_sent(
    examiner: Examiner, case: str, stream: bool
) -> None:
    body, message = REFUSED[case]
    with model(said("hi")) as (base, sent):
        (reply,) = play(examiner, base, {**body, "n": 2, "stream": stream})
    assert sent == []
    assert reply.status == 200
    assert shown(reply)["decision"] == "refuse"
    text = reply.body.decode()
    assert text.count(f'"refusal":"{message}"') == 2
    assert text.count('"finish_reason":"content_filter"') == 2
    assert text.endswith("data: [DONE]\n\n") is stream


ANSWERS = {
    "the first choice": said("bad", "hi"),
    "the last choice": said("hi", "bad"),
    "the arguments of a tool call": json.dumps(
        {
            "choices": [
                {
                    "index": 0,
                    "message": {
                        "role": "assistant",
                        "content": None,
                        "tool_calls": [
                            {
                                "id": "1",
                                "type": "function",
                                "function": {"name": "f", "arguments": '{"q": "b\\u0061d"}'},
                            }
                        ],
                    },
                }
            ]
        }
    ).encode(),
    "a field nobody knows": said("hi", citations=["bad"]),
    "what a detector fails on": said("boom"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_is_inspected_whole(examiner: Examiner, case: str) -> None:
    with model(ANSWERS[case]) as (base, sent):
        (reply,) = play(examiner, base, ASKED)
    assert len(sent) == 1
    assert shown(reply)["decision"] == "refuse"
    assert json.loads(reply.body)["choices"][0]["finish_reason"] == "content_filter"
    assert b'"bad' not in reply.body  # an id may hold the letters


def test_a_word_split_over_chunks_is_found_and_nothing_of_it_leaves(examiner: Examiner) -> None:
    split = streamed((0, {"content": "clean"}), (1, {"content": "a b"}), (1, {"content": "ad"}))
    with model(split, kind="text/event-stream") as (base, _):
        (reply,) = play(examiner, base, {**ASKED, "stream": True, "n": 2})
    assert shown(reply)["decision"] == "refuse"
    assert b"clean" not in reply.body
    assert reply.body.count(b'"refusal":"not this answer"') == 2


def test_a_clean_stream_passes_chunk_for_chunk_up_to_its_end(examiner: Examiner) -> None:
    stream = streamed((0, {"role": "assistant"}), (0, {"content": "h"}), (0, {"content": "i"}))
    after = stream + b'data: {"choices":[{"index":0,"delta":{"content":"bad"}}]}\n\n'
    with model(after, kind="text/event-stream; charset=utf-8") as (base, _):
        (reply,) = play(examiner, base, {**ASKED, "stream": True})
    assert reply.body == stream
    assert shown(reply) == {"decision": "forward", "coverage": "2/2"}


def test_a_rewrite_tells_the_model_and_is_inspected_again(examiner: Examiner) -> None:
    asked = {**ASKED, "messages": [{"role": "user", "content": "who is it"}]}
    with model(said("somebody")) as (base, sent):
        (reply,) = play(examiner, base, asked)
    assert sent[0][1]["messages"] == [
        {"role": "system", "content": "name nobody"},
        {"role": "user", "content": "who is it"},
    ]
    assert shown(reply)["decision"] == "rewrite"


def test_a_shadow_rule_changes_nothing(examiner: Examiner) -> None:
    with model(said("hi")) as (base, _):
        (reply,) = play(
            examiner, base, {**ASKED, "messages": [{"role": "user", "content": "hateful"}]}
        )
    assert shown(reply)["decision"] == "forward"


UPSTREAM = {
    "an error of its own": (b'{"error":{"message":"busy"}}', 429, "application/json", 429),
    "a page": (b"<html>", 200, "text/html", 502),
    "the same key twice": (b'{"choices":[],"choices":[]}', 200, "application/json", 502),
    "no choices": (b'{"id":"x"}', 200, "application/json", 502),
    "a stream of nonsense": (b"data: {oops\n\n", 200, "text/event-stream", 502),
}


@pytest.mark.parametrize("case", UPSTREAM)
def test_an_upstream_that_fails_is_told_apart(examiner: Examiner, case: str) -> None:
    body, status, kind, expected = UPSTREAM[case]
    with model(body, status=status, kind=kind) as (base, _):
        (reply,) = play(examiner, base, ASKED)
    assert reply.status == expected
    if expected == 429:
        assert reply.body == body
    else:
        assert json.loads(reply.body)["error"]["code"] == "upstream_malformed"


def test_no_upstream_is_a_502_in_the_dialects_envelope(examiner: Examiner) -> None:
    (reply,) = play(examiner, "http://127.0.0.1:9", ASKED)
    assert reply.status == 502
    assert json.loads(reply.body)["error"]["code"] == "upstream_unreachable"


def test_an_upstream_that_stalls_is_a_504(examiner: Examiner) -> None:
    given_up = Event()

    def stall(_: dict[str, Any]) -> bytes:
        given_up.wait(30)
        return said("late")

    with model(stall) as (base, _):
        (reply,) = play(examiner, base, ASKED, settings=Settings.read(upstream_read_s=0.1))
        given_up.set()
    assert reply.status == 504
    assert json.loads(reply.body)["error"]["code"] == "upstream_timeout"


def test_an_answer_that_breaks_off_is_not_passed_on(examiner: Examiner) -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n")
        writer.write(b"transfer-encoding: chunked\r\n\r\n6\r\ndata: ")
        writer.close()

    async def run() -> Told:
        server = await asyncio.start_server(cut, "127.0.0.1", 0)
        upstream = Upstream(
            f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", Settings.read()
        )
        gate = Gate(examiner, upstream, InspectionPool(1, 1))
        body = json.dumps({**ASKED, "stream": True}).encode()
        call = Call(provider=OpenAIChat(), path="/v1/chat/completions", headers=(), body=body)
        reply = await told(await gate.handle(call))
        await upstream.close()
        server.close()
        return reply

    reply = asyncio.run(run())
    assert reply.status == 502
    assert b"data:" not in reply.body


def test_an_answer_over_the_limit_is_not_passed_on(examiner: Examiner) -> None:
    with model(said("x" * 5000)) as (base, _):
        (reply,) = play(examiner, base, ASKED, settings=Settings.read(answer_limit=1024))
    assert reply.status == 502


def test_a_body_that_is_no_request_is_a_400_that_names_the_place(examiner: Examiner) -> None:
    (reply,) = play(examiner, "http://127.0.0.1:9", {"model": "m", "messages": [{"role": "x"}]})
    assert reply.status == 400
    assert json.loads(reply.body)["error"]["param"] == "/messages/0/role"


def test_verdicts_are_remembered_so_a_turn_costs_its_new_parts(tmp_path: Path) -> None:
    words = Words()
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    examiner = Examiner(
        inspector=Inspector([], [words], VerdictCache(100)),
        policy=load(path),
        sizes=(),
        limits=Limits(),
        timeout_s=2,
    )
    first = {"role": "user", "content": "first"}
    answer = {"role": "assistant", "content": "hi"}
    second = {**ASKED, "messages": [first, answer, {"role": "user", "content": "second"}]}
    with model(said("hi")) as (base, _):
        play(examiner, base, {**ASKED, "messages": [first]}, second)
    assert sorted(words.judged) == ["first", "first\nsecond", "hi", "second"]


def test_what_fails_open_is_logged_kept_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scope = "select: [{id: ours, description: d, models: [m], disable: [watched]}]"
    examiner = examining(tmp_path, "fail_open: [words]", scope, "may_loosen: [watched]")
    asked = {**ASKED, "messages": [{"role": "user", "content": "boom"}]}
    writer = store.Writer(Database(f"sqlite:///{tmp_path}/audit.db"))
    before = opened()
    with model(said("boom")) as (base, sent):
        (reply,) = play(examiner, base, asked, ledger=Ledger(writer=writer))
    assert writer.close(60.0) == 0
    assert (reply.status, len(sent), opened() - before) == (200, 1, 1)
    line = remembered(capsys)
    assert "opened=['words']" in line
    assert "scope=ours" in line
    kept = [(each.stage, each.opened, each.scope) for each in read(f"{tmp_path}/audit.db")]
    assert kept == [("request", ("words",), "ours"), ("response", ("words",), "ours")]


def opened() -> float:
    """How often the failure of the words was let pass so far."""
    name = "glassgate_fail_open_total"
    return REGISTRY.get_sample_value(name, {"detector": "words"}) or 0.0


def test_a_full_queue_answers_at_once(examiner: Examiner) -> None:
    (words,) = examiner.inspector.checks
    assert isinstance(words, Words)
    slow = json.dumps({**ASKED, "messages": [{"role": "user", "content": "slow"}]}).encode()

    async def run() -> list[Told]:
        upstream = Upstream("http://127.0.0.1:9", Settings.read())
        gate = Gate(examiner, upstream, InspectionPool(threads=1, queue=1))
        call = Call(provider=OpenAIChat(), path="/v1/chat/completions", headers=(), body=slow)
        under_way = [asyncio.create_task(gate.handle(call)) for _ in range(2)]
        await asyncio.sleep(0.1)
        turned_away = await told(await gate.handle(call))
        words.go_on.set()
        replies = [turned_away, *[await told(one) for one in await asyncio.gather(*under_way)]]
        await upstream.close()
        return replies

    turned_away, *others = asyncio.run(run())
    assert turned_away.status == 503
    assert dict(turned_away.headers)["retry-after"] == "1"
    assert json.loads(turned_away.body)["error"]["code"] == "overloaded"
    assert [reply.status for reply in others] == [502, 502]


@pytest.mark.parametrize("required", [True, False])
def test_a_full_store_turns_requests_away_where_records_are_required(
    examiner: Examiner, tmp_path: Path, required: bool
) -> None:
    database = Database(f"sqlite:///{tmp_path}/audit.db")
    writer = store.Writer(database, limits=store.Limits(records=0))
    with model(said("fine")) as (base, sent):
        (reply,) = play(examiner, base, ASKED, ledger=Ledger(writer=writer, required=required))
    writer.close()
    assert (reply.status, len(sent)) == ((503, 0) if required else (200, 1))
    assert (b"the audit store takes no records" in reply.body) is required


class Counting(InspectionPool):
    """A pool that counts what it is given."""

    given = 0

    async def run(self, work: Callable[[], T], timeout_s: float, *, admitted: bool = False) -> T:
        self.given += 1
        return await super().run(work, timeout_s, admitted=admitted)


@pytest.mark.parametrize(
    ("content", "trips"),
    [
        ("hello", 1),
        ([{"type": "image_url", "image_url": {"url": "https://127.0.0.1:9/a.png"}}], 2),
    ],
    ids=["text", "a link"],
)
def test_only_what_links_to_something_waits_twice(
    examiner: Examiner, content: object, trips: int
) -> None:
    body = json.dumps({**ASKED, "messages": [{"role": "user", "content": content}]}).encode()

    async def run() -> int:
        upstream = Upstream("http://127.0.0.1:9", Settings.read())
        pool, fetcher = Counting(threads=1, queue=1), Fetcher(Rules(stroke_s=0.1))
        gate = Gate(examiner, upstream, pool, fetcher)
        await told(
            await gate.handle(
                Call(provider=OpenAIChat(), path="/v1/chat/completions", headers=(), body=body)
            )
        )
        await upstream.close()
        fetcher.close()
        return pool.given

    assert asyncio.run(run()) == trips


def test_a_pool_gives_up_waiting_and_keeps_the_place_of_what_still_runs() -> None:
    held = Event()

    async def run() -> None:
        pool = InspectionPool(threads=1, queue=0)
        with pytest.raises(Overloaded):
            await pool.run(lambda: held.wait(10), 0.05)
        with pytest.raises(Overloaded):
            await pool.run(lambda: None, 5)
        held.set()
        await asyncio.sleep(0.1)
        assert await pool.run(lambda: "free again", 5) == "free again"

    asyncio.run(run())
