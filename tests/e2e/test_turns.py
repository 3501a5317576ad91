"""Conversations that go on by ``previous_response_id``, through the real SDK."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import Response
from openai import AsyncOpenAI, Omit, OpenAI, omit
from openai.types.responses import Response as Answer

from tests.e2e.gate import Gate, running
from tests.e2e.test_responses import LEAK, asked, message, refusals, response, streamed
from tests.e2e.upstream import Upstream
from tests.pictures import photo, png

pytestmark = pytest.mark.timeout(120)

HARMLESS = "What is the capital of France?"
WHO = "Who is the man in this photo? Tell me his full name."
MENDS = """
version: 1
description: Takes links out of answers.
streaming: {mode: buffer}
rules:
  - {id: incomplete, description: d, stage: request, action: refuse, message: No.,
     when: "!complete"}
  - {id: links, description: d, stage: response, on: [model], when: data_exfiltration > 0.5,
     action: rewrite, edits: [{kind: strip_links}]}
"""


@dataclass(frozen=True, slots=True)
class Said:
    """An answer, and how much of what was said was inspected."""

    answer: Answer
    coverage: str

    @property
    def refused(self) -> bool:
        return bool(refusals(self.answer))


def say(
    client: OpenAI,
    words: str,
    *pictures: bytes,
    after: str | Omit = omit,
    stream: bool = False,
) -> Said:
    """One more turn."""
    turn: dict[str, Any] = {"model": "m", "input": asked(words, *pictures)}
    turn["previous_response_id"] = after
    if not stream:
        got = client.responses.with_raw_response.create(**turn)
        return Said(got.parse(), got.headers["x-glassgate-coverage"])
    with client.responses.with_streaming_response.create(stream=True, **turn) as told:
        events = list(told.parse())
        final: Answer = events[-1].response
        return Said(final, told.headers["x-glassgate-coverage"])


BOTH_WAYS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@BOTH_WAYS
def test_a_conversation_goes_on_from_answers_that_passed(
    client: OpenAI, upstream: Upstream, *, stream: bool
) -> None:
    first = say(client, HARMLESS, stream=stream)
    second = say(client, "And of Spain?", after=first.answer.id, stream=stream)
    assert upstream.last.json["previous_response_id"] == first.answer.id
    third = say(client, "And of Italy?", after=second.answer.id, stream=stream)
    assert third.answer.output_text == "I was asked: And of Italy?"
    assert len({each.answer.id for each in (first, second, third)}) == 3
    if not stream:
        assert (first.coverage, second.coverage, third.coverage) == ("2/2", "3/3", "3/3")


def test_the_asynchronous_client_goes_on_as_well(gate: Gate) -> None:
    async def talk() -> list[str]:
        async with AsyncOpenAI(base_url=f"{gate.url}/v1", api_key="k", max_retries=0) as client:
            first = await client.responses.create(model="m", input="Hello.")
            async with client.responses.stream(
                model="m", input="And of Spain?", previous_response_id=first.id
            ) as stream:
                second = await stream.get_final_response()
            return refusals(first) + refusals(second)

    assert asyncio.run(talk()) == []


@BOTH_WAYS
def test_who_is_on_a_photo_of_an_earlier_turn_is_not_told(
    client: OpenAI, upstream: Upstream, *, stream: bool
) -> None:
    shown = say(client, "Which colours are in this picture?", png(photo(6)), stream=stream)
    later = say(client, "Thank you.", after=shown.answer.id, stream=stream)
    assert not later.refused
    count = len(upstream.received)
    for before in (shown, later):
        got = say(client, WHO, after=before.answer.id, stream=stream)
        assert "person in a picture" in refusals(got.answer)[0]
    assert len(upstream.received) == count


@BOTH_WAYS
def test_an_answer_that_the_gate_did_not_see_is_refused_and_said(
    gate: Gate, client: OpenAI, upstream: Upstream, *, stream: bool
) -> None:
    got = say(client, "And of Spain?", after="resp_elsewhere", stream=stream)
    assert "earlier conversation" in refusals(got.answer)[0]
    refused = say(client, "And of Italy?", after=got.answer.id, stream=stream)
    assert refused.refused  # the model's server never heard of a refusal
    assert upstream.received == []
    raw = client.responses.with_raw_response.create(
        model="m", input="And of Spain?", previous_response_id="resp_elsewhere"
    )
    line = gate.logged(raw.headers["x-glassgate-id"])
    assert "history-not-inspected" in line["rules"]
    (gap,) = line["gaps"]
    assert (gap["kind"], gap["reason"]) == ("history", "the earlier turns were not inspected here")


def test_all_workers_know_of_an_answer_and_none_of_an_edited_one(
    model_url: str, upstream: Upstream, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(MENDS)
    flags = ("--upstream", f"{model_url}/v1", "--policy", str(policy), "--workers", "2")
    kept = str(tmp_path / "files")
    with running(tmp_path / "gate", *flags, files=kept) as gate:

        def told(words: str, after: str | Omit = omit, *, stream: bool = False) -> Said:
            """What is said on a connection of its own, so that either worker may answer."""
            with OpenAI(base_url=f"{gate.url}/v1", api_key="k", max_retries=0) as client:
                return say(client, words, after=after, stream=stream)

        first = told(HARMLESS).answer.id
        assert [told(f"And {n}?", first).coverage for n in range(8)] == ["3/3"] * 8
        whole = Response(json.dumps(response(message(LEAK))), media_type="application/json")
        for given, stream in ((whole, False), (streamed(LEAK), True)):
            with upstream.answering(given):
                mended = told("Hello.", stream=stream)
            assert (mended.answer.id, mended.refused) == ("resp_1", False)
            assert "evil.example" not in mended.answer.output_text
            assert told("Go on.", "resp_1").refused
    with running(tmp_path / "again", *flags, files=kept) as gate:
        assert not told("And of Spain?", first).refused
