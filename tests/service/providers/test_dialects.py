"""What holds for every dialect. A new one adds its sample to SAMPLES."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import pytest

from detectors.contract.exchange import ImagePart, OpaquePart, Part, TextPart, ToolCallPart
from service.errors import Malformed, Overloaded
from service.pipeline.actions import apply
from service.providers.base import Provider
from service.providers.sse import Event
from service.providers.strict_json import Json
from service.providers.table import ENDPOINTS
from tests.places import places, replaced

PIXEL = b"not decoded here"
DATA_URI = f"data:image/png;base64,{base64.b64encode(PIXEL).decode()}"


@dataclass(frozen=True)
class Sample:
    """One request of a dialect that holds something of everything, and what must be seen."""

    body: Json
    seen: list[tuple[str, str, str]]  # pointer, origin, text or kind
    answer: Json
    answered: list[tuple[str, str]]


SAMPLES = {
    "openai_chat": Sample(
        body={
            "model": "m",
            "n": 2,
            "top_k": 3,
            "documents": [{"text": "unknown field"}],
            "tools": [{"type": "function", "function": {"name": "f", "description": "finds"}}],
            "messages": [
                {"role": "system", "content": "be kind"},
                {"role": "developer", "content": [{"type": "text", "text": "be brief"}]},
                {
                    "role": "user",
                    "name": "ann",
                    "content": [
                        {"type": "text", "text": "first"},
                        {"type": "image_url", "image_url": {"url": DATA_URI, "detail": "low"}},
                        {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}},
                        {"type": "text", "text": "last"},
                        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
                        {"type": "file", "file": {"file_id": "f-1"}},
                        {"type": "hologram", "hologram": "new"},
                    ],
                },
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "c1",
                            "type": "function",
                            "function": {"name": "f", "arguments": '{"q":"cats"}'},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": "c1", "content": "the result"},
                {"role": "user", "content": "thanks", "reasoning": {"hint": "extra"}},
            ],
        },
        seen=[
            ("/documents", "operator", "text\nunknown field"),
            ("/tools/0", "operator", "type\nfunction\nfunction\nname\nf\ndescription\nfinds"),
            ("/messages/0/content", "operator", "be kind"),
            ("/messages/1/content/0/text", "operator", "be brief"),
            ("/messages/2/name", "user", "ann"),
            ("/messages/2/content/0/text", "user", "first"),
            ("/messages/2/content/1", "user", "image"),
            ("/messages/2/content/2", "user", "remote_image"),
            ("/messages/2/content/3/text", "user", "last"),
            ("/messages/2/content/4", "user", "audio"),
            ("/messages/2/content/5", "user", "file"),
            ("/messages/2/content/6", "user", "unknown"),
            ("/messages/3/tool_calls/0/function", "model", 'f {"q":"cats"}'),
            ("/messages/4/content", "third_party", "the result"),
            ("/messages/5/content", "user", "thanks"),
            ("/messages/5/reasoning", "user", "hint\nextra"),
        ],
        answer={
            "id": "x",
            "model": "m",
            "citations": ["https://x.test"],
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": "one"}},
                {
                    "index": 1,
                    "message": {
                        "role": "assistant",
                        "content": None,
                        "refusal": "no",
                        "reasoning_content": "hm",
                        "tool_calls": [
                            {
                                "id": "c",
                                "type": "function",
                                "function": {"name": "g", "arguments": "{}"},
                            }
                        ],
                    },
                },
            ],
        },
        answered=[
            ("/choices/0/message/content", "one"),
            ("/choices/1/message/refusal", "no"),
            ("/choices/1/message/reasoning_content", "hm"),
            ("/choices/1/message/tool_calls/0/function", "g {}"),
            ("/citations", "https://x.test"),
        ],
    ),
}


def _told(part: Part) -> str:
    if isinstance(part, TextPart):
        return part.text
    if isinstance(part, ToolCallPart):
        return f"{part.name} {part.arguments}"
    return part.kind if isinstance(part, OpaquePart) else "image"


@pytest.fixture(params=ENDPOINTS.values(), ids=lambda provider: provider.dialect)
def provider(request: pytest.FixtureRequest) -> Provider:
    found: Provider = request.param
    return found


@pytest.fixture
def sample(provider: Provider) -> Sample:
    return SAMPLES[provider.dialect]


def test_every_part_of_a_request_is_seen_with_its_place_and_origin(
    provider: Provider, sample: Sample
) -> None:
    parts = list(provider.read(sample.body).parts())
    assert [(part.pointer, part.origin, _told(part)) for part in parts] == sample.seen


def test_the_bytes_of_a_picture_are_those_that_were_sent(
    provider: Provider, sample: Sample
) -> None:
    pictures = [part for part in provider.read(sample.body).parts() if isinstance(part, ImagePart)]
    assert [(part.data, part.media_type, part.detail) for part in pictures] == [
        (PIXEL, "image/png", "low")
    ]


def test_every_choice_of_an_answer_is_seen(provider: Provider, sample: Sample) -> None:
    parts = list(provider.read_answer(sample.answer).parts())
    assert [(part.pointer, _told(part)) for part in parts] == sample.answered


def test_a_replaced_picture_is_the_one_that_is_read_again(
    provider: Provider, sample: Sample
) -> None:
    body = deepcopy(sample.body)
    picture = next(p for p in provider.read(body).parts() if isinstance(p, ImagePart))
    apply(body, [provider.replace_image(picture.pointer, b"new", "image/jpeg")])
    again = next(p for p in provider.read(body).parts() if isinstance(p, ImagePart))
    assert (again.data, again.media_type, again.detail) == (b"new", "image/jpeg", "low")


def test_a_dropped_picture_leaves_a_text_in_its_place(provider: Provider, sample: Sample) -> None:
    body = deepcopy(sample.body)
    before = list(provider.read(body).parts())
    place = next(i for i, part in enumerate(before) if isinstance(part, ImagePart))
    apply(body, [provider.replace_with_text(before[place].pointer, "gone")])
    after = list(provider.read(body).parts())
    assert isinstance(after[place], TextPart)
    assert [_told(part) for part in after] == [
        "gone" if i == place else _told(part) for i, part in enumerate(before)
    ]


def test_an_instruction_is_the_operators_and_leaves_the_rest_alone(
    provider: Provider, sample: Sample
) -> None:
    body = deepcopy(sample.body)
    before = [_told(part) for part in provider.read(body).parts()]
    apply(body, [provider.instruct(body, "name nobody")])
    after = list(provider.read(body).parts())
    added = [part for part in after if _told(part) == "name nobody"]
    assert [part.origin for part in added] == ["operator"]
    assert [_told(part) for part in after if part not in added] == before


def test_a_refusal_reads_as_the_models_own_words(provider: Provider, sample: Sample) -> None:
    answer = provider.refusal(sample.body, "I cannot.", "id1", 1_700_000_000)
    texts = [_told(part) for part in provider.read_answer(answer).parts()]
    assert set(texts) == {"I cannot."}


def spelled(provider: Provider, events: Sequence[Event]) -> list[str]:
    """What the parts of a streamed answer say; it must end as the dialect ends."""
    assembly = provider.assembly()
    for event in events:
        assert not assembly.done
        assembly.add(event)
    assert assembly.done
    return [_told(part) for part in provider.read_answer(assembly.answer).parts()]


def test_a_streamed_refusal_spells_the_same_words(provider: Provider, sample: Sample) -> None:
    events = provider.refusal_events(sample.body, "I cannot.", "id1", 1_700_000_000)
    assert set(spelled(provider, events)) == {"I cannot."}


def test_a_stream_that_is_cut_off_ends_as_the_dialect_ends(
    provider: Provider, sample: Sample
) -> None:
    begun = provider.refusal_events(sample.body, "So far. ", "id1", 1_700_000_000)[:1]
    assembly = provider.assembly()
    for event in begun:
        assembly.add(event)
    whole = spelled(provider, [*begun, *provider.ending(assembly, "No more.")])
    assert "So far. No more." in " ".join(whole).replace("  ", " ")


def test_an_error_in_mid_stream_tells_what_happened(provider: Provider) -> None:
    assert "it broke off" in "".join(e.data for e in provider.failure(Overloaded("it broke off")))


def test_errors_carry_the_message_and_the_place(provider: Provider) -> None:
    shown = str(provider.error(Malformed("a string is expected", "/messages/0")))
    assert "a string is expected" in shown
    assert "/messages/0" in shown
    assert "wait" in str(provider.error(Overloaded("wait")))


def test_no_leaf_of_wrong_type_is_read_or_crashes(provider: Provider, sample: Sample) -> None:
    """Every value of the sample, replaced by one of another type: read, or refused by name."""
    outcomes = [
        _outcome(provider, replaced(sample.body, place, wrong))
        for place in places(sample.body)
        for wrong in WRONG
    ]
    assert set(outcomes) == {"read", "refused with its place"}


WRONG: tuple[Json, ...] = (None, True, 7, "x", [], {}, [[]], [1])


def _outcome(provider: Provider, body: Json) -> str:
    try:
        provider.read(body)
    except Malformed as refused:
        return "refused" if refused.pointer is None else "refused with its place"
    return "read"
