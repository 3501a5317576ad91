"""Gemini's contents and parts, by the official SDK's types (``google.genai.types``).

The API's JSON is that of Protocol Buffers: a name may be spelled in camelCase or in snake_case,
null is nothing, one thing may stand for a list of one, and base64 may be of either alphabet.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from typing import Final

from detectors.contract.exchange import Message, Origin, Part, Role, TextPart, ToolCallPart
from service.errors import Malformed
from service.providers.fields import (
    FILE,
    REMOTE_IMAGE,
    UNKNOWN,
    as_object,
    as_text,
    gap,
    inline_image,
    loose_text,
)
from service.providers.strict_json import Json, dump, pointer

ROLES: Final = {
    "user": (Role.USER, Origin.USER),
    "model": (Role.ASSISTANT, Origin.MODEL),
    "function": (Role.TOOL, Origin.THIRD_PARTY),
    "tool": (Role.TOOL, Origin.THIRD_PARTY),
}
# How a part is to be taken, not what it says; the signature only its maker can write.
PART_SETTINGS: Final = frozenset(
    {"thought", "thoughtSignature", "videoMetadata", "mediaResolution", "mediaProcessing"}
)
RESULTS: Final = frozenset({"functionResponse", "toolResponse", "codeExecutionResult"})
# Media that is not read: kind of the gap, by the type before the slash.
UNINSPECTED: Final = {"audio": "audio", "video": "video"}
EITHER_ALPHABET: Final = str.maketrans("-_", "+/")


class Fields:
    """An object's fields by their names in camelCase, however they are spelled.

    Raises ``Malformed`` where one is spelled in both ways: servers would differ on which holds.
    """

    def __init__(self, value: Json, at: str) -> None:
        self.at = at
        self._found: dict[str, tuple[str, Json]] = {}
        for key, item in as_object(value, at).items():
            name = camel(key)
            if name in self._found:
                raise Malformed("the same field is there in two spellings", at + pointer(key))
            self._found[name] = (key, item)

    def __getitem__(self, name: str) -> Json:
        """The field's value, None if it is not there."""
        return self._found.get(name, (name, None))[1]

    def items(self) -> Iterator[tuple[str, Json]]:
        """The fields that hold something, by their names in camelCase."""
        return ((name, item) for name, (_, item) in self._found.items() if item is not None)

    def place(self, name: str) -> str:
        """The pointer of a field, as it is spelled."""
        return self.at + pointer(self._found.get(name, (name, None))[0])

    def rest(self, origin: Origin, known: AbstractSet[str]) -> Iterator[Part]:
        """All strings of the fields that are not ``known``, since the model may read them."""
        for name, item in self.items():
            if name not in known:
                yield from loose_text(item, self.place(name), origin)


def camel(name: str) -> str:
    """The name in camelCase."""
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name)


def items(value: Json, at: str) -> Iterator[tuple[str, Json]]:
    """Each of a list with its pointer; one thing stands for a list of one."""
    if isinstance(value, list):
        yield from ((f"{at}/{index}", item) for index, item in enumerate(value))
    elif value is not None:
        yield at, value


def messages(value: Json, at: str) -> Iterator[Message]:
    """A content; what tools brought back is a message of its own, though a user's holds it."""
    content = Fields(value, at)
    name = content["role"]
    known = ROLES.get("user" if name is None else as_text(name, content.place("role")))
    if known is None:
        raise Malformed(f"the role must be one of {', '.join(ROLES)}", content.place("role"))
    role, origin = known
    results: list[Part] = []
    told: list[Part] = []
    for here, item in items(content["parts"], content.place("parts")):
        fields = Fields(item, here)
        is_result = role is Role.USER and any(fields[name] is not None for name in RESULTS)
        (results if is_result else told).extend(_part(fields, origin))
    told.extend(content.rest(origin, {"role", "parts"}))
    if results:
        yield Message(role=Role.TOOL, parts=tuple(results))
    if told or not results:
        yield Message(role=role, parts=tuple(told))


