"""What is special about uploads; what holds for every dialect is in ``test_dialects.py``."""

from __future__ import annotations

import json

import pytest

from detectors.contract.exchange import OpaquePart, Part, TextPart
from service.errors import Malformed
from service.pipeline.actions import apply
from service.providers import forms
from service.providers.base import Brings, TakesForms
from service.providers.openai_files import OpenAIFiles
from service.providers.strict_json import Json
from service.providers.table import find

UNSAID = "application/octet-stream"


def told(part: Part) -> str:
    if isinstance(part, TextPart):
        return part.text
    return part.kind if isinstance(part, OpaquePart) else getattr(part, "media_type", "")


def upload(name: str, kind: str, purpose: str | None = "user_data") -> Json:
    said = {} if purpose is None else {"purpose": purpose}
    return {**said, "file": forms.file(name, b"x", kind)}


KINDS: dict[str, tuple[str, str, str]] = {
    "a picture": ("a.png", "image/png", "image/png"),
    "a picture of another kind": ("a.png", "image/jpeg", "image/jpeg"),
    "a picture that no provider takes": ("a.bmp", "image/bmp", "image/bmp"),
    "a picture by its name": ("a.JPG", UNSAID, UNSAID),
    "a picture without an ending": ("upload", "image/webp", "image/webp"),
    "a document": ("a.pdf", "application/pdf", "application/pdf"),
    "a document by its name": ("a.pdf", UNSAID, "application/pdf"),
    "a text": ("notes.md", "text/markdown", "text/markdown"),
    "a file of no kind": ("notes", UNSAID, UNSAID),
    "a picture that is called a document": ("a.pdf", "image/png", "file"),
    "a picture that is called a text": ("a.txt", "image/png", "file"),
    "a document that is called a picture": ("a.png", "application/pdf", "file"),
    "a text that is called a document": ("a.pdf", "text/plain", "file"),
}


@pytest.mark.parametrize(("name", "kind", "seen"), KINDS.values(), ids=KINDS)
def test_a_file_is_read_as_what_name_and_type_say(name: str, kind: str, seen: str) -> None:
    for purpose in ("user_data", "assistants", "vision", None):
        parts = list(OpenAIFiles().read(upload(name, kind, purpose)).parts())
        assert [(part.pointer, told(part)) for part in parts] == [
            ("/file", seen),
            ("/file/filename", name),
        ]


@pytest.mark.parametrize("purpose", ["fine-tune", "evals", "", "Batch", "batch "])
def test_a_file_of_another_purpose_is_a_gap(purpose: str) -> None:
    parts = list(OpenAIFiles().read(upload("a.jsonl", "text/plain", purpose)).parts())
    assert [told(part) for part in parts] == ["file", "a.jsonl"]


WRONG: dict[str, tuple[Json, str]] = {
    "several purposes": ({"purpose": ["batch"], "file": forms.file("a", b"x", UNSAID)}, "/purpose"),
    "a purpose in a file": ({"purpose": {}, "file": forms.file("a", b"x", UNSAID)}, "/purpose"),
    "no file": ({"purpose": "user_data"}, "/file"),
    "several files": ({"file": [forms.file("a", b"x", UNSAID)]}, "/file"),
    "a text for a file": ({"file": "words"}, "/file"),
}


@pytest.mark.parametrize(("body", "place"), WRONG.values(), ids=WRONG)
def test_a_form_that_is_no_upload_is_refused_by_name(body: Json, place: str) -> None:
    with pytest.raises(Malformed) as caught:
        OpenAIFiles().read(body)
    assert caught.value.pointer == place


NAMES = {
    ("a.gif", "image/png"): "a.png",
    ("a.b.png", "image/jpeg"): "a.b.jpeg",
    ("a.jpg", "image/jpeg"): "a.jpg",
    ("a.tif", "image/png"): "a.png",
    ("a.heic", "image/jpeg"): "a.jpeg",
    ("upload", "image/png"): "upload",
}


@pytest.mark.parametrize(("was", "name"), NAMES.items(), ids=map(str, NAMES))
def test_a_picture_that_became_another_kind_is_called_so(was: tuple[str, str], name: str) -> None:
    body = upload(was[0], "image/gif")
    provider = OpenAIFiles()
    apply(body, [provider.replace_image("/file", b"new", was[1])])
    kind, raw = provider.dump(body)
    assert forms.parse(raw, kind)["file"] == forms.file(name, b"new", was[1])


def sent(text: bytes) -> Json:
    """A batch of these lines, read from its form."""
    fields: Json = {"purpose": "batch", "file": forms.file("a.jsonl", text, UNSAID)}
    kind, raw = forms.dump(fields)
    provider = find("POST", "/v1/files", "", kind)
    assert provider is not None
    assert isinstance(provider, TakesForms)
    return provider.parse(raw)


def line(url: str = "/v1/embeddings", **body: Json) -> str:
    return json.dumps({"url": url, "body": {"model": "m", "input": "words", **body}})


def test_a_batch_is_written_as_it_was_read() -> None:
    text = f"{line()}\r\n\n{line(input=['a', 'b'])}".encode()
    kind, raw = OpenAIFiles().dump(sent(text))
    written = forms.parse(raw, kind)["file"]
    assert isinstance(written, dict)
    assert written["filename"] == "a.jsonl"
    held = [json.loads(each) for each in text.splitlines() if each]
    expected = b"".join(json.dumps(each, separators=(",", ":")).encode() + b"\n" for each in held)
    assert written == forms.file("a.jsonl", expected, "application/jsonl")


def test_a_batch_asks_the_model_of_its_lines() -> None:
    exchange = OpenAIFiles().read(sent(f"{line()}\n{line()}".encode()))
    assert exchange.model == "m"
    assert [told(part) for part in exchange.parts()] == ["a.jsonl", "words", "words"]


BROKEN: dict[str, tuple[str, str]] = {
    "nothing": ("", "/file/lines"),
    "no JSON": ("{", "/file/lines/0"),
    "a key twice": (line() + '\n{"url": "a", "url": "b"}', "/file/lines/1/url"),
    "no object": ("[]", "/file/lines/0"),
    "no endpoint": ('{"body": {}}', "/file/lines/0/url"),
    "no body": ('{"url": "/v1/embeddings"}', "/file/lines/0/body"),
    "a body that cannot be read": (line("/v1/chat/completions"), "/file/lines/0/body/messages"),
    "another model": (f"{line()}\n{line(model='n')}", "/file/lines/1/body/model"),
}


@pytest.mark.parametrize(("text", "place"), BROKEN.values(), ids=BROKEN)
def test_a_broken_batch_is_named_by_its_line(text: str, place: str) -> None:
    with pytest.raises(Malformed) as caught:
        OpenAIFiles().read(sent(text.encode() or b"\n"))
    assert caught.value.pointer == place


def test_an_upload_is_remembered_by_how_it_was_read() -> None:
    provider = OpenAIFiles()
    assert isinstance(provider, Brings)
    assert provider.uploaded(upload("a", UNSAID), {"id": "file-1"}) == ["file:file-1"]
    assert provider.uploaded(upload("a", UNSAID, None), {"id": "file-1"}) == ["file:file-1"]
    assert provider.uploaded(sent(line().encode()), {"id": "file-1"}) == ["batch:file-1"]
    assert provider.uploaded(upload("a", UNSAID), {"id": 7}) == []
