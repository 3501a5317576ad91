"""Requests that go on from an answer that the model's server keeps, by its id."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from detectors.inspect import Inspector
from detectors.media.decode import Limits
from service.pipeline.examine import Examiner
from service.pipeline.handle import Call
from service.pipeline.uploads import Uploads, by
from service.policy.load import load
from service.providers import sse
from service.providers.sse import Event
from service.store.files import Files
from tests.dialects.dialect import Voice
from tests.dialects.responses import Responses
from tests.pictures import photo, png
from tests.service.pipeline.playing import Told, model, play
from tests.service.pipeline.test_shown import Blind
from tests.service.pipeline.words import Words

POLICY = """\
version: 1
description: a test
streaming: {mode: MODE, window: 40, wait_s: 60}
rules:
  - {id: gap, description: d, stage: request, when: "!complete", action: refuse, message: unseen}
  - {id: who, description: d, stage: request, on: [user], when: images > 0 && identity > 0.5,
     action: refuse, message: nobody}
  - {id: named, description: d, stage: response, on: [model],
     when: images_shown > 0 && identity > 0.5, action: refuse, message: nobody}
  - {id: harm, description: d, stage: response, when: harm > 0.5, action: refuse, message: never}
  - {id: hate, description: d, stage: response, on: [model], when: hate > 0.5, action: rewrite,
     edits: [{kind: replace, text: gone}]}
"""
DIALECT = Responses()
PHOTO = png(photo(1))


@dataclass
class Talk:
    """One conversation after the other, each call through a gate of its own."""

    examiner: Examiner
    stream: bool

    def say(  # noqa: PLR0913 - what is asked, and what is answered
        self,
        words: str,
        answer: str = "fine",
        *,
        named: str = "r",
        after: str | None = None,
        picture: bool = False,
        status: str = "completed",
        **more: object,
    ) -> str:
        """What the gate decides on a turn whose answer the model's server names so."""
        shown = [DIALECT.picture(PHOTO)] if picture else []
        asked = DIALECT.body(DIALECT.user(DIALECT.text(words), *shown), stream=self.stream)
        asked |= {"previous_response_id": after, **more}
        voice = Voice([answer[:2], answer[2:]])
        whole = {**DIALECT.answer(voice), "id": named, "status": status}
        told = [*DIALECT.speech(voice).events[:-1], _last(whole)]
        body = sse.encode(told) if self.stream else json.dumps(whole).encode()
        kind = "text/event-stream" if self.stream else "application/json"
        with model(body, kind=kind) as (base, _):
            (reply,) = play(self.examiner, base, _call(asked))
        return _decision(reply)


def _last(whole: dict[str, Any]) -> Event:
    data = {"type": f"response.{whole['status']}", "sequence_number": 99, "response": whole}
    return Event(json.dumps(data), str(data["type"]))


def _call(asked: dict[str, Any]) -> Call:
    raw = json.dumps(asked).encode()
    return Call(provider=DIALECT.provider(), path=DIALECT.path(), headers=(), body=raw)


def _decision(reply: Told) -> str:
    """The refusal's message, which tells the rule and may come in mid-stream; else the decision."""
    messages = ("unseen", "nobody", "never")
    said = (each for each in messages if f'"{each}"'.encode() in reply.body)
    return next(said, dict(reply.headers)["x-glassgate-decision"])


@pytest.fixture(params=["whole", "hold", "buffer", "monitor"])
def talk(tmp_path: Path, request: pytest.FixtureRequest) -> Talk:
    path = tmp_path / "policy.yaml"
    mode = "hold" if request.param == "whole" else request.param
    path.write_text(POLICY.replace("MODE", mode))
    examiner = Examiner(
        inspector=Inspector([Blind()], [Words()]),
        policy=load(path),
        sizes=(),
        limits=Limits(),
        timeout_s=5,
        uploads=Uploads(Files(tmp_path / "uploads"), by({"words": "1"})),
    )
    return Talk(examiner, stream=request.param != "whole")


def test_a_turn_that_was_inspected_can_be_gone_on_from(talk: Talk) -> None:
    assert talk.say("hello", named="r1", after="r0") == "unseen"
    assert talk.say("hello", named="r1") == "forward"
    assert talk.say("hello", named="r2", after="r1") == "forward"
    assert talk.say("hello", named="r3", after="r2") == "forward"
    assert talk.say("hello", named="r4", after="r1") == "forward"
    assert talk.say("hello", after="r5") == "unseen"


def test_a_picture_of_an_earlier_turn_counts_as_shown(talk: Talk) -> None:
    assert talk.say("who is it") == "forward"
    assert talk.say("what is it", picture=True, named="r1") == "forward"
    assert talk.say("hello", named="r2", after="r1") == "forward"
    for before in ("r1", "r2"):
        assert talk.say("who is it", after=before) == "nobody"
        assert talk.say("hello", "the one who", after=before) == "nobody"


def test_a_question_of_an_earlier_turn_is_one_about_a_picture_of_now(talk: Talk) -> None:
    assert talk.say("who is it", named="r1") == "forward"
    assert talk.say("here you are", picture=True, after="r1") == "nobody"


# What is kept by the model's server is more than what was inspected, or something else.
UNKNOWN: dict[str, dict[str, Any]] = {
    "an answer that is refused": {"answer": "bad"},
    "an answer that is edited": {"answer": "hateful"},
    "an answer that is not kept": {"store": False},
    "an answer that failed": {"status": "failed"},
    "a request that was not inspected whole": {"conversation": "conv_1"},
}


@pytest.mark.parametrize("turn", UNKNOWN.values(), ids=UNKNOWN)
def test_what_differs_from_what_was_inspected_is_not_gone_on_from(
    talk: Talk, tmp_path: Path, turn: dict[str, Any]
) -> None:
    path = tmp_path / "lenient.yaml"
    path.write_text((tmp_path / "policy.yaml").read_text().replace('"!complete"', "harm > 0.9"))
    lenient = replace(talk, examiner=replace(talk.examiner, policy=load(path)))
    lenient.say("hello", **turn, named="r1")
    assert (known := talk.examiner.uploads) is not None
    assert known.files.turns("turn:r1", known.detectors) == []
    assert talk.say("hello", after="r1") == "unseen"


def test_what_other_detectors_inspected_is_not_known(talk: Talk) -> None:
    assert talk.say("hello", named="r1") == "forward"
    assert talk.examiner.uploads is not None
    later = replace(talk.examiner.uploads, detectors=by({"words": "2"}))
    now = replace(talk, examiner=replace(talk.examiner, uploads=later))
    assert now.say("hello", after="r1") == "unseen"


def test_the_policy_of_now_decides_about_an_earlier_turn(talk: Talk, tmp_path: Path) -> None:
    assert talk.say("you are bad", named="r1") == "forward"
    path = tmp_path / "policy.yaml"
    rule = "  - {id: now, description: d, stage: request, on: [user], when: harm > 0.5,"
    path.write_text(f"{path.read_text()}{rule} action: refuse, message: never}}\n")
    now = replace(talk, examiner=replace(talk.examiner, policy=load(path)))
    assert now.say("hello", after="r1") == "never"
