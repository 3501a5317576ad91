"""Uploads of OpenAI's and Anthropic's: what is inspected now can be meant by its id later.

A file of ``purpose`` batch is read line by line: each holds a request in a dialect of its own, and
is pinned, edited and written anew as that request would be. The shapes are those of the official
SDKs' types.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from detectors.contract.exchange import Exchange, Message, Origin, Part, Role, Stage
from detectors.media.formats import FORMATS
from service.errors import ContentFiltered, GlassgateError
from service.providers import forms
from service.providers.base import Assembly, Patch, Provider
from service.providers.batch_lines import LINES, lines, moved, reading, within, written
from service.providers.deltas import Chunks
from service.providers.documents import KINDS, UNSAID, WRITTEN, attached
from service.providers.fields import FILE, Object, as_object, as_text, gap, image, rest
from service.providers.forms import DATA, NAME
from service.providers.openai_chat import OpenAIChat
from service.providers.openai_responses import OpenAIResponses
from service.providers.openai_texts import Wordless, answered
from service.providers.strict_json import Json

BATCH: Final = "batch"
CONTENT: Final = frozenset({None, "user_data", "assistants", "vision"})
"""Purposes for which a file is shown to a model as it is. Anthropic's uploads name none."""
PICTURES: Final = {
    ending: form.media_type.removeprefix("image/")
    for form in FORMATS.values()
    for ending in form.endings
}
"""Endings of pictures' names, and the media type of each without ``image/``."""

UPLOAD_SETTINGS: Final = frozenset({"purpose", "expires_after[anchor]", "expires_after[seconds]"})
UPLOADED_SETTINGS: Final = frozenset(
    {"id", "object", "type", "bytes", "size_bytes", "created_at", "expires_at", "purpose"}
    | {"status", "mime_type", "downloadable"}
)


@dataclass(frozen=True, slots=True)
class OpenAIFiles(Wordless):
    """``POST /v1/files``; ``kind`` is the content type of the call."""

    kind: str = ""
    dialect = "openai_files"

    def sent_as(self, kind: str) -> Provider:
        return OpenAIFiles(kind)

    def parse(self, raw: bytes) -> Json:
        form = forms.parse(raw, self.kind)
        file = form.get("file")
        if form.get("purpose") == BATCH and isinstance(file, dict):
            text = b64decode(str(file[DATA]).partition(",")[2])
            form["file"] = {NAME: file[NAME], LINES: lines(text, f"/file/{LINES}")}
        return form

    def dump(self, body: Json) -> tuple[str, bytes]:
        form = as_object(body, "")
        file = as_object(form.get("file"), "/file")
        if LINES in file:
            data = written(file[LINES])
            form = {**form, "file": forms.file(str(file[NAME]), data, "application/jsonl")}
        else:
            form = {**form, "file": _renamed(file)}
        return forms.dump(form)

    def read(self, body: Json) -> Exchange:
        request = as_object(body, "")
        file = forms.as_file(request.get("file"), "/file")
        purpose = request.get("purpose")
        purpose = None if purpose is None else as_text(purpose, "/purpose")
        beside = rest(request, "", Origin.USER, UPLOAD_SETTINGS | {"file"})
        told, model = [*beside], ""
        asked: list[Message] = []
        if LINES in file:
            told.extend(rest(file, "/file", Origin.USER, {LINES}))
            model, asked = reading(file[LINES], f"/file/{LINES}")
        else:
            told.extend(_content(file, purpose))
        return Exchange(
            dialect=self.dialect,
            model=model,
            stage=Stage.REQUEST,
            messages=(Message(role=Role.USER, parts=tuple(told)), *asked),
        )

    def read_answer(self, answer: Json) -> Exchange:
        return answered(self.dialect, as_object(answer, ""), [], UPLOADED_SETTINGS)

    def uploaded(self, body: Json, answer: Json) -> Sequence[str]:
        name = as_object(answer, "").get("id")
        kind = BATCH if as_object(body, "").get("purpose") == BATCH else FILE
        return [f"{kind}:{name}"] if isinstance(name, str) else []

    def assembly(self) -> Assembly:
        return Chunks(UPLOADED_SETTINGS)

    def replace_image(self, path: str, data: bytes, media_type: str) -> Patch:
        if path == "/file":
            return Patch(op="replace", path=f"/file/{DATA}", value=forms.uri(data, media_type))
        at, inner, provider = within(path)
        return moved(provider.replace_image(inner, data, media_type), at)

    def replace_document(self, path: str, data: bytes, media_type: str) -> Patch:
        """Only OpenAI's Responses link to documents."""
        at, inner, _ = within(path)
        return moved(OpenAIResponses().replace_document(inner, data, media_type), at)

    def replace_with_text(self, path: str, text: str) -> Patch:
        if path == "/file":
            raise ContentFiltered("the picture would have to be taken out, and it is all there is")
        at, inner, provider = within(path)
        return moved(provider.replace_with_text(inner, text), at)

    def error(self, error: GlassgateError) -> Json:
        """An envelope that both official SDKs read."""
        return {"type": "error", **as_object(OpenAIChat().error(error), "")}


def _content(file: Object, purpose: str | None) -> Iterator[Part]:
    """A file that a model is shown: a picture, or a document."""
    if purpose not in CONTENT:
        yield gap(FILE, "/file", Origin.USER, "files of this purpose are not read")
        yield from rest(file, "/file", Origin.USER, {DATA})
        return
    yield from held(file, Origin.USER)


def held(file: Object, origin: Origin) -> Iterator[Part]:
    """What a file at ``/file`` holds, by what its name and its media type say."""
    text = as_text(file.get(DATA), f"/file/{DATA}")
    said, ending = _said(text), _ending(file.get(NAME))
    picture = said.startswith("image/") or (said == UNSAID and ending in PICTURES)
    if picture is not (ending in PICTURES) and ending in {*PICTURES, *KINDS, *WRITTEN}:
        yield gap(FILE, "/file", origin, "its name says another kind than its media type")
        yield from rest(file, "/file", origin, {DATA})
    elif picture:
        yield image(text, "/file", origin, None)
        yield from rest(file, "/file", origin, {DATA})
    else:
        yield from attached(file, "/file", origin, "/file")


def _said(text: str) -> str:
    """The media type of a data URI."""
    return text.partition(";")[0].removeprefix("data:")


def _ending(name: Json) -> str:
    return name.rpartition(".")[2].strip().lower() if isinstance(name, str) else ""


def _renamed(file: Object) -> Object:
    """The file, its name ending as its picture is written now."""
    name, made = str(file[NAME]), _said(str(file[DATA])).removeprefix("image/")
    was = PICTURES.get(_ending(name), made)
    if made == was or made not in PICTURES.values():
        return file
    return {**file, NAME: f"{name.rpartition('.')[0]}.{made}"}
