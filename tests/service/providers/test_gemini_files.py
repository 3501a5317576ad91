"""What is special about Gemini's uploads; what holds for every dialect is in ``test_dialects``."""

from __future__ import annotations

import pytest

from detectors.contract.exchange import DocumentPart, ImagePart, OpaquePart, TextPart
from service.errors import Malformed
from service.providers.base import Brings
from service.providers.gemini_files import GeminiFiles
from service.providers.strict_json import Json

URI = "https://generativelanguage.googleapis.com/v1beta/files/a"
READ: dict[str, tuple[str, bytes, type]] = {
    "a picture": ("image/png", b"x", ImagePart),
    "a picture in capitals": ("Image/PNG", b"x", ImagePart),
    "a text": ("text/plain; charset=utf-8", b"words", TextPart),
    "a text that begins as a PDF": ("text/plain", b"%PDF-1.4", DocumentPart),
    "a document": ("application/pdf", b"x", DocumentPart),
    "a sound": ("audio/wav", b"x", OpaquePart),
}


@pytest.mark.parametrize(("kind", "data", "part"), READ.values(), ids=READ)
def test_a_file_is_read_as_its_media_type_says(kind: str, data: bytes, part: type) -> None:
    told: list[dict[str, Json]] = [
        {},
        {"file": {"mime_type": kind}},
        {"file": {"mimeType": kind.upper()}},
    ]
    for said in told:
        provider = GeminiFiles(kind, said=said)
        (read,) = provider.read(provider.parse(data)).parts()
        assert (type(read), read.pointer) == (part, "/media")
        written_as, raw = provider.dump(provider.parse(data))
        sent = GeminiFiles(written_as).parse(raw)
        essence = kind.partition(";")[0].lower()
        assert sent["metadata"] == {"file": {"mimeType": essence}}  # type: ignore[call-overload, index]
        assert sent["media"] == provider.parse(data)["media"]  # type: ignore[call-overload, index]


def test_a_type_that_only_the_metadata_says_holds() -> None:
    provider = GeminiFiles("", said={"file": {"mimeType": "image/png"}})
    (read,) = provider.read(provider.parse(b"x")).parts()
    assert isinstance(read, ImagePart)


WRONG: dict[str, tuple[str, dict[str, Json]]] = {
    "no type": ("", {}),
    "none that could be one": ("image/png\r\nx: y", {}),
    "two types": ("text/plain", {"file": {"mimeType": "application/pdf"}}),
    "two spellings": ("a/b", {"file": {"mimeType": "a/b", "mime_type": "a/b"}}),
    "another charset": ("text/plain; charset=utf-16", {}),
    "no object": ("text/plain", {"file": "a"}),
}


@pytest.mark.parametrize(("kind", "said"), WRONG.values(), ids=WRONG)
def test_a_file_whose_type_cannot_be_told_is_refused(kind: str, said: dict[str, Json]) -> None:
    with pytest.raises(Malformed):
        GeminiFiles(kind, said=said).parse(b"x")


ANSWERS: dict[str, tuple[Json, list[str]]] = {
    "all": (
        {"uri": URI, "name": "files/a", "mimeType": "image/png"},
        [f"file:{URI}", f"file:image/png:{URI}", "file:files/a", "file:image/png:files/a"],
    ),
    "no type": ({"uri": URI}, [f"file:{URI}", f"file:image/png:{URI}"]),
    "another type": ({"uri": URI, "mimeType": "application/pdf"}, []),
    "no name": ({"mimeType": "image/png"}, []),
    "nothing": (None, []),
}


@pytest.mark.parametrize(("file", "names"), ANSWERS.values(), ids=ANSWERS)
def test_an_upload_is_remembered_by_what_the_models_server_calls_it(
    file: Json, names: list[str]
) -> None:
    provider = GeminiFiles("image/png", said={})
    assert isinstance(provider, Brings)
    assert list(provider.uploaded(provider.parse(b"x"), {"file": file})) == names


def test_a_start_brings_no_file() -> None:
    start = GeminiFiles(start=True)
    assert list(start.uploaded(start.parse(b""), {})) == []
    assert start.dump(start.parse(b'{"file": {}}')) == ("application/json", b'{"file":{}}')
