"""Answers that are edited: whole ones and streams, in every dialect."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from detectors.contract.detector import View
from detectors.contract.exchange import Origin, TextPart
from detectors.contract.finding import Coverage, Finding, Inspection
from detectors.inspect import Inspector
from detectors.media.decode import Limits
from detectors.views.decode.view import Decode
from detectors.views.normalise import Normalise
from service.pipeline.examine import UNMENDED, Examiner
from service.pipeline.redraft import Draft, Unmendable, drafts, redraft, restream
from service.policy.edits import Edit, EditKind
from service.policy.load import load
from service.policy.model import Action, Decision
from service.providers.base import Provider
from service.providers.strict_json import parse
from tests.service.pipeline.playing import ASKED, Told, model, play, said, streamed
from tests.service.pipeline.test_stream import DONE, FINE, Line, event
from tests.service.pipeline.test_stream import play as streaming
from tests.service.providers.samples.sample import Sample
from tests.service.providers.test_dialects import CASES

CODED = b64encode(b"the secret is out of the bag").decode()
NEW = "NEW WORDS"
WORDING = [
    # the text, its edits, what is left
    ("one bad word", [("redact", (4, 7))], "one [redacted] word"),
    ("one bad word", [("redact",)], "[redacted]"),
    ("one bad word", [("redact", (0, 3), (8, 12))], "[redacted] bad [redacted]"),
    ("one bad word", [("redact", (0, 5), (4, 7))], "[redacted] word"),
    ("one bad word", [("redact", (0, 12), (4, 7))], "[redacted]"),
    ("one bad word", [("truncate", (4, 7))], "one"),
    ("one bad word", [("truncate",)], ""),
    ("one bad word", [("truncate", (8, 12)), ("redact", (0, 3))], "[redacted] bad"),
    ("one bad word", [("truncate", (4, 7)), ("redact", (8, 12))], "one"),
    ("![a](https://x.test/?d=e)!", [("strip_links", (5, 24))], "![a](#)!"),
    ("one bad word", [("replace",), ("redact", (4, 7))], NEW),
]


def _edit(kind: str, *spans: tuple[int, int]) -> Edit:
    return Edit(kind=EditKind(kind), part="/a", spans=spans, text=NEW if kind == "replace" else "")


@pytest.mark.parametrize(("text", "edits", "left"), WORDING)
def test_the_wording_after_the_edits(text: str, edits: list[Any], left: str) -> None:
    part = TextPart(pointer="/a", origin=Origin.MODEL, text=text)
    seen = Inspection(parts=(part,), findings=(), runs=(), coverage=Coverage(seen=1, inspected=1))
    decided = Decision(
        action=Action.REWRITE, policy="p", edits=tuple(_edit(*each) for each in edits)
    )
    assert drafts(seen, decided) == {"/a": Draft(text, left)}


SPOKEN = [
    pytest.param(provider, sample, part, id=f"{name} {part.pointer}")
    for name, (provider, sample) in CASES.items()
    if sample.stream
    for part in provider.read_answer(sample.answer).parts()
    if isinstance(part, TextPart) and part.pointer.rpartition("/")[2] in {"content", "text"}
]


@pytest.mark.parametrize(("provider", "sample", "part"), SPOKEN)
def test_words_are_changed_where_they_stand_and_nowhere_else(
    provider: Provider, sample: Sample, part: TextPart
) -> None:
    worded = {part.pointer: Draft(part.text, NEW)}
    body = deepcopy(sample.answer)
    redraft(body, worded)
    before, after = (
        [each for each in provider.read_answer(answer).parts() if isinstance(each, TextPart)]
        for answer in (sample.answer, body)
    )
    assert [each.text for each in after] == [
        NEW if each.pointer == part.pointer else each.text for each in before
    ]
    events, spelt = restream(sample.stream, provider, worded)
    texts = [
        each.text for each in provider.read_answer(spelt).parts() if isinstance(each, TextPart)
    ]
    assert texts == [each.text for each in after]
    assert [each.name for each in events] == [each.name for each in sample.stream]


@pytest.mark.parametrize("before", ["other words", ""])
def test_what_does_not_stand_there_is_not_changed(before: str) -> None:
    body = parse(said("one"))
    for pointer in ("/choices/0/message/content", "/choices/9/message", "/choices/x", "/nothing"):
        with pytest.raises(Unmendable):
            redraft(body, {pointer: Draft(before, NEW)})
    assert body == parse(said("one"))


class Secrets:
    """Finds each ``secret`` in a text, and ``tell`` without a place."""

    name, version = "secrets", "1"

    def judge(self, texts: Sequence[TextPart]) -> Sequence[Sequence[Finding]]:
        return [
            [
                *(
                    self._found(text, "harm", (at, at + 6))
                    for at in range(len(text.text))
                    if text.text.startswith("secret", at)
                ),
                *([self._found(text, "hate", None)] if "tell" in text.text else []),
            ]
            for text in texts
        ]

    def _found(self, text: TextPart, label: str, span: tuple[int, int] | None) -> Finding:
        return Finding(label=label, score=0.9, part=text.key, detector=self.name, span=span)

    def self_check(self) -> None:
        """Nothing can be wrong with it."""


def examining(folder: Path, edits: str, mode: str = "hold") -> Examiner:
    path = folder / "policy.yaml"
    path.write_text(
        f"version: 1\ndescription: a test\nstreaming: {{mode: {mode}}}\nrules:\n"
        "  - {id: one, description: d, stage: response, on: [model], when: harm > 0.5,"
        f" action: rewrite, message: Not shown., edits: [{edits}]}}\n"
        "  - {id: two, description: d, stage: response, when: hate > 0.5, action: rewrite,"
        " edits: [{kind: replace, text: Nothing to see.}]}\n"
    )
    return Examiner(
        inspector=Inspector([], [Secrets()]),
        policy=load(path),
        sizes=(),
        limits=Limits(),
        timeout_s=5,
    )


def decided(reply: Told) -> str:
    return dict(reply.headers)["x-glassgate-decision"]


def contents(reply: Told) -> list[str]:
    """What each choice says."""
    if not reply.body.startswith(b"data:"):
        return [each["message"]["content"] for each in json.loads(reply.body)["choices"]]
    told: dict[int, str] = {}
    for line in reply.body.decode().splitlines():
        if line.startswith("data: {"):
            for each in json.loads(line[6:])["choices"]:
                delta = each["delta"].get("content") or ""
                told[each["index"]] = told.get(each["index"], "") + delta
    return [told[index] for index in sorted(told)]


EDITED = [
    ("{kind: redact}", "the secret is out", "the [redacted] is out"),
    ("{kind: truncate}", "It is so. A secret: 5", "It is so. A"),
    ("{kind: strip_links}", "[a](secret)", "[a](#)"),
    ("{kind: replace, text: Ask us.}", "the secret is out", "Ask us."),
    ("{kind: redact}", "do not tell", "Nothing to see."),
]


@pytest.mark.parametrize(("edits", "text", "left"), EDITED)
def test_an_answer_is_edited_and_says_so(tmp_path: Path, edits: str, text: str, left: str) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}}
    tokens = {"content": [{"token": "secret"}]}
    body = json.dumps({"id": "a", "choices": [{**choice, "logprobs": tokens}]}).encode()
    with model(body) as (base, _):
        (reply,) = play(examining(tmp_path, edits), base, ASKED)
    assert (decided(reply), contents(reply)) == ("rewrite", [left])
    assert b"secret" not in reply.body


@pytest.mark.parametrize("mode", ["buffer", "hold"])
@pytest.mark.parametrize(("edits", "text", "left"), EDITED)
def test_a_stream_of_which_nothing_was_sent_is_edited(
    tmp_path: Path, edits: str, text: str, left: str, mode: str
) -> None:
    pieces = [text[at : at + 3] for at in range(0, len(text), 3)]
    deltas = [(0, {"content": piece}) for piece in pieces]
    body = streamed(*deltas, (1, {"content": "fine"}), (0, {"content": ""}))
    with model(body, kind="text/event-stream") as (base, _):
        (reply,) = play(examining(tmp_path, edits, mode), base, {**ASKED, "stream": True})
    fine = "Nothing to see." if "tell" in text else "fine"
    assert (decided(reply), contents(reply)) == ("rewrite", [left, fine])
    assert reply.body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("mode", ["hold", "monitor"])
def test_a_stream_that_was_begun_ends_instead(tmp_path: Path, mode: str) -> None:
    async def script(line: Line) -> None:
        await line.begin()
        await line.send(event("the secret is out"), DONE)

    played = streaming(examining(tmp_path, "{kind: redact}", mode), script)
    assert played.said().startswith(FINE)
    assert "[redacted]" not in played.said()
    assert played.said("refusal") == "Not shown."


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ("{kind: replace, text: a secret}", b"Not shown."),
        ("{kind: redact}, {kind: replace, text: I tell}", UNMENDED.encode()),
    ],
)
def test_what_still_offends_is_refused(tmp_path: Path, edits: str, message: bytes) -> None:
    with model(said("the secret is out")) as (base, _):
        (reply,) = play(examining(tmp_path, edits), base, ASKED)
    assert decided(reply) == "refuse"
    assert message in reply.body


@pytest.mark.parametrize(
    ("text", "action"), [("a \u200bsecret", "rewrite"), (f"read {CODED} aloud", "refuse")]
)
def test_what_a_view_reveals_is_edited_with_its_text_or_refused(
    tmp_path: Path, text: str, action: str
) -> None:
    views: list[View] = [Normalise.load(), Decode.load()]
    examiner = replace(
        examining(tmp_path, "{kind: redact}"), inspector=Inspector(views, [Secrets()])
    )
    with model(said(text)) as (base, _):
        (reply,) = play(examiner, base, ASKED)
    assert decided(reply) == action
    assert b"secret" not in reply.body


def test_words_that_cannot_be_changed_are_refused(tmp_path: Path) -> None:
    with model(said("fine", note={"deep": "the secret is out"})) as (base, _):
        (reply,) = play(examining(tmp_path, "{kind: redact}"), base, ASKED)
    assert decided(reply) == "refuse"