def parts(value: Json, at: str, origin: Origin) -> Iterator[Part]:
    """The parts of a content whose role says nothing: an answer, the operator's instruction."""
    if isinstance(value, str):
        yield TextPart(pointer=at, origin=origin, text=value)
        return
    content = Fields(value, at)
    for here, item in items(content["parts"], content.place("parts")):
        yield from _part(Fields(item, here), origin)
    yield from content.rest(origin, {"role", "parts"})


def _part(part: Fields, origin: Origin) -> Iterator[Part]:
    told = [name for name, _ in part.items() if name in READERS]
    for name in told:
        yield from READERS[name](part[name], part.place(name), origin)
    unknown = [name for name, _ in part.items() if name not in READERS.keys() | PART_SETTINGS]
    if unknown and not told:
        yield gap(UNKNOWN, part.at, origin, "a part of unknown type")
    else:
        yield from part.rest(origin, READERS.keys() | PART_SETTINGS)


def _text(value: Json, at: str, origin: Origin) -> Iterator[Part]:
    yield TextPart(pointer=at, origin=origin, text=as_text(value, at))


def _inline(value: Json, at: str, origin: Origin) -> Iterator[Part]:
    """Bytes in the body: a picture; a text, which is then a document; or what is not read."""
    blob = Fields(value, at)
    kind = as_text(blob["mimeType"], blob.place("mimeType")).lower()
    data = as_text(blob["data"], blob.place("data")).translate(EITHER_ALPHABET)
    data += "=" * (-len(data) % 4)
    family = kind.partition("/")[0]
    if family == "image":
        yield inline_image(data, kind, at, origin)
    elif family == "text":
        yield _document(data, at)
    else:
        yield gap(UNINSPECTED.get(family, FILE), at, origin)
        return
    yield from blob.rest(origin, {"mimeType", "data"})


def _document(data: str, at: str) -> Part:
    try:
        text = base64.b64decode(data, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return gap(FILE, at, Origin.THIRD_PARTY, "a text that is not UTF-8 in base64")
    return TextPart(pointer=at, origin=Origin.THIRD_PARTY, text=text)


def _linked(value: Json, at: str, origin: Origin) -> Iterator[Part]:
    kind = Fields(value, at)["mimeType"]
    is_picture = isinstance(kind, str) and kind.lower().startswith("image/")
    yield gap(REMOTE_IMAGE if is_picture else FILE, at, origin, "what is linked is not fetched")


def _call(value: Json, at: str, _: Origin) -> Iterator[Part]:
    call = Fields(value, at)
    name = "name" if call["name"] is not None else "toolType"
    given = call["args"]
    yield ToolCallPart(
        pointer=at,
        origin=Origin.MODEL,
        name=as_text(call[name] or "", call.place(name)),
        arguments=""
        if given is None
        else dump(dict(as_object(given, call.place("args")))).decode(),
    )
    yield from call.rest(Origin.MODEL, {"id", name, "args"})


def _result(value: Json, at: str, _: Origin) -> Iterator[Part]:
    """What a tool brought back, pictures and documents included."""
    result = Fields(value, at)
    for here, item in items(result["parts"], result.place("parts")):
        yield from _part(Fields(item, here), Origin.THIRD_PARTY)
    yield from result.rest(Origin.THIRD_PARTY, {"id", "parts", "scheduling", "toolType", "outcome"})


def _code(value: Json, at: str, _: Origin) -> Iterator[Part]:
    yield from Fields(value, at).rest(Origin.MODEL, {"id", "language"})


READERS: Final[dict[str, Callable[[Json, str, Origin], Iterator[Part]]]] = {
    "text": _text,
    "inlineData": _inline,
    "fileData": _linked,
    "functionCall": _call,
    "toolCall": _call,
    "executableCode": _code,
    **dict.fromkeys(RESULTS, _result),
}
