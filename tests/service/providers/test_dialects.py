"""What holds for every dialect. A new one adds its sample to ``samples/``, by its name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from importlib import import_module

import pytest

from detectors.contract.exchange import (
    DocumentPart,
    ImagePart,
    OpaquePart,
    Part,
    TextPart,
    ToolCallPart,
)
from service.errors import ContentFiltered, Malformed, Overloaded
from service.pipeline.actions import apply
from service.pipeline.remote import TakesDocuments
from service.providers.base import Provider, may_end
from service.providers.fields import REMOTE_DOCUMENT
from service.providers.sse import Event
from service.providers.strict_json import Json, pointer
from service.providers.table import ENDPOINTS
from tests.places import Place, places, replaced
from tests.service.providers.samples.sample import Sample

CASES = {
    f"{method} {path}": (
        provider,
        import_module(f"tests.service.providers.samples.{provider.dialect}").SAMPLE,
    )
    for (method, path), provider in ENDPOINTS.items()
}


def those(cases: dict[str, tuple[Provider, Sample]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("provider", "sample"), cases.values(), ids=cases)


every = those(CASES)
with_pictures = those({name: case for name, case in CASES.items() if case[1].pictures})
with_pictures_to_drop = those(
    {name: case for name, case in CASES.items() if case[1].pictures and case[1].drops}
)
with_linked_documents = those(
    {name: case for name, case in CASES.items() if isinstance(case[0], TakesDocuments)}
)
with_streams = those({name: case for name, case in CASES.items() if case[1].stream})
STREAMED = {name: provider for name, (provider, sample) in CASES.items() if sample.stream}
with_words = those({name: case for name, case in CASES.items() if case[1].refuses})
with_streamed_words = those(
    {name: case for name, case in CASES.items() if case[1].refuses and case[1].stream}
)
without_words = those({name: case for name, case in CASES.items() if not case[1].refuses})
with_instructions = those({name: case for name, case in CASES.items() if case[1].instructs})


def _told(part: Part) -> str:
    if isinstance(part, TextPart):
        return part.text
    if isinstance(part, ToolCallPart):
        return f"{part.name} {part.arguments}"
    if isinstance(part, OpaquePart):
        return part.kind
    return "image" if isinstance(part, ImagePart) else "document"


def _pictures(provider: Provider, body: Json) -> list[ImagePart]:
    return [part for part in provider.read(body).parts() if isinstance(part, ImagePart)]


@every
def test_every_part_of_a_request_is_seen_with_its_place_and_origin(
    provider: Provider, sample: Sample
) -> None:
    parts = list(provider.read(sample.body).parts())
    assert [(part.pointer, part.origin, _told(part)) for part in parts] == sample.seen


@with_pictures
def test_the_bytes_of_a_picture_are_those_that_were_sent(
    provider: Provider, sample: Sample
) -> None:
    shown = _pictures(provider, sample.body)
    assert [(part.data, part.media_type, part.detail) for part in shown] == list(sample.pictures)


@every
def test_every_choice_of_an_answer_is_seen(provider: Provider, sample: Sample) -> None:
    parts = list(provider.read_answer(sample.answer).parts())
    assert [(part.pointer, _told(part)) for part in parts] == sample.answered


def _calls(parts: Iterable[Part]) -> dict[str, tuple[str, str]]:
    return {part.pointer: (part.call.id, part.call.name) for part in parts if part.call}


@every
def test_what_a_tool_brought_names_the_call_that_brought_it(
    provider: Provider, sample: Sample
) -> None:
    assert _calls(provider.read(sample.body).parts()) == sample.calls
    assert _calls(provider.read_answer(sample.answer).parts()) == sample.answered_calls


def _thoughts(parts: Iterable[Part]) -> set[str]:
    return {part.pointer for part in parts if isinstance(part, TextPart) and part.thinking}


@every
def test_what_the_model_thought_is_told_from_what_it_said(
    provider: Provider, sample: Sample
) -> None:
    assert _thoughts(provider.read(sample.body).parts()) == sample.thoughts
    assert _thoughts(provider.read_answer(sample.answer).parts()) == sample.answered_thoughts
    if sample.stream:
        assembly = provider.assembly()
        for event in sample.stream:
            assembly.add(event)
        streamed = provider.read_answer(assembly.answer).parts()
        assert _thoughts(streamed) == sample.answered_thoughts


@with_pictures
def test_a_replaced_picture_is_the_one_that_is_read_again(
    provider: Provider, sample: Sample
) -> None:
    for place, picture in enumerate(_pictures(provider, sample.body)):
        body = deepcopy(sample.body)
        apply(body, [provider.replace_image(picture.pointer, b"new", "image/jpeg")])
        expected = list(sample.pictures)
        expected[place] = (b"new", "image/jpeg", picture.detail)
        again = _pictures(provider, body)
        assert [(part.data, part.media_type, part.detail) for part in again] == expected


@with_linked_documents
def test_a_fetched_document_stands_where_the_link_to_it_stood(
    provider: Provider, sample: Sample
) -> None:
    body = deepcopy(sample.body)
    before = list(provider.read(body).parts())
    links = [part.pointer for part in before if _told(part) == REMOTE_DOCUMENT]
    assert isinstance(provider, TakesDocuments)
    apply(body, [provider.replace_document(at, b"pages", "application/pdf") for at in links])
    after = list(provider.read(body).parts())
    fetched = [part for part in after if isinstance(part, DocumentPart) and part.data == b"pages"]
    assert links
    assert len(fetched) == len(links)
    assert {part.media_type for part in fetched} == {"application/pdf"}
    told = [_told(part) for part in after]
    assert REMOTE_DOCUMENT not in told
    assert told.count("image") == len(sample.pictures)


@with_pictures_to_drop
def test_a_dropped_picture_leaves_a_text_in_its_place(provider: Provider, sample: Sample) -> None:
    before = list(provider.read(sample.body).parts())
    for place, picture in enumerate(before):
        if isinstance(picture, ImagePart):
            body = deepcopy(sample.body)
            apply(body, [provider.replace_with_text(picture.pointer, "gone")])
            after = list(provider.read(body).parts())
            assert isinstance(after[place], TextPart)
            assert after[place].origin is picture.origin
            assert [_told(part) for part in after] == [
                "gone" if i == place else _told(part) for i, part in enumerate(before)
            ]


@with_instructions
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


@with_words
def test_a_refusal_reads_as_the_models_own_words(provider: Provider, sample: Sample) -> None:
    answer = provider.refusal(sample.body, "I cannot.", "id1", 1_700_000_000)
    texts = [_told(part) for part in provider.read_answer(answer).parts()]
    assert set(texts) == {"I cannot."}


@without_words
def test_where_no_words_fit_a_refusal_is_an_error(provider: Provider, sample: Sample) -> None:
    for refuse in (provider.refusal, provider.refusal_events):
        with pytest.raises(ContentFiltered, match="I cannot"):
            refuse(sample.body, "I cannot.", "id1", 1_700_000_000)


def spelled(provider: Provider, events: Sequence[Event]) -> list[tuple[str, str]]:
    """Where the parts of a streamed answer stand, and what they say; it must be at its end."""
    assembly = provider.assembly()
    for event in events:
        assert not assembly.done
        assembly.add(event)
    assert may_end(assembly)
    parts = provider.read_answer(assembly.answer).parts()
    return [(part.pointer, _told(part)) for part in parts]


@with_streams
def test_a_stream_spells_the_answer(provider: Provider, sample: Sample) -> None:
    assert spelled(provider, sample.stream) == sample.answered


@with_streams
def test_an_answer_never_changes_under_whoever_holds_it(provider: Provider, sample: Sample) -> None:
    """What is added later only adds: each part's text begins with what was there before."""
    assembly = provider.assembly()
    before: dict[str, str] = {}
    for event in sample.stream:
        assembly.add(event)
        parts = provider.read_answer(assembly.answer).parts()
        now = {part.pointer: _told(part) for part in parts}
        assert [at for at, text in before.items() if not now.get(at, "").startswith(text)] == []
        before = now


