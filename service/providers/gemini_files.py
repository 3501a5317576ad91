"""Uploads of Gemini's: what is inspected now can be meant by its URI later.

An upload is what is said of a file (its metadata), and the file. Whichever of Google's protocols
brought it (``service/pipeline/google_uploads.py``), it is sent on in one request, as
``multipart/related``. The shapes are those of the official SDK's types (``google.genai.types``).
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from detectors.contract.exchange import Exchange, Message, Origin, Part, Role, Stage
from service.errors import ContentFiltered, GlassgateError, Malformed
from service.providers import forms
from service.providers.base import Assembly, Patch, Provider
from service.providers.deltas import Chunks
from service.providers.fields import FILE, Object, as_object, as_text, gap, rest
from service.providers.gemini import Gemini
from service.providers.gemini_parts import Fields, camel, inline, stored
from service.providers.openai_texts import Wordless, answered
from service.providers.sse import Event
from service.providers.strict_json import Json, dump, parse

JSON: Final = "application/json"
RELATED: Final = "multipart/related"
FORMS: Final = frozenset({RELATED, forms.FORM})
TWO: Final = 2
MEDIA_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")
"""RFC 6838 section 4.2, in lower case."""

WRITTEN_ANEW: Final = frozenset({"mimeType", "sizeBytes"})
"""Of what is said of a file: this is said of it as it is sent on."""
FILE_SETTINGS: Final = WRITTEN_ANEW | {"name"}
ELSEWHERE: Final = ("uri", "downloadUri")
"""Fields by which a file would be read from another place than its upload."""
UPLOADED_SETTINGS: Final = (
    FILE_SETTINGS
    | {*ELSEWHERE}
    | {
        "createTime",
        "updateTime",
        "expirationTime",
        "sha256Hash",
        "state",
        "source",
    }
)


@dataclass(frozen=True, slots=True)
class GeminiFiles(Wordless):
    """``POST /upload/v1beta/files``; ``kind`` is the content type of the call.

    Where metadata was ``said`` before, the body is the file alone, and ``kind`` its media type. At
    a ``start`` the body is the metadata alone.
    """

    kind: str = ""
    said: Object | None = None
    start: bool = False
    dialect = "gemini_files"

    def sent_as(self, kind: str) -> Provider:
        return GeminiFiles(kind)

    def parse(self, raw: bytes) -> Json:
        if self.start:
            return {"metadata": parse(raw) if raw else {}}
        if self.said is not None:
            return _upload(self.said, self.kind, raw)
        kind, options = forms.header(self.kind, "the content-type")
        boundary = options.get("boundary", "")
        if kind not in FORMS or not boundary:
            raise Malformed(f"an upload in one request is expected as {RELATED} with a boundary")
        parts = list(forms.pieces(raw, boundary.encode()))
        if len(parts) != TWO:
            raise Malformed("an upload has two parts: what is said of the file, and the file")
        (about, metadata), (file, data) = (
            (headers.get("content-type", ""), data) for headers, data in parts
        )
        if forms.header(about, "a content-type")[0] != JSON:
            raise Malformed(f"the upload's first part is expected as {JSON}", "/metadata")
        if any("content-transfer-encoding" in headers for headers, _ in parts):
            raise Malformed("a part in a content-transfer-encoding is not read: send its bytes")
        return _upload(as_object(parse(metadata), "/metadata"), file, data)

    def dump(self, body: Json) -> tuple[str, bytes]:
        request = as_object(body, "")
        metadata = as_object(request["metadata"], "/metadata")
        if self.start:
            return JSON, dump(metadata)
        media = as_object(request["media"], "/media")
        kind, data = as_text(media["mimeType"], "/media"), as_text(media["data"], "/media")
        said = as_object(metadata.get("file") or {}, "/metadata/file")
        file = {name: item for name, item in said.items() if camel(name) not in WRITTEN_ANEW}
        return _written(dump({**metadata, "file": {**file, "mimeType": kind}}), kind, data)

    def read(self, body: Json) -> Exchange:
        request = as_object(body, "")
        told = [
            *_about(as_object(request.get("metadata"), "/metadata")),
            *(inline(request["media"], "/media", Origin.USER) if "media" in request else ()),
            *rest(request, "", Origin.USER, {"metadata", "media"}),
        ]
        return Exchange(
            dialect=self.dialect,
            model="",
            stage=Stage.REQUEST,
            messages=(Message(role=Role.USER, parts=tuple(told)),),
        )

    def read_answer(self, answer: Json) -> Exchange:
        whole = Fields(answer, "")
        told: list[Part] = []
        if whole["file"] is not None:
            file = Fields(whole["file"], whole.place("file"))
            told.extend(file.rest(Origin.MODEL, UPLOADED_SETTINGS))
        return answered(self.dialect, as_object(answer, ""), [tuple(told)], frozenset({"file"}))

    def uploaded(self, body: Json, answer: Json) -> Sequence[str]:
        """The URI and the name, each alone and as a file of the kind that it was inspected as.

        None where the model's server took it for a file of another kind.
        """
        media, file = as_object(body, "").get("media"), Fields(answer, "")["file"]
        if not (isinstance(media, dict) and isinstance(file, dict)):
            return ()
        told, sent = Fields(file, "/file"), str(media["mimeType"])
        if told["mimeType"] not in {None, sent}:
            return ()
        names = [name for name in (told["uri"], told["name"]) if isinstance(name, str)]
        return [stored(name, kind) for name in names for kind in ("", sent)]

    def assembly(self) -> Assembly:
        return Chunks(UPLOADED_SETTINGS)

    def replace_image(self, path: str, data: bytes, media_type: str) -> Patch:
        return Gemini().replace_image(path, data, media_type)

    def replace_with_text(self, path: str, text: str) -> Patch:  # noqa: ARG002
        raise ContentFiltered("the picture would have to be taken out, and it is all there is")

    def failure(self, error: GlassgateError) -> Sequence[Event]:
        return Gemini().failure(error)

    def error(self, error: GlassgateError) -> Json:
        return Gemini().error(error)


def _upload(metadata: Object, kind: str, data: bytes) -> Object:
    """A file and what is said of it, which must not be that it is of another kind."""
    about = Fields(metadata.get("file") or {}, "/metadata/file")
    said = about["mimeType"]
    name = kind or ("" if said is None else as_text(said, about.place("mimeType")))
    found, options = forms.header(name, "the file's media type")
    media_type = found.lower()
    if not MEDIA_TYPE.fullmatch(media_type):
        raise Malformed(
            "the file's media type is expected: say it as X-Goog-Upload-Header-Content-Type, or "
            "as the content-type of the file's part"
        )
    forms.as_utf_8(options, None)
    if said is not None and forms.header(str(said), "the media type")[0].lower() != media_type:
        raise Malformed("the file is said to be of two media types", about.place("mimeType"))
    return {
        "metadata": metadata,
        "media": {"mimeType": media_type, "data": b64encode(data).decode()},
    }


def _about(metadata: Object) -> Iterator[Part]:
    """What is said of a file."""
    if metadata.get("file") is not None:
        file = Fields(metadata["file"], "/metadata/file")
        for name in ELSEWHERE:
            if file[name] is not None:
                yield gap(FILE, file.place(name), Origin.USER, "the file may be read elsewhere")
        yield from file.rest(Origin.USER, FILE_SETTINGS | {*ELSEWHERE})
    yield from rest(metadata, "/metadata", Origin.USER, {"file"})


def _written(metadata: bytes, kind: str, data: str) -> tuple[str, bytes]:
    """The two as one body, RFC 2387. The boundary is a hash of them, so it cannot stand there."""
    file = b64decode(data)
    boundary = sha256(metadata + file).hexdigest()
    line = f"--{boundary}".encode()
    body = b"".join(
        (
            b"%b\r\nContent-Type: %b; charset=UTF-8\r\n\r\n%b\r\n"
            % (line, JSON.encode(), metadata),
            b"%b\r\nContent-Type: %b\r\n\r\n" % (line, kind.encode()),
            file,
            b"\r\n%b--\r\n" % line,
        )
    )
    return f"{RELATED}; boundary={boundary}", body
