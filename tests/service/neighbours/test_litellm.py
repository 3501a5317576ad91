"""LiteLLM's generic guardrail: what its proxy sends, and what it is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.service.neighbours.asking import BLUE, GREEN, GREY, RED, Told, ask, coloured

LITELLM = "/beta/litellm_basic_guardrail_api"


def request(
    *texts: str, images: list[str] | None = None, rows: list[Any] | None = None, **more: object
) -> dict[str, Any]:
    """A call as LiteLLM sends it; without ``rows``, as what fills only the lists does."""
    sent = {"input_type": "request", "texts": [*texts], "images": images, "model": "m"}
    return {**sent, "structured_messages": rows, "tools": None, "request_data": {}, **more}


def response(*texts: str, **more: object) -> dict[str, Any]:
    return {"input_type": "response", "texts": [*texts], "request_data": {}, **more}


def user(*texts: str, images: tuple[str, ...] = ()) -> dict[str, Any]:
    content: list[Any] = [{"type": "text", "text": text} for text in texts]
    content += [{"type": "image_url", "image_url": {"url": url}} for url in images]
    return {"role": "user", "content": content}


def call(arguments: str) -> dict[str, Any]:
    return {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}


SYSTEM = {"role": "system", "content": "never say bad"}
NONE: dict[str, Any] = {"action": "NONE"}
NO = {"action": "BLOCKED", "blocked_reason": "no"}
NOT_THIS = {"action": "BLOCKED", "blocked_reason": "not this answer"}
UNTOLD = "This could be made safe only by a change that cannot be told here."

CALLS = [
    (request("hello"), NONE),
    (request(), NONE),
    (request("hello", "bad"), NO),
    (request("hello", images=[coloured(GREY)]), NONE),
    (request("hello", images=[coloured(GREY), coloured(RED)]), NO),
    # The messages say whose words each are: an operator may name what a user may not say.
    (request("never say bad", "hello", rows=[SYSTEM, user("hello")]), NONE),
    (request("never say bad", "hello"), NO),
    # What stands in the lists alone is not lost, and what stands in the messages alone neither.
    (request("bad", rows=[user("hello")]), NO),
    (request(images=[coloured(RED)], rows=[user("hello")]), NO),
    (request(rows=[user("bad")]), NO),
    (request(rows=[{"role": "tool", "tool_call_id": "c", "content": "bad"}]), NO),
    (response("fine"), NONE),
    (response("fine", "bad"), NOT_THIS),
    (response(tool_calls=[call('{"x": "bad"}')]), NOT_THIS),
    (response(tool_calls=[call('{"x": "fine"}')]), NONE),
    (response("x", images=[coloured(RED)]), NONE),
]


@pytest.mark.parametrize(("body", "answer"), CALLS)
def test_a_call_passes_or_is_blocked(
    tmp_path: Path, body: dict[str, Any], answer: dict[str, Any]
) -> None:
    told = ask(tmp_path, LITELLM, body)
    assert (told.status, told.json) == (200, answer)


def intervened(told: Told) -> dict[str, Any]:
    assert told.json["action"] == "GUARDRAIL_INTERVENED"
    assert told.headers["x-glassgate-decision"] == "rewrite"
    answer: dict[str, Any] = told.json
    return answer


def test_a_masked_picture_takes_its_place_in_lists_and_messages(tmp_path: Path) -> None:
    pictures = (coloured(GREY), coloured(GREEN))
    rows = [SYSTEM, user("hello", images=pictures)]
    answer = intervened(ask(tmp_path, LITELLM, request("hello", images=[*pictures], rows=rows)))
    clean, masked = answer["images"]
    assert clean == pictures[0]
    assert masked not in pictures
    assert answer["texts"] == ["hello"]
    assert answer["structured_messages"] == [SYSTEM, user("hello", images=(clean, masked))]


def test_without_messages_a_masked_picture_stands_in_the_list(tmp_path: Path) -> None:
    pictures = [coloured(GREEN), coloured(GREY)]
    answer = intervened(ask(tmp_path, LITELLM, request("hello", images=pictures)))
    assert answer["images"][0] not in pictures
    assert answer["images"][1:] == pictures[1:]
    assert answer["texts"] == ["hello"]
    assert "structured_messages" not in answer


def test_an_instruction_is_added_to_the_messages(tmp_path: Path) -> None:
    rows = [SYSTEM, user("who is it")]
    answer = intervened(ask(tmp_path, LITELLM, request("who is it", rows=rows)))
    added = {"role": "system", "content": "name nobody"}
    assert answer["structured_messages"] == [SYSTEM, added, user("who is it")]


def test_a_picture_that_was_taken_out_is_a_text_of_its_message(tmp_path: Path) -> None:
    given = coloured(BLUE)
    sent = request(images=[given], rows=[user(images=(given,))])
    answer = intervened(ask(tmp_path, LITELLM, sent))
    (row,) = answer["structured_messages"]
    assert row == user("[A picture was removed here.]")
    assert "images" not in answer


def test_a_change_that_the_lists_cannot_tell_blocks(tmp_path: Path) -> None:
    for body in (
        request("who is it"),
        request("who is it", images=[coloured(GREEN)]),
        request("who is it", images=[coloured(GREEN)], rows=[]),
        request(images=[coloured(BLUE)]),
        request(images=[coloured(BLUE)], rows=[user("hello")]),
    ):
        assert ask(tmp_path, LITELLM, body).json == {"action": "BLOCKED", "blocked_reason": UNTOLD}


def test_a_picture_that_was_brought_to_size_comes_back_as_it_was_inspected(tmp_path: Path) -> None:
    """Forwarded, but not as it came: the model must see what was inspected."""
    given = coloured(GREY).replace("image/png", "image/jpeg")
    rows = [user("hello", images=(given,))]
    told = ask(tmp_path, LITELLM, request("hello", images=[given], rows=rows))
    assert told.headers["x-glassgate-decision"] == "forward"
    assert told.json["action"] == "GUARDRAIL_INTERVENED"
    (row,) = told.json["structured_messages"]
    assert row["content"][1]["image_url"]["url"] == told.json["images"][0] == coloured(GREY)


WRONG = [
    ({}, "/input_type"),
    (request() | {"input_type": "other"}, "/input_type"),
    (request(texts="x"), "/texts"),
    (request(texts=["x", 1]), "/texts/1"),
    (request(images=["data:,"]), "/images/0"),
    (request("x", images=[coloured(GREY), "data:image/png;base64,AAAA"]), "/images/1"),
    (request(rows=[user("x"), {"role": "nobody"}]), "/structured_messages/1/role"),
    (request(rows=[user("x", images=("data:,",))]), "/structured_messages/0/content/1"),
    (request(rows=[user("x")], tool_calls=[1]), "/tool_calls/0"),
]


@pytest.mark.parametrize(("body", "pointer"), WRONG)
def test_what_cannot_be_read_is_named(tmp_path: Path, body: object, pointer: str) -> None:
    told = ask(tmp_path, LITELLM, body)
    assert (told.status, told.json["error"]["param"]) == (400, pointer)
