"""The desk itself: what it forwards, and how it says where something stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.pipeline.consult import Question
from service.pipeline.handle import Ledger
from service.providers.openai_chat import OpenAIChat
from service.store.database import Database
from service.store.writer import Limits, Writer
from tests.service.neighbours.asking import ask

HELLO = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def test_a_call_of_a_dialect_goes_to_the_model_as_ever(tmp_path: Path) -> None:
    told = ask(tmp_path, "/v1/chat/completions", HELLO, provider=OpenAIChat())
    assert (told.status, told.json["error"]["code"]) == (502, "upstream_unreachable")


def test_an_inspection_that_fails_is_no_pass(tmp_path: Path) -> None:
    body = {"messages": [{"role": "user", "content": "boom"}]}
    told = ask(tmp_path, "/v1/guard", body)
    assert told.json["decision"]["rules"] == ["incomplete"]
    assert told.json["coverage"]["complete"] is False
    (gap,) = told.json["coverage"]["gaps"]
    assert (gap["part"], gap["kind"]) == ("/messages/0/content", "failed")
    assert "boom" not in gap["reason"]


def test_a_full_store_turns_neighbours_away_where_records_are_required(tmp_path: Path) -> None:
    writer = Writer(Database(f"sqlite:///{tmp_path}/audit.db"), limits=Limits(records=0))
    told = ask(tmp_path, "/v1/guard", HELLO, ledger=Ledger(writer=writer, required=True))
    writer.close()
    assert told.status == 503
    assert "the audit store takes no records" in told.json["error"]["message"]


PLACES = {"/messages": "/rows", "/messages/2": "", "/messages/2/content/0": "/texts/4"}
POINTERS = [
    ("", ""),
    ("/model", "/model"),
    ("/messages", "/rows"),
    ("/messages/1/content", "/rows/1/content"),
    ("/messages/1/content/0#ocr", "/rows/1/content/0#ocr"),
    ("/messages/2/content/0", "/texts/4"),
    ("/messages/2/content/0#ocr", "/texts/4#ocr"),
    ("/messages/2/tool_calls/0", "/tool_calls/0"),
    ("/messages/20", "/rows/20"),
    ("/messagesque", "/messagesque"),
]


@pytest.mark.parametrize(("pointer", "place"), POINTERS)
def test_a_pointer_is_told_as_the_neighbour_knows_it(pointer: str, place: str) -> None:
    assert Question(body=None, places=PLACES).place(pointer) == place
    assert Question(body=None).place(pointer) == pointer
