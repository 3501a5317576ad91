"""Whose payload a policy has kept, from the call to what a reviewer reads of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.pipeline.handle import Ledger
from service.store.capture import Vault, captures
from service.store.database import Database
from service.store.reader import read
from service.store.writer import Writer
from tests.service.pipeline.playing import ASKED, model, play, said, streamed
from tests.service.pipeline.words import examining

KEYS = Vault([bytes(32)])
BAD = {**ASKED, "messages": [{"role": "user", "content": "a bad thing"}]}
LONG = {**ASKED, "stream": True}
WORDS = "fine words, "


def kept(folder: Path, line: str, asked: dict[str, object], answer: bytes) -> list[list[str]]:
    """For each call that was decided on, the bodies kept of it; the call is made twice."""
    url = f"sqlite:///{folder}/audit.db"
    kind = "text/event-stream" if asked.get("stream") else "application/json"
    writer = Writer(Database(url), vault=KEYS)
    with model(answer, kind=kind) as (base, _):
        play(examining(folder, line), base, asked, asked, ledger=Ledger(writer=writer))
    assert writer.close(60.0) == 0
    database = Database(url)
    calls = dict.fromkeys(each.id for each in read(url))
    found = [[each.data.decode() for each in captures(database, KEYS, call, 0)] for call in calls]
    database.close()
    return found


ANSWER, WRONG = said("good day"), said("a bad answer")
STREAM = streamed(*[(0, {"content": WORDS})] * 40)
CUT = streamed(*[(0, {"content": WORDS})] * 40, (0, {"content": "bad"}))
ALL = "capture: {of: sample, share: 1.0, days: 2}"
CASES = {
    "nothing is asked for": ("", BAD, ANSWER, []),
    "none": ("capture: none", BAD, ANSWER, []),
    "flagged, and nothing is": ("capture: flagged", ASKED, ANSWER, []),
    "flagged": ("capture: flagged", BAD, ANSWER, [json.dumps(BAD)]),
    "the answer is flagged": (
        "capture: flagged",
        ASKED,
        WRONG,
        [json.dumps(ASKED), WRONG.decode()],
    ),
    "a sample": (ALL, ASKED, ANSWER, [json.dumps(ASKED), ANSWER.decode()]),
}


@pytest.mark.parametrize("case", CASES)
def test_bodies_are_kept_as_the_policy_says(case: str, tmp_path: Path) -> None:
    line, asked, answer, bodies = CASES[case]
    assert kept(tmp_path, line, asked, answer) == [bodies, bodies]


@pytest.mark.parametrize(("answer", "ends"), [(STREAM, WORDS), (CUT, "bad")])
def test_a_streamed_answer_is_kept_as_one(answer: bytes, ends: str, tmp_path: Path) -> None:
    for asked, written in kept(tmp_path, ALL, LONG, answer):
        assert json.loads(asked) == LONG
        content = json.loads(written)["choices"][0]["message"]["content"]
        assert content.startswith(WORDS)
        assert content.endswith(ends)
