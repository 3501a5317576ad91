"""Documents that travel inside a request, in whatever field a dialect has for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from detectors.contract.exchange import DocumentPart, Origin, Part
from detectors.media.decode import MediaError, data_uri
from service.errors import Malformed
from service.providers.fields import FILE, Object, as_text, gap, rest
from service.providers.strict_json import Json

ELSEWHERE: Final = ("file_id", "file_url")
"""Fields by which a file is kept where the gate has not read it."""


def inline_document(data: Json, media_type: Json, at: str, origin: Origin) -> DocumentPart:
    """The document that a base64 text holds beside its media type; ``at`` is the part's place."""
    return _document(f"data:{as_text(media_type, at)};base64,{as_text(data, at)}", at, origin)


def attached(file: Object, at: str, origin: Origin, inside: str) -> Iterator[Part]:
    """A file of OpenAI's dialects: its ``file_data`` and its name.

    One that is named or linked to is a gap, also where data stands beside it: the model's server
    may read either. ``at`` is the part's place and ``inside`` that of its fields. ``file_data`` is
    a data URI, or base64 alone.
    """
    text = file.get("file_data")
    if text is None or any(file.get(name) is not None for name in ELSEWHERE):
        yield gap(FILE, at, origin)
    else:
        data = as_text(text, f"{inside}/file_data")
        held = data[:5].lower() == "data:"
        yield _document(
            data if held else f"data:application/octet-stream;base64,{data}", at, origin
        )
    yield from rest(file, inside, origin, {"file_data", *ELSEWHERE})


def _document(uri: str, at: str, origin: Origin) -> DocumentPart:
    try:
        data, media_type = data_uri(uri)
    except MediaError as error:
        raise Malformed(f"the file cannot be read: {error}", at) from None
    return DocumentPart(pointer=at, origin=origin, data=data, media_type=media_type)
