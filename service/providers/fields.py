"""Typed reading of parsed JSON, shared by the dialects: a wrong type names its pointer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final

from detectors.contract.exchange import ImagePart, OpaquePart, Origin, Part, Remote, TextPart
from detectors.media.decode import MediaError, data_uri
from detectors.views.tool_call import strings
from service.errors import Malformed
from service.providers.strict_json import Json, pointer

Object = dict[str, Json]

REMOTE_IMAGE: Final = "remote_image"
REMOTE_DOCUMENT: Final = "remote_document"
UNKNOWN: Final = "unknown"
FILE: Final = "file"
TURN: Final = "turn"
"""Begins the name by which an answer is remembered, with all that was said up to it."""
SEALED: Final = "sealed"


def as_object(value: Json, at: str) -> Object:
    """``value``, if it is an object."""
    if not isinstance(value, dict):
        raise Malformed("an object is expected", at)
    return value


def as_list(value: Json, at: str) -> list[Json]:
    """``value``, if it is an array."""
    if not isinstance(value, list):
        raise Malformed("an array is expected", at)
    return value


def as_text(value: Json, at: str) -> str:
    """``value``, if it is a string."""
    if not isinstance(value, str):
        raise Malformed("a string is expected", at)
    return value


def as_bool(value: Json, at: str) -> bool:
    """``value``, if it is a boolean; null counts as false."""
    if value is None:
        return False
    if not isinstance(value, bool):
        raise Malformed("a boolean is expected", at)
    return value


def as_count(value: Json, at: str, *, most: int) -> int:
    """``value``, if it is an integer from 1 to ``most``; null counts as 1."""
    if value is None:
        return 1
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise Malformed(f"an integer from 1 to {most} is expected", at)
    return value


def image(url: str, at: str, origin: Origin, detail: str | None) -> Part:
    """The picture that a URL holds; one that has to be fetched first is not inspected till then."""
    if not is_data(url):
        return OpaquePart(
            pointer=at,
            origin=origin,
            kind=REMOTE_IMAGE,
            reason="remote pictures are not fetched",
            remote=Remote(url=url, detail=detail),
        )
    try:
        data, media_type = data_uri(url)
    except MediaError as error:
        raise Malformed(f"the picture cannot be read: {error}", at) from None
    return ImagePart(pointer=at, origin=origin, data=data, media_type=media_type, detail=detail)


def inline_image(data: Json, media_type: Json, at: str, origin: Origin) -> ImagePart:
    """The picture that a base64 text holds beside its media type; ``at`` is the part's place."""
    text, kind = as_text(data, at), as_text(media_type, at)
    try:
        decoded, kind = data_uri(f"data:{kind};base64,{text}")
    except MediaError as error:
        raise Malformed(f"the picture cannot be read: {error}", at) from None
    return ImagePart(pointer=at, origin=origin, data=decoded, media_type=kind)


def gap(kind: str, at: str, origin: Origin, reason: str = "") -> OpaquePart:
    """Content that is not inspected, and so counts as a gap."""
    return OpaquePart(
        pointer=at, origin=origin, kind=kind, reason=reason or f"{kind} parts are not read"
    )


def uploaded(use: str, name: Json, at: str, origin: Origin) -> OpaquePart:
    """A file that the model's server has: a gap, unless it was inspected when it was uploaded.

    ``use`` is how it was read then: as a ``FILE``, or as the lines of a batch.
    """
    reason = "the file was not inspected when it was uploaded"
    if not isinstance(name, str):
        return gap(FILE, at, origin, reason)
    return OpaquePart(pointer=at, origin=origin, kind=FILE, reason=reason, upload=f"{use}:{name}")


def contents(
    value: Json, at: str, origin: Origin, one: Callable[[Object, str, Origin], Iterator[Part]]
) -> Iterator[Part]:
    """The parts of a content: a text, a list of objects of which ``one`` reads each, or one."""
    if isinstance(value, str):
        yield TextPart(pointer=at, origin=origin, text=value)
    elif isinstance(value, dict):
        yield from one(value, at, origin)
    else:
        for index, item in enumerate(as_list(value, at)):
            here = f"{at}/{index}"
            yield from one(as_object(item, here), here, origin)


def thought(parts: Iterable[Part]) -> Iterator[Part]:
    """The parts, the model's own texts among them marked as what it thought."""
    for part in parts:
        if isinstance(part, TextPart) and part.origin is Origin.MODEL:
            yield replace(part, thinking=True)
        else:
            yield part


def rest(value: Object, at: str, origin: Origin, known: AbstractSet[str]) -> Iterator[Part]:
    """All strings of the fields that are not ``known``, since the model may read them."""
    for name, item in value.items():
        if name not in known:
            yield from loose_text(item, at + pointer(name), origin)


def loose_text(value: Json, at: str, origin: Origin) -> Iterator[Part]:
    """All strings of a field that the dialect does not describe, since the model may read them.

    One text part for the field; strings that carry encoded data count as not inspected.
    """
    words = [word for word in strings(value) if word.strip()]
    plain = [word for word in words if not is_data(word)]
    if plain:
        yield TextPart(pointer=at, origin=origin, text="\n".join(plain))
    if len(plain) < len(words):
        yield OpaquePart(
            pointer=f"{at}#data",
            origin=origin,
            kind=UNKNOWN,
            reason="encoded data in an unknown field",
        )


def is_data(text: str) -> bool:
    """Whether a text is a data URI, or meant to be one."""
    return text[:5].lower() == "data:"