@with_streamed_words
def test_a_streamed_refusal_spells_the_same_words(provider: Provider, sample: Sample) -> None:
    events = provider.refusal_events(sample.body, "I cannot.", "id1", 1_700_000_000)
    assert {text for _, text in spelled(provider, events)} == {"I cannot."}


@with_streams
def test_a_stream_can_be_ended_after_every_event(provider: Provider, sample: Sample) -> None:
    for sent in range(1, len(sample.stream)):
        assembly = provider.assembly()
        for event in sample.stream[:sent]:
            assembly.add(event)
        said = [_told(part) for part in provider.read_answer(assembly.answer).parts()]
        ending = provider.ending(assembly, "No more.")
        whole = " ".join(text for _, text in spelled(provider, [*sample.stream[:sent], *ending]))
        assert "No more." in whole
        assert [text for text in said if text not in whole] == []


@pytest.mark.parametrize("provider", STREAMED.values(), ids=STREAMED)
def test_an_error_in_mid_stream_tells_what_happened(provider: Provider) -> None:
    assert "it broke off" in "".join(e.data for e in provider.failure(Overloaded("it broke off")))


@pytest.mark.parametrize("provider", ENDPOINTS.values(), ids=CASES)
def test_errors_carry_the_message_and_the_place(provider: Provider) -> None:
    shown = str(provider.error(Malformed("a string is expected", "/messages/0")))
    assert "a string is expected" in shown
    assert "/messages/0" in shown
    assert "wait" in str(provider.error(Overloaded("wait")))


@every
def test_no_leaf_of_wrong_type_is_read_or_crashes(provider: Provider, sample: Sample) -> None:
    """Every value of the sample, replaced by one of another type: read, or refused by name."""
    outcomes = [
        _outcome(provider, replaced(sample.body, place, wrong))
        for place in places(sample.body)
        for wrong in WRONG
    ]
    assert set(outcomes) <= {"read", "refused with its place"}


WRONG: tuple[Json, ...] = (None, True, 7, "x", [], {}, [[]], [1])


def _outcome(provider: Provider, body: Json) -> str:
    try:
        provider.read(body)
    except Malformed as refused:
        return "refused" if refused.pointer is None else "refused with its place"
    return "read"


@every
def test_no_unknown_field_passes_unread(provider: Provider, sample: Sample) -> None:
    """A field that nobody knows, put into every object: its words are read, or it is a gap."""
    unread = [
        place
        for place in ((), *places(sample.body))
        if isinstance(_at(sample.body, place), dict)
        and not any(pointer(*place[:deep]) in sample.settings for deep in range(len(place) + 1))
        and not _seen(provider, sample.body, (*place, "glimmer"))
    ]
    assert unread == []


def _at(value: Json, place: Place) -> Json:
    for step in place:
        value = value[step]  # type: ignore[index]
    return value


def _seen(provider: Provider, body: Json, place: Place) -> bool:
    parts = list(provider.read(replaced(body, place, "hidden words")).parts())
    here = pointer(*place)
    return any("hidden words" in _told(part) for part in parts) or any(
        isinstance(part, OpaquePart) and here.startswith(part.pointer) for part in parts
    )
