"""Gemini's contents and parts, by the official SDK's types (``google.genai.types``).

The API's JSON is that of Protocol Buffers: a name may be spelled in camelCase or in snake_case,
null is nothing, one thing may stand for a list of one, and base64 may be of either alphabet.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final

from detectors.contract.exchange import (
    DocumentPart,
    Message,
    Origin,
    Part,
    Role,
    TextPart,
    ToolCallPart,
)
from service.errors import Malformed
from service.providers.calls import brought, tool_call
from service.providers.documents import PLAIN, inline_document, linked_document
from service.providers.fields import (
    FILE,
    REMOTE_IMAGE,
    UNKNOWN,
    as_object,
    as_text,
    gap,
    image,
    inline_image,
    loose_text,
    thought,
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
# What anybody may fetch; Google's own store is no such place.
WEB: Final = re.compile(r"https?://(?!generativelanguage\.googleapis\.com\b)", re.IGNORECASE)
# How files begin that are no text, though they may have none but a text's bytes; readers look for
# a PDF's beginning within so many bytes.
NO_TEXT: Final = (b"%PDF-", b"PK\3\4", b"{\\rtf")
BEGINNING: Final = 1024
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
        found = READERS[name](part[name], part.place(name), origin)
        yield from thought(found) if part["thought"] is True else found
    if part["fileData"] is not None:
        yield from _linked(part, origin)
        told.append("fileData")
    known = READERS.keys() | PART_SETTINGS | {"fileData"}
    if not told and any(name not in known for name, _ in part.items()):
        yield gap(UNKNOWN, part.at, origin, "a part of unknown type")
    else:
        yield from part.rest(origin, known)


def _text(value: Json, at: str, origin: Origin) -> Iterator[Part]:
    yield TextPart(pointer=at, origin=origin, text=as_text(value, at))


def inline(value: Json, at: str, origin: Origin) -> Iterator[Part]:
    """Bytes in the body: a picture, a document, or what is not read."""
    blob = Fields(value, at)
    kind = as_text(blob["mimeType"], blob.place("mimeType")).lower().replace(" ", "")
    data = as_text(blob["data"], blob.place("data")).translate(EITHER_ALPHABET)
    data += "=" * (-len(data) % 4)
    family = kind.partition("/")[0]
    if family in UNINSPECTED:
        yield gap(UNINSPECTED[family], at, origin)
    elif family == "image":
        yield inline_image(data, kind, at, origin)
    else:
        yield _document(inline_document(data, kind, at, Origin.THIRD_PARTY))
    yield from blob.rest(origin, {"mimeType", "data"})


def _document(document: DocumentPart) -> Part:
    """A plain text is shown as it stands; one that begins as another kind may be taken for it."""
    begins = document.data[:BEGINNING]
    if document.media_type != PLAIN or any(magic in begins for magic in NO_TEXT):
        return document
    try:
        text = document.data.decode("utf-8")
    except UnicodeDecodeError:
        return document
    return TextPart(pointer=document.pointer, origin=document.origin, text=text)


def _linked(part: Fields, origin: Origin) -> Iterator[Part]:
    """What stands elsewhere. It can be fetched where nothing stands beside it in its part.

    What comes takes the place of the whole part.
    """
    at = part.place("fileData")
    file = Fields(part["fileData"], at)
    kind, url = file["mimeType"], file["fileUri"]
    family = kind.lower().partition("/")[0] if isinstance(kind, str) else ""
    web = url if isinstance(url, str) and WEB.match(url) else ""
    if len(list(part.items())) > 1 or family in UNINSPECTED or not family:
        web = ""
    if web and family == "image":
        yield image(web, at, origin, None)
    elif web:
        yield linked_document(web, at, Origin.THIRD_PARTY)
    else:
        yield _kept(kind, url, at, origin)
    yield from file.rest(origin, {"mimeType", "fileUri"})


def _kept(kind: Json, url: Json, at: str, origin: Origin) -> Part:
    """A file that is not fetched: a gap, unless it was inspected when it was uploaded."""
    word = kind.lower() if isinstance(kind, str) else ""
    use = REMOTE_IMAGE if word.startswith("image/") else FILE
    found = gap(use, at, origin, "only an upload or a web link alone in its part is inspected")
    return replace(found, upload=stored(url, word)) if isinstance(url, str) else found


def stored(name: str, kind: str) -> str:
    """How an upload is remembered that is meant by this name, as a file of this kind if it says.

    One that is meant as another kind than it was inspected as is not known: its bytes might be
    read in two ways.
    """
    return f"{FILE}:{kind}:{name}" if kind else f"{FILE}:{name}"


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
        call=tool_call(call["id"], call[name]),
    )
    yield from call.rest(Origin.MODEL, {"id", name, "args"})


def _result(value: Json, at: str, _: Origin) -> Iterator[Part]:
    """What a tool brought back, pictures and documents included."""
    result = Fields(value, at)
    call = tool_call(result["id"], result["name"] or result["toolType"])
    for here, item in items(result["parts"], result.place("parts")):
        yield from brought(_part(Fields(item, here), Origin.THIRD_PARTY), call)
    known = {"id", "parts", "scheduling", "toolType", "outcome"}
    yield from brought(result.rest(Origin.THIRD_PARTY, known), call)


def _code(value: Json, at: str, _: Origin) -> Iterator[Part]:
    yield from Fields(value, at).rest(Origin.MODEL, {"id", "language"})


READERS: Final[dict[str, Callable[[Json, str, Origin], Iterator[Part]]]] = {
    "text": _text,
    "inlineData": inline,
    "functionCall": _call,
    "toolCall": _call,
    "executableCode": _code,
    **dict.fromkeys(RESULTS, _result),
}
