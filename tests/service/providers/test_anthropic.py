"""What only Anthropic Messages has. What every dialect has: ``test_dialects.py``."""

from __future__ import annotations

import pytest

from detectors.contract.exchange import ImagePart, Role, TextPart
from service.errors import BodyTooLarge, GlassgateError, Malformed, Overloaded, UpstreamTimeout
from service.pipeline.actions import apply
from service.providers.anthropic import AnthropicMessages
from service.providers.anthropic_events import event
from service.providers.sse import Event
from service.providers.strict_json import Json
from tests.service.providers.samples.sample import DATA

ANTHROPIC = AnthropicMessages()


def body(content: Json, **more: Json) -> dict[str, Json]:
    return {"model": "m", "messages": [{"role": "user", "content": content}], **more}


def test_what_a_tool_brought_back_is_no_word_of_the_users() -> None:
    result: Json = {"type": "tool_result", "tool_use_id": "t", "content": "sunny"}
    said: Json = {"type": "text", "text": "and tomorrow?"}
    read = ANTHROPIC.read(body([result, said]))
    told = [(message.role, [part.pointer for part in message.parts]) for message in read.messages]
    assert told == [
        (Role.TOOL, ["/messages/0/content/0/content"]),
        (Role.USER, ["/messages/0/content/1/text"]),
    ]


def test_a_screenshot_in_a_result_can_be_replaced_where_it_stands() -> None:
    source: Json = {"type": "base64", "media_type": "image/png", "data": DATA}
    screen: Json = {"type": "image", "source": source}
    asked = body([{"type": "tool_result", "tool_use_id": "t", "content": [screen]}])
    (picture,) = ANTHROPIC.read(asked).parts()
    apply(asked, [ANTHROPIC.replace_image(picture.pointer, b"masked", "image/webp")])
    (again,) = ANTHROPIC.read(asked).parts()
    assert isinstance(again, ImagePart)
    assert (again.data, again.media_type, again.origin) == (b"masked", "image/webp", picture.origin)


SYSTEMS: dict[str, tuple[dict[str, Json], list[str]]] = {
    "none": ({}, ["name nobody"]),
    "null": ({"system": None}, ["name nobody"]),
    "a string": ({"system": "be kind"}, ["be kind", "name nobody"]),
    "blocks": (
        {"system": [{"type": "text", "text": "be kind", "cache_control": {"type": "ephemeral"}}]},
        ["be kind", "name nobody"],
    ),
}


@pytest.mark.parametrize(("system", "told"), SYSTEMS.values(), ids=SYSTEMS)
def test_an_instruction_comes_after_the_operators_own(
    system: dict[str, Json], told: list[str]
) -> None:
    asked = body("Hello.", **system)
    apply(asked, [ANTHROPIC.instruct(asked, "name nobody")])
    operator = ANTHROPIC.read(asked).messages[0]
    assert [part.text for part in operator.parts if isinstance(part, TextPart)] == told


MALFORMED = {
    "another block than the next": event("content_block_start", index=1, content_block={}),
    "a delta of no block": event("content_block_delta", index=0, delta={"type": "text_delta"}),
    "the end of no block": event("content_block_stop", index=0),
    "an index that is none": event("content_block_start", index=True, content_block={}),
    "a name that is not the type": Event('{"type":"message_stop"}', "ping"),
    "no type": Event("{}", "ping"),
    "a message within the message": event("message_start", message={"content": []}),
}


@pytest.mark.parametrize("wrong", MALFORMED.values(), ids=MALFORMED)
def test_a_stream_that_clients_may_read_in_two_ways_is_malformed(wrong: Event) -> None:
    assembly = ANTHROPIC.assembly()
    assembly.add(event("message_start", message={"content": []}))
    with pytest.raises(Malformed):
        assembly.add(wrong)


def test_what_an_event_says_beside_its_fields_is_read_too() -> None:
    assembly = ANTHROPIC.assembly()
    for each in (
        event("message_start", message={"content": []}, note="first"),
        event("ping", note=" second"),
        event("hologram", shown="third"),
        event("message_delta", delta={"stop_reason": "end_turn", "content": "fourth"}),
    ):
        assembly.add(each)
    (part,) = ANTHROPIC.read_answer(assembly.answer).parts()
    assert isinstance(part, TextPart)
    assert part.text == "note\nfirst second\nshown\nthird\ncontent\nfourth"


def test_an_error_of_the_upstreams_ends_the_stream_and_is_read() -> None:
    assembly = ANTHROPIC.assembly()
    assembly.add(event("message_start", message={"content": []}))
    assembly.add(event("error", error={"type": "overloaded_error", "message": "too busy"}))
    assert assembly.done
    (part,) = ANTHROPIC.read_answer(assembly.answer).parts()
    assert "too busy" in getattr(part, "text", "")


ERRORS: list[tuple[GlassgateError, str]] = [
    (Malformed("x"), "invalid_request_error"),
    (BodyTooLarge("x"), "request_too_large"),
    (Overloaded("x"), "overloaded_error"),
    (UpstreamTimeout("x"), "timeout_error"),
    (GlassgateError("x"), "api_error"),
]


@pytest.mark.parametrize(("error", "kind"), ERRORS, ids=[kind for _, kind in ERRORS])
def test_an_error_is_of_the_kind_that_clients_know(error: GlassgateError, kind: str) -> None:
    assert ANTHROPIC.error(error) == {"type": "error", "error": {"type": kind, "message": "x"}}
    assert [each.name for each in ANTHROPIC.failure(error)] == ["error"]
