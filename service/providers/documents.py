"""Documents that travel inside a request, in whatever field a dialect has for them."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final

from detectors.contract.exchange import DocumentPart, OpaquePart, Origin, Part, Remote
from detectors.media.decode import MediaError, data_uri
from service.errors import Malformed
from service.providers.fields import (
    FILE,
    REMOTE_DOCUMENT,
    Object,
    as_text,
    gap,
    is_data,
    rest,
    uploaded,
)
from service.providers.strict_json import Json

ELSEWHERE: Final = ("file_id", "file_url")
"""Fields by which a file is kept where the gate has not read it."""

UNSAID: Final = "application/octet-stream"
_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
KINDS: Final = {
    "pdf": "application/pdf",
    "docx": f"{_OFFICE}wordprocessingml.document",
    "pptx": f"{_OFFICE}presentationml.presentation",
    "xlsx": f"{_OFFICE}spreadsheetml.sheet",
}
"""The kinds that are no text, by the ending of a name."""

PLAIN: Final = "text/plain"
WRITTEN: Final = frozenset(
    {"bat", "c", "cpp", "cs", "css", "csv", "eml", "go", "htm", "html", "ics", "java", "js", "json"}
    | {"ksh", "log", "md", "markdown", "mjs", "php", "py", "rb", "rtf", "sh", "srt", "sql", "svg"}
    | {"tex", "text", "ts", "tsv", "txt", "vcf", "vtt", "xhtml", "xml", "yaml", "yml"}
)
"""Endings of what is read as text; of those that OpenAI takes, the usual ones."""


def inline_document(data: Json, media_type: Json, at: str, origin: Origin) -> DocumentPart:
    """The document that a base64 text holds beside its media type; ``at`` is the part's place."""
    return _document(f"data:{as_text(media_type, at)};base64,{as_text(data, at)}", at, origin)


def linked_document(url: str, at: str, origin: Origin) -> Part:
    """The document at a URL; one that has to be fetched first is not inspected till then."""
    if is_data(url):
        return _document(url, at, origin)
    return OpaquePart(
        pointer=at,
        origin=origin,
        kind=REMOTE_DOCUMENT,
        reason="remote documents are not fetched",
        remote=Remote(url=url),
    )


def attached(
    file: Object, at: str, origin: Origin, inside: str, known: AbstractSet[str] = frozenset()
) -> Iterator[Part]:
    """A file of OpenAI's dialects: its ``file_data`` and its name.

    One that is linked to is a gap, and so is one that is named or linked to with data beside it:
    the model's server may read either. ``at`` is the part's place and ``inside`` that of its
    fields, of which those that are ``known`` say nothing to the model. ``file_data`` is a data URI,
    or base64 alone.
    """
    text = file.get("file_data")
    held = [name for name in ELSEWHERE if file.get(name) is not None]
    if text is None and held == ["file_id"]:
        yield uploaded(FILE, file["file_id"], at, origin)
    elif text is None or held:
        yield gap(FILE, at, origin)
    else:
        data = as_text(text, f"{inside}/file_data")
        uri = data if is_data(data) else f"data:{UNSAID};base64,{data}"
        yield _as_named(_document(uri, at, origin), file.get("filename"))
    yield from rest(file, inside, origin, {"file_data", *ELSEWHERE} | known)


def _as_named(document: DocumentPart, name: Json) -> Part:
    """The document, unless its name and its media type differ: servers go by either."""
    ending = name.rpartition(".")[2].strip().lower() if isinstance(name, str) else ""
    named = KINDS.get(ending, PLAIN if ending in WRITTEN else "")
    said = document.media_type
    if named and said == UNSAID:
        return replace(document, media_type=named)
    if named in {"", said} or (named == PLAIN and said not in KINDS.values()):
        return document
    reason = "its name says another kind than its media type"
    return gap(FILE, document.pointer, document.origin, reason)


def _document(uri: str, at: str, origin: Origin) -> DocumentPart:
    try:
        data, media_type = data_uri(uri)
    except MediaError as error:
        raise Malformed(f"the file cannot be read: {error}", at) from None
    return DocumentPart(pointer=at, origin=origin, data=data, media_type=media_type)
