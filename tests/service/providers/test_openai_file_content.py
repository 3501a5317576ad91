"""What is special about a file that is fetched; what holds for all is in ``test_dialects.py``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from detectors.contract.exchange import OpaquePart, Part, TextPart
from service.errors import ContentFiltered, Malformed
from service.providers.base import Downloads
from service.providers.openai_file_content import OpenAIFileContent
from service.providers.strict_json import Json
from service.providers.table import find, passes
from tests.service.providers.samples.openai_chat import SAMPLE as CHAT
from tests.service.providers.samples.openai_completions import SAMPLE as COMPLETION
from tests.service.providers.samples.openai_embeddings import SAMPLE as EMBEDDING
from tests.service.providers.samples.openai_images import SAMPLE as PICTURE
from tests.service.providers.samples.openai_responses import SAMPLE as RESPONSE
from tests.service.providers.samples.sample import Sample

PROVIDER = OpenAIFileContent()
BODY = "/response/body"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1"


def told(part: Part) -> str:
    if isinstance(part, TextPart):
        return part.text
    return part.kind if isinstance(part, OpaquePart) else getattr(part, "media_type", "")


def line(body: Json, **more: Json) -> Json:
    response: Json = {"status_code": 200, "request_id": "r-1", "body": body}
    return {"id": "b-1", "custom_id": "c-1", "response": response, "error": None, **more}


def named(kind: str | None, sample: Sample) -> Json:
    assert isinstance(sample.answer, dict)
    return {**sample.answer, "object": kind} if kind else sample.answer


ANSWERS: dict[str, tuple[str | None, Sample]] = {
    "chat": ("chat.completion", CHAT),
    "response": ("response", RESPONSE),
    "completion": ("text_completion", COMPLETION),
    "embedding": ("list", EMBEDDING),
    "picture": (None, PICTURE),
}


@pytest.mark.parametrize(("kind", "sample"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_in_a_line_is_read_as_it_is_alone(kind: str | None, sample: Sample) -> None:
    exchange = PROVIDER.read_line(line(named(kind, sample)))
    assert [part.pointer for part in exchange.parts()] == [BODY + at for at, _ in sample.answered]
    assert exchange.dialect == "openai_file_content"


ODD: dict[str, tuple[Json, list[tuple[str, str]]]] = {
    "an unknown dialect": (line({"object": "video"}), [(BODY, "unknown")]),
    "no dialect": (line({}), [(BODY, "unknown")]),
    "no object": (line("words"), [(BODY, "unknown")]),
    "an object that is no name": (line({"object": ["list"], "data": []}), [(BODY, "unknown")]),
    "no body": (line(None), []),
    "an error": (line({"error": {"message": "m"}}), [(f"{BODY}/error", "message\nm")]),
    "an error with more": (line({"error": "e", "note": "n"}), [(BODY, "unknown")]),
    "an error of the line": (
        {"custom_id": "c", "response": None, "error": {"code": "x", "message": "m"}},
        [("/error", "code\nx\nmessage\nm")],
    ),
    "fields beside": (line(None, note="words"), [("/note", "words")]),
    "a status of words": (
        {"custom_id": "c", "response": {"status_code": "words", "body": None}},
        [("/response/status_code", "words")],
    ),
}


@pytest.mark.parametrize(("odd", "seen"), ODD.values(), ids=ODD)
def test_what_stands_beside_an_answer_is_read_too(odd: Json, seen: list[tuple[str, str]]) -> None:
    parts = PROVIDER.read_line(odd).parts()
    assert [(part.pointer, told(part)) for part in parts] == seen


WRONG: dict[str, tuple[Json, str]] = {
    "no object": ([], ""),
    "an id that is none": (line(None, id={"a": "words"}), "/id"),
    "a number that is none": (line(None, custom_id=["words"]), "/custom_id"),
    "a response that is none": ({"custom_id": "c", "response": "words"}, "/response"),
    "a broken answer": (line({"object": "chat.completion"}), f"{BODY}/choices"),
}


@pytest.mark.parametrize(("wrong", "place"), WRONG.values(), ids=WRONG)
def test_a_line_that_is_none_is_named_by_its_place(wrong: Json, place: str) -> None:
    with pytest.raises(Malformed) as caught:
        PROVIDER.read_line(wrong)
    assert caught.value.pointer == place


@pytest.mark.parametrize("kind", ["chat", "response", "completion"])
def test_a_refused_line_says_so_in_its_dialect(kind: str) -> None:
    was = line(named(*ANSWERS[kind]))
    refused: Any = PROVIDER.refused_line(was, "I cannot.", "id1", 1_700_000_000)
    assert {told(part) for part in PROVIDER.read_line(refused).parts()} == {"I cannot."}
    assert (refused["id"], refused["custom_id"]) == ("b-1", "c-1")
    assert refused["response"]["request_id"] == "r-1"


@pytest.mark.parametrize("kind", ["embedding", "picture"])
def test_a_line_without_words_cannot_say_so(kind: str) -> None:
    with pytest.raises(ContentFiltered, match="I cannot"):
        PROVIDER.refused_line(line(named(*ANSWERS[kind])), "I cannot.", "id1", 1_700_000_000)


def test_a_failed_line_holds_nothing_of_what_it_held() -> None:
    error = ContentFiltered("no")
    for was in (line({"object": "video", "text": "words"}, note="words"), line("words")):
        failed: Any = PROVIDER.failed_line(was, error)
        assert failed["response"]["status_code"] == 400
        assert failed["response"]["body"]["error"]["code"] == "content_filter"
        assert "words" not in json.dumps(failed)
    failed = PROVIDER.failed_line({"custom_id": "c", "response": None, "error": "words"}, error)
    assert failed == {
        "id": None,
        "custom_id": "c",
        "response": None,
        "error": {"code": "content_filter", "message": "no"},
    }


FILES: dict[str, tuple[bytes, int | None]] = {
    "answers": (b'{"custom_id": "a", "response": null}\r\n\n{', 3),
    "answers after a blank line": (b'\n{"custom_id": "a", "response": null}', 2),
    "broken answers": (b'{"custom_id": "a", "response": {', 1),
    "requests": (b'{"custom_id": "a", "body": {"text": "\\"response\\""}}', None),
    "a list": (b'["custom_id", "response"]', None),
    "text": (b"words", None),
    "bytes": (b"\xff\x00", None),
    "nothing": (b"", None),
}


@pytest.mark.parametrize(("raw", "count"), FILES.values(), ids=FILES)
def test_a_batchs_answers_are_known_by_their_first_line(raw: bytes, count: int | None) -> None:
    rows = PROVIDER.lines(raw)
    assert (rows if rows is None else len(rows)) == count
    assert rows is None or b"\n".join(rows) == raw


KINDS: dict[str, tuple[bytes, str, str, list[str]]] = {
    "a picture": (PNG, "", "", ["image/png"]),
    "a picture of no kind": (PNG, "application/octet-stream", "", ["image/png"]),
    "a picture of a kind": (PNG, "image/png", 'inline; filename="a.png"', ["image/png", "a.png"]),
    "a document": (b"%PDF-", "application/pdf; x=y", "", ["application/pdf"]),
    "a document by its name": (b"%PDF-", "", 'x; filename="a.pdf"', ["application/pdf", "a.pdf"]),
    "a name in other letters": (
        b"a",
        "",
        "x; filename*=utf-8''%C3%A4.txt",
        ["text/plain", "ä.txt"],
    ),
    "two names": (
        b"a",
        "",
        "x; filename*=utf-8''%C3%A4.txt; filename=b.txt",
        ["text/plain", "b.txt", "ä.txt"],
    ),
    "a picture that is called a text": (PNG, "", 'x; filename="a.txt"', ["file", "a.txt"]),
    "a kind that is none": (b"a", "words, and more", "", ["application/octet-stream"]),
    "nothing": (b"", "text/plain", 'x; filename="a.txt"', ["a.txt"]),
}


@pytest.mark.parametrize(("raw", "kind", "name", "seen"), KINDS.values(), ids=KINDS)
def test_another_file_is_what_bytes_name_and_type_say(
    raw: bytes, kind: str, name: str, seen: list[str]
) -> None:
    headers = [("content-type", kind), ("content-disposition", name)]
    parts = PROVIDER.read_answer(PROVIDER.opened(raw, headers)).parts()
    assert [told(part) for part in parts if told(part)] == seen


def test_a_files_content_is_found_and_passes_no_more() -> None:
    place = "GET", "/v1/files/file-aB_1/content"
    assert isinstance(find(*place, "?beta=true"), Downloads)
    assert not passes(*place)
    for other in ("/v1/files//content", "/v1/files/a/b/content", "/v1/files/a%2Fb/content"):
        assert find("GET", other) is None
        assert not passes("GET", other)
