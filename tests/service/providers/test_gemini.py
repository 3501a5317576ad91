"""What only Gemini has. What every dialect has: ``test_dialects.py``."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode

import pytest

from detectors.contract.exchange import (
    DocumentPart,
    ImagePart,
    OpaquePart,
    Origin,
    Part,
    TextPart,
)
from service.errors import Malformed
from service.pipeline.actions import apply
from service.providers.base import may_end
from service.providers.gemini import Gemini
from service.providers.sse import Event
from service.providers.strict_json import Json, dump
from tests.service.providers.samples.gemini import SAMPLE
from tests.service.providers.samples.sample import DATA

GEMINI = Gemini(model="m")
ARRAY = Gemini(model="m", stream=True, array=True)
BYTES = bytes(range(248, 256))  # in base64: letters in which the two alphabets differ


def asked(*parts: Json, **more: Json) -> dict[str, Json]:
    return {"contents": [{"role": "user", "parts": list(parts)}], **more}


TWICE: dict[str, dict[str, Json]] = {
    "contents": {"contents": [{"parts": []}], "system_instruction": {}, "systemInstruction": {}},
    "part": asked({"inlineData": {}, "inline_data": {}}),
    "blob": asked({"inlineData": {"mimeType": "image/png", "mime_type": "audio/wav"}}),
}


@pytest.mark.parametrize("body", TWICE.values(), ids=TWICE)
def test_a_field_in_two_spellings_is_refused(body: dict[str, Json]) -> None:
    with pytest.raises(Malformed, match="two spellings") as refused:
        GEMINI.read(body)
    assert refused.value.pointer


@pytest.mark.parametrize(
    "data",
    [
        b64encode(BYTES).decode(),
        urlsafe_b64encode(BYTES).decode(),
        urlsafe_b64encode(BYTES).decode().rstrip("="),
    ],
)
def test_bytes_are_read_in_either_alphabet(data: str) -> None:
    (part,) = GEMINI.read(asked({"inlineData": {"mimeType": "image/png", "data": data}})).parts()
    assert isinstance(part, ImagePart)
    assert part.data == BYTES


def test_one_thing_stands_for_a_list_of_one() -> None:
    body: Json = {
        "contents": {"parts": {"text": "Hello."}},
        "systemInstruction": {"parts": {"text": "be kind"}},
    }
    read = [(part.pointer, part.origin) for part in GEMINI.read(body).parts()]
    assert read == [
        ("/systemInstruction/parts/text", Origin.OPERATOR),
        ("/contents/parts/text", Origin.USER),
    ]


def test_a_picture_in_a_tools_result_gives_way_to_a_document_of_text() -> None:
    blob: Json = {"mime_type": "image/png", "data": DATA}
    body = asked({"function_response": {"parts": [{"inline_data": blob}]}})
    (picture,) = GEMINI.read(body).parts()
    apply(body, [GEMINI.replace_with_text(picture.pointer, "gone")])
    sent = body["contents"][0]["parts"][0]["function_response"]["parts"][0]  # type: ignore[index, call-overload]
    assert sent == {"inline_data": {"mimeType": "text/plain", "data": "Z29uZQ=="}}


LINKS: dict[str, tuple[dict[str, Json], list[str]]] = {
    "a picture": (
        {"fileData": {"mimeType": "image/png", "fileUri": "https://x.test/a"}},
        ["remote_image, fetched"],
    ),
    "a document": (
        {"fileData": {"mimeType": "Application/PDF", "fileUri": "HTTPS://x.test/a"}},
        ["remote_document, fetched"],
    ),
    "a document with something beside it": (
        {
            "fileData": {"mimeType": "application/pdf", "fileUri": "https://x.test/a"},
            "mediaResolution": {"level": "LOW"},
        },
        ["file"],
    ),
    "bytes and a link": (
        {
            "inlineData": {"mimeType": "application/pdf", "data": DATA},
            "fileData": {"mimeType": "application/pdf", "fileUri": "https://x.test/a"},
        },
        ["document", "file"],
    ),
    "Google's store": (
        {
            "fileData": {
                "mimeType": "application/pdf",
                "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/a",
            }
        },
        ["file"],
    ),
    "Google's cloud": (
        {"fileData": {"mimeType": "application/pdf", "fileUri": "gs://bucket/a"}},
        ["file"],
    ),
    "a film": ({"fileData": {"mimeType": "video/mp4", "fileUri": "https://x.test/a"}}, ["file"]),
    "of no type": ({"fileData": {"fileUri": "https://x.test/a"}}, ["file"]),
    "of no place": ({"fileData": {"mimeType": "application/pdf"}}, ["file"]),
}


@pytest.mark.parametrize(("part", "kinds"), LINKS.values(), ids=LINKS)
def test_a_web_link_alone_in_its_part_can_be_fetched(
    part: dict[str, Json], kinds: list[str]
) -> None:
    assert [
        f"{each.kind}, fetched" if each.remote else each.kind
        for each in GEMINI.read(asked(part)).parts()
        if isinstance(each, OpaquePart)
    ] == [kind for kind in kinds if kind != "document"]
    documents = [p for p in GEMINI.read(asked(part)).parts() if isinstance(p, DocumentPart)]
    assert len(documents) == kinds.count("document")


def test_a_linked_picture_in_a_tools_result_can_be_dropped_after_it_was_fetched() -> None:
    link: Json = {"file_data": {"mime_type": "image/png", "file_uri": "https://x.test/a"}}
    body = asked({"functionResponse": {"parts": [link]}})
    (picture,) = GEMINI.read(body).parts()
    apply(body, [GEMINI.replace_image(picture.pointer, BYTES, "image/png")])
    apply(body, [GEMINI.replace_image(picture.pointer, b"pinned", "image/png")])
    (fetched,) = GEMINI.read(body).parts()
    assert isinstance(fetched, ImagePart)
    assert fetched.data == b"pinned"
    apply(body, [GEMINI.replace_with_text(picture.pointer, "gone")])
    (left,) = GEMINI.read(body).parts()
    assert isinstance(left, TextPart)
    assert left.text == "gone"


KINDS: dict[str, tuple[str, bytes, type[Part]]] = {
    "a text": ("text/plain", b"words", TextPart),
    "a text that names its letters": ("text/plain; charset=utf-8", b"words", TextPart),
    "a text in other letters": ("text/plain", "words".encode("utf-16"), DocumentPart),
    "a PDF that says it is a text": ("text/plain", b"%PDF-1.4 words", DocumentPart),
    "a page of a web that says it is a text": ("text/plain", b"<p>words", TextPart),
    "a page of a web": ("text/html", b"<p>words", DocumentPart),
    "a table": ("text/csv", b"a,b", DocumentPart),
    "a PDF": ("application/pdf", b"%PDF-", DocumentPart),
    "an object": ("application/json", b"{}", DocumentPart),
}


@pytest.mark.parametrize(("media_type", "data", "read"), KINDS.values(), ids=KINDS)
def test_a_document_in_the_body_is_a_third_partys(
    media_type: str, data: bytes, read: type[Part]
) -> None:
    blob: Json = {"mimeType": media_type, "data": b64encode(data).decode()}
    (part,) = GEMINI.read(asked({"inlineData": blob})).parts()
    assert isinstance(part, read)
    assert (part.pointer, part.origin) == ("/contents/0/parts/0/inlineData", Origin.THIRD_PARTY)


INSTRUCTIONS: dict[str, dict[str, Json]] = {
    "none": {},
    "null": {"systemInstruction": None},
    "a string": {"systemInstruction": "be kind"},
    "parts": {"system_instruction": {"parts": [{"text": "be kind"}]}},
    "one part": {"systemInstruction": {"parts": {"text": "be kind"}}},
    "no parts": {"systemInstruction": {"role": "system"}},
}


@pytest.mark.parametrize("system", INSTRUCTIONS.values(), ids=INSTRUCTIONS)
def test_an_instruction_comes_after_the_operators_own(system: dict[str, Json]) -> None:
    body = asked({"text": "Hello."}, **system)
    apply(body, [GEMINI.instruct(body, "name nobody")])
    *before, added = [
        part.text
        for part in GEMINI.read(body).messages[0].parts
        if isinstance(part, TextPart) and part.origin is Origin.OPERATOR
    ]
    assert before == (["be kind"] if "be kind" in str(system) else [])
    assert added == "name nobody"


def test_an_array_is_read_as_the_stream_that_it_is() -> None:
    chunks: list[Json] = [json.loads(event.data) for event in SAMPLE.stream]
    told = [part.pointer for part in ARRAY.read_answer(chunks).parts()]
    assert told == [pointer for pointer, _ in SAMPLE.answered]


def test_an_array_is_refused_and_fails_as_an_array() -> None:
    assert not ARRAY.read(asked({"text": "Hello."})).stream
    refused = ARRAY.refusal({}, "No.", "id", 0)
    assert [part.pointer for part in ARRAY.read_answer(refused).parts()] == [
        "/promptFeedback/blockReasonMessage"
    ]
    assert isinstance(ARRAY.error(Malformed("x")), list)


def chunk(**candidate: Json) -> Event:
    return Event(dump({"candidates": [candidate]}).decode())


SAID: Json = {"parts": [{"text": "so far"}]}
ENDS: dict[str, tuple[list[Event], bool]] = {
    "nothing": ([], False),
    "begun": ([chunk(content=SAID)], False),
    "finished": ([chunk(content=SAID, finishReason="STOP")], True),
    "one of two": ([chunk(content=SAID, finishReason="STOP"), chunk(index=1, content=SAID)], False),
    "both": (
        [chunk(index=1, finishReason="STOP"), chunk(content=SAID, finishReason="MAX_TOKENS")],
        True,
    ),
    "blocked": ([Event('{"promptFeedback":{"blockReason":"SAFETY"}}')], True),
    "failed on its way": ([chunk(content=SAID), Event('{"error":{}}')], True),
    "failed": ([Event('{"error":{"message":"too busy"}}')], True),
    "only counted": ([Event('{"usageMetadata":{}}')], False),
}


@pytest.mark.parametrize(("events", "ends"), ENDS.values(), ids=ENDS)
def test_a_stream_may_end_where_all_that_began_has_finished(
    events: list[Event], ends: bool
) -> None:
    assembly = GEMINI.assembly()
    for event in events:
        assembly.add(event)
    assert may_end(assembly) is ends
    assert not assembly.done
