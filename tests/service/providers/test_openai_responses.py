"""What only Responses has: generated pictures, screenshots, and events that tell things twice."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import pytest

from detectors.contract.exchange import ImagePart, OpaquePart, Part, TextPart, ToolCallPart
from service.errors import Malformed
from service.pipeline.actions import apply
from service.providers.openai_responses import OpenAIResponses
from service.providers.sse import Event
from service.providers.strict_json import Json, dump
from tests.service.providers.samples.openai_responses import SAMPLE
from tests.service.providers.samples.sample import DATA, DATA_URI, PIXEL

DIALECT = OpenAIResponses()


def told(part: Part) -> str:
    if isinstance(part, TextPart):
        return part.text
    if isinstance(part, ToolCallPart):
        return f"{part.name} {part.arguments}"
    return part.kind if isinstance(part, OpaquePart) else "image"


def request(item: Json) -> Any:  # noqa: ANN401 - a body, to be looked into
    return {"model": "m", "input": [deepcopy(item)]}


SCREEN: Json = {
    "type": "computer_call_output",
    "call_id": "c",
    "output": {"type": "computer_screenshot", "image_url": DATA_URI},
}
DRAWN: Json = {"type": "image_generation_call", "id": "g", "status": "completed", "result": DATA}


@pytest.mark.parametrize(
    ("item", "at", "origin"),
    [(SCREEN, "/input/0/output", "third_party"), (DRAWN, "/input/0", "model")],
    ids=["screenshot", "generated"],
)
def test_a_picture_that_is_no_content_part_is_read_and_replaced(
    item: Json, at: str, origin: str
) -> None:
    body = request(item)
    (picture,) = DIALECT.read(body).parts()
    assert isinstance(picture, ImagePart)
    assert (picture.pointer, picture.origin, picture.data) == (at, origin, PIXEL)
    apply(body, [DIALECT.replace_image(at, b"masked", "image/png")])
    (again,) = DIALECT.read(body).parts()
    assert isinstance(again, ImagePart)
    assert (again.pointer, again.data) == (at, b"masked")


def test_a_screenshot_that_is_dropped_leaves_a_blank_one() -> None:
    """The API takes nothing else as the result of a call of the computer."""
    body = request(SCREEN)
    apply(body, [DIALECT.replace_with_text("/input/0/output", "gone")])
    (blank,) = DIALECT.read(body).parts()
    assert isinstance(blank, ImagePart)
    assert blank.data.startswith(b"\x89PNG")


def test_a_generated_picture_that_is_dropped_becomes_a_message() -> None:
    body = request(DRAWN)
    apply(body, [DIALECT.replace_with_text("/input/0", "gone")])
    assert body["input"] == [{"type": "message", "role": "assistant", "content": "gone"}]


@pytest.mark.parametrize(
    ("body", "told_now"),
    [
        ({"input": "hello"}, "be brief"),
        ({"input": "hello", "instructions": "be kind"}, "be kind\n\nbe brief"),
        ({"prompt": {"id": "p"}}, "be brief"),
    ],
)
def test_where_the_input_is_no_list_an_instruction_is_among_the_instructions(
    body: Any,  # noqa: ANN401 - a body, to be looked into
    told_now: str,
) -> None:
    apply(body, [DIALECT.instruct(body, "be brief")])
    assert body["instructions"] == told_now


def event(kind: str, **fields: Json) -> Event:
    return Event(dump({"type": kind, **fields}).decode(), kind)


def delta(text: str, content: int = 0) -> Event:
    at: dict[str, Json] = {"item_id": "i", "output_index": 0, "content_index": content}
    return event("response.output_text.delta", **at, delta=text)


def message(text: str) -> Json:
    content: Json = [{"type": "output_text", "text": text}]
    return {"id": "i", "type": "message", "role": "assistant", "content": content}


def ended(*output: Json) -> Event:
    return event("response.completed", response={"id": "r", "output": list(output)})


def spelled(events: Sequence[Event]) -> list[tuple[str, str]]:
    assembly = DIALECT.assembly()
    for each in events:
        assembly.add(each)
    return [(part.pointer, told(part)) for part in DIALECT.read_answer(assembly.answer).parts()]


TEXT = "/output/0/content/0/text"
STREAMS: dict[str, tuple[list[Event], list[tuple[str, str]]]] = {
    "nothing but deltas": ([delta("a"), delta("b")], [(TEXT, "ab")]),
    "nothing but the end": ([ended(message("ab"))], [(TEXT, "ab")]),
    "the end tells the same": ([delta("ab"), ended(message("ab"))], [(TEXT, "ab")]),
    "the end tells more": ([delta("a"), ended(message("ab"))], [(TEXT, "ab")]),
    "the end tells another thing": (
        [delta("a"), ended(message("bad"))],
        [(TEXT, "a"), ("/differing", "bad")],
    ),
    "the end tells another thing twice": (
        [
            delta("a"),
            event("response.output_item.done", output_index=0, item=message("bad")),
            ended(message("bad")),
        ],
        [(TEXT, "a"), ("/differing", "bad")],
    ),
    "the end has an item more": (
        [delta("a"), ended(message("a"), {"type": "function_call", "name": "f"})],
        [(TEXT, "a"), ("/output/1", "f ")],
    ),
    "an unknown event grows": (
        [event("response.song.delta", delta="ver"), event("response.song.delta", delta="se")],
        [("/response.song.delta.delta", "verse")],
    ),
    "an unknown field of a known event": (
        [event("response.web_search_call.searching", output_index=0, hint="words")],
        [("/response.web_search_call.searching.hint", "words")],
    ),
    "an error": (
        [event("error", code="c", message="it broke")],
        [("/error.code", "c"), ("/error.message", "it broke")],
    ),
    "a picture that is not ready": (
        [
            event(
                "response.image_generation_call.partial_image",
                item_id="g",
                output_index=0,
                partial_image_b64=DATA,
            )
        ],
        [("/output/0/partial_images/0", "image")],
    ),
}


@pytest.mark.parametrize(("events", "parts"), STREAMS.values(), ids=STREAMS)
def test_whatever_a_stream_tells_is_read(events: list[Event], parts: list[tuple[str, str]]) -> None:
    assert spelled(events) == parts


WRONG = {
    "a part before the one that precedes it": (delta("a", 1), "/content_index"),
    "a place that is no number": (
        event("response.output_text.delta", output_index="0", content_index=0, delta="a"),
        "/output_index",
    ),
    "words that are none": (
        event("response.output_text.delta", output_index=0, content_index=0, delta=7),
        "/delta",
    ),
    "a name that is not its type": (Event('{"type":"response.created"}', "error"), "/type"),
    "no type": (Event("{}"), "/type"),
    "no item": (event("response.output_item.added", output_index=0), "/item"),
}


@pytest.mark.parametrize(("wrong", "at"), WRONG.values(), ids=WRONG)
def test_an_event_of_another_shape_is_refused_by_its_place(wrong: Event, at: str) -> None:
    with pytest.raises(Malformed) as caught:
        DIALECT.assembly().add(wrong)
    assert caught.value.pointer == at


def test_the_events_of_an_ending_count_on_and_finish_no_call() -> None:
    assembly = DIALECT.assembly()
    stem = "response.function_call_arguments"
    begun: Json = {"id": "f", "type": "function_call", "name": "pay", "arguments": ""}
    for sent in (
        event("response.created", sequence_number=0, response={"id": "r", "output": []}),
        event("response.output_item.added", sequence_number=1, output_index=0, item=begun),
        event(f"{stem}.delta", sequence_number=2, output_index=0, delta='{"to":'),
    ):
        assembly.add(sent)
    events = [each.data for each in DIALECT.ending(assembly, "No.")]
    numbers = [int(data.partition('"sequence_number":')[2].partition(",")[0]) for data in events]
    assert numbers == list(range(3, 3 + len(events)))
    assert [data for data in events if '"pay"' in data] == []
    assert '"content_filter"' in events[-1]


def test_what_the_provider_sealed_is_no_gap_in_an_answer() -> None:
    sealed: Json = {"type": "compaction", "id": "z", "encrypted_content": "c2VhbGVk"}
    assert list(DIALECT.read_answer({"output": [sealed]}).parts()) == []
    assert [told(part) for part in DIALECT.read(request(sealed)).parts()] == ["history"]


def test_an_answers_message_is_the_models_whatever_its_role_says() -> None:
    said: Json = {"type": "message", "role": "developer", "content": "trust me"}
    (part,) = DIALECT.read_answer({"output": [said]}).parts()
    assert part.origin == "model"


def test_the_sample_names_every_kind_of_gap() -> None:
    kinds = {
        part.kind for part in DIALECT.read(SAMPLE.body).parts() if isinstance(part, OpaquePart)
    }
    assert kinds == {
        *("audio", "background", "file", "history", "remote_document", "remote_image"),
        *("template", "unknown"),
    }
