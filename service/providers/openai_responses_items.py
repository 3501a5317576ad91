"""What the items of OpenAI's Responses hold: messages, calls of tools, their results, thoughts.

The shapes are those of the official SDK's types (``openai.types.responses``). A field that is not
described here reaches the model's server unchanged, so its strings are inspected too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from detectors.contract.exchange import (
    Message,
    OpaquePart,
    Origin,
    Part,
    Role,
    TextPart,
    ToolCallPart,
)
from service.errors import Malformed
from service.providers.calls import brought, tool_call
from service.providers.documents import ELSEWHERE, attached, linked_document
from service.providers.fields import (
    FILE,
    TURN,
    UNKNOWN,
    Object,
    as_list,
    as_object,
    as_text,
    contents,
    gap,
    image,
    is_data,
    loose_text,
    rest,
    thought,
    uploaded,
)
from service.providers.strict_json import Json, dump, pointer

HISTORY: Final = "history"

ROLES: Final = {
    "system": (Role.SYSTEM, Origin.OPERATOR),
    "developer": (Role.DEVELOPER, Origin.OPERATOR),
    "user": (Role.USER, Origin.USER),
    "assistant": (Role.ASSISTANT, Origin.MODEL),
}
# The items that call a tool, each with the field that says what it is called with.
CALLS: Final = {
    "function_call": "arguments",
    "custom_tool_call": "input",
    "mcp_call": "arguments",
    "mcp_approval_request": "arguments",
    "tool_search_call": "arguments",
    "web_search_call": "action",
    "file_search_call": "queries",
    "computer_call": "action",
    "code_interpreter_call": "code",
    "local_shell_call": "action",
    "shell_call": "action",
    "apply_patch_call": "operation",
    "program": "code",
}
_SAID: Final = (Role.ASSISTANT, Origin.MODEL)
_BROUGHT: Final = (Role.TOOL, Origin.THIRD_PARTY)
OTHERS: Final = {
    "reasoning": _SAID,
    "image_generation_call": _SAID,
    "compaction": _SAID,
    "function_call_output": _BROUGHT,
    "custom_tool_call_output": _BROUGHT,
    "computer_call_output": _BROUGHT,
    "local_shell_call_output": _BROUGHT,
    "shell_call_output": _BROUGHT,
    "apply_patch_call_output": _BROUGHT,
    "program_output": _BROUGHT,
    "mcp_list_tools": _BROUGHT,
    "tool_search_output": _BROUGHT,
    "additional_tools": ROLES["developer"],
    "configuration_update": ROLES["developer"],
    "mcp_approval_response": ROLES["user"],
    "compaction_trigger": ROLES["user"],
}
# Items that a call of a tool is, or brought: the provider's own tools bring it in the call's item.
OF_CALLS: Final = {*CALLS, *(kind for kind in OTHERS if kind.endswith(("_call", "_output")))}
# Items that stand for what only the model's server has.
UNSEEN: Final = frozenset({"item_reference", "compaction"})

# The model does not read these as content. What the provider sealed, only it can have written.
SETTINGS: Final = frozenset(
    {
        "type",
        "id",
        "call_id",
        "approval_request_id",
        "container_id",
        "created_by",
        "encrypted_content",
        "execution",
        "fingerprint",
        "phase",
        "role",
        "status",
    }
)
PICTURE_SETTINGS: Final = frozenset({"action", "background", "output_format", "quality", "size"})
# What a tool gave back stands in these, whatever the item.
RESULTS: Final = frozenset({"output", "outputs", "results", "error"})
CONTENTS: Final = frozenset({"content", "summary", "output", "outputs"})

# Content parts: the type, and the field that holds the words or the picture.
TEXTS: Final = {
    "input_text": "text",
    "output_text": "text",
    "text": "text",
    "summary_text": "text",
    "reasoning_text": "text",
    "refusal": "refusal",
    "logs": "logs",
}
PICTURES: Final = {"input_image": "image_url", "computer_screenshot": "image_url", "image": "url"}
UNINSPECTED: Final = {"input_audio": "audio", "output_audio": "audio"}
PART_SETTINGS: Final = frozenset({"type", "logprobs", "prompt_cache_breakpoint"})


def sent(value: Json, at: str) -> Message:
    """An item of a request."""
    item = as_object(value, at)
    kind = _kind(item, at)
    if kind in UNSEEN:
        return Message(role=Role.USER, parts=(unseen(at),))
    return _of_call(_item(item, at, kind), item, kind)


def answered(value: Json, at: str) -> Iterator[Part]:
    """The parts of an item of an answer: a message there is the model's, whatever its role says."""
    item = as_object(value, at)
    kind = _kind(item, at)
    if kind == "message":
        return _fields(item, at, Origin.MODEL, SETTINGS)
    return iter(_of_call(_item(item, at, kind), item, kind).parts)


def unseen(at: str) -> OpaquePart:
    """Earlier turns that the model's server remembers, and the gate does not have."""
    return gap(HISTORY, at, Origin.USER, "what the model's server remembers is not read")


def turns(answer: Json, at: str) -> OpaquePart:
    """All turns up to the answer with this id: a gap, unless they were inspected here."""
    reason = "the earlier turns were not inspected here"
    part = gap(HISTORY, at, Origin.USER, reason)
    return replace(part, upload=turn(answer)) if isinstance(answer, str) else part


def turn(answer: str) -> str:
    """The name by which the answer with this id is remembered."""
    return f"{TURN}:{answer}"


def content(value: Json, at: str, origin: Origin) -> Iterator[Part]:
    """A text, one content part, or a list of them."""
    return contents(value, at, origin, _content_part)


def each(value: Json, at: str, origin: Origin) -> Iterator[Part]:
    """The strings of each item of a list that the dialect does not describe further."""
    if not isinstance(value, list):
        yield from loose_text(value, at, origin)
        return
    for index, item in enumerate(value):
        yield from loose_text(item, f"{at}/{index}", origin)


def _kind(item: Object, at: str) -> str:
    """The type of an item; the API lets it be left out of messages and of references."""
    kind = item.get("type")
    if kind is None:
        return "message" if "role" in item else "item_reference"
    return as_text(kind, f"{at}/type")


def _item(item: Object, at: str, kind: str) -> Message:
    if kind == "message":
        name = as_text(item.get("role"), f"{at}/role")
        if name not in ROLES:
            raise Malformed(f"the role must be one of {', '.join(ROLES)}", f"{at}/role")
        role, origin = ROLES[name]
        return Message(role=role, parts=tuple(_fields(item, at, origin, SETTINGS)))
    if kind in CALLS:
        others = _fields(item, at, Origin.MODEL, SETTINGS | {"name", CALLS[kind]})
        return Message(role=Role.ASSISTANT, parts=(_call(item, at, kind), *others))
    if kind == "image_generation_call":
        return Message(role=Role.ASSISTANT, parts=tuple(_generated(item, at)))
    if kind in OTHERS:
        role, origin = OTHERS[kind]
        found = _fields(item, at, origin, SETTINGS)
        return Message(role=role, parts=tuple(thought(found) if kind == "reasoning" else found))
    unknown = gap(UNKNOWN, at, Origin.THIRD_PARTY, "an item of unknown type")
    return Message(role=Role.TOOL, parts=(unknown,))


def _of_call(message: Message, item: Object, kind: str) -> Message:
    """What an item holds, with the call of a tool that it is or that brought it."""
    if kind not in OF_CALLS:
        return message
    name = item.get("name")
    if name is None and not kind.endswith("_output"):
        name = kind.removesuffix("_call")
    call = tool_call(item.get("call_id") or item.get("id"), name)
    return replace(message, parts=tuple(brought(message.parts, call)))


def _call(item: Object, at: str, kind: str) -> Part:
    field = CALLS[kind]
    given = item.get(field)
    if given and not isinstance(given, str):
        given = dump(given).decode()
    name = item.get("name")
    return ToolCallPart(
        pointer=at,
        origin=Origin.MODEL,
        name=kind.removesuffix("_call") if name is None else as_text(name, f"{at}/name"),
        arguments=as_text(given or "", f"{at}/{field}"),
    )


def _generated(item: Object, at: str) -> Iterator[Part]:
    """A picture that the model made, and the earlier forms of it that a stream showed."""
    form = item.get("output_format")
    form = "png" if form is None else as_text(form, f"{at}/output_format")
    result = item.get("result")
    if result is not None:
        yield _picture(as_text(result, f"{at}/result"), at, form)
    early = item.get("partial_images")
    for index, data in enumerate(as_list(early or [], f"{at}/partial_images")):
        here = f"{at}/partial_images/{index}"
        yield _picture(as_text(data, here), here, form)
    read = SETTINGS | PICTURE_SETTINGS | {"result", "partial_images"}
    yield from _fields(item, at, Origin.MODEL, read)


def _picture(data: str, at: str, form: str) -> Part:
    if form == "svg":
        return gap(UNKNOWN, at, Origin.MODEL, "vector graphics are not read")
    return image(f"data:image/{form};base64,{data}", at, Origin.MODEL, None)


def _fields(item: Object, at: str, origin: Origin, read: frozenset[str]) -> Iterator[Part]:
    """The parts of every field of an item but those in ``read``."""
    for name, value in item.items():
        here = f"{at}{pointer(name)}"
        whose = Origin.THIRD_PARTY if name in RESULTS else origin
        if name in read or value is None:
            continue
        if name in {"results", "tools"} or item.get("type") == "shell_call_output":
            yield from each(value, here, whose)
        elif name in CONTENTS:
            yield from content(value, here, whose)
        else:
            yield from loose_text(value, here, whose)


def _content_part(part: Object, at: str, origin: Origin) -> Iterator[Part]:
    kind = as_text(part.get("type"), f"{at}/type")
    read = {*PART_SETTINGS}
    if kind in TEXTS:
        field = TEXTS[kind]
        read.add(field)
        words = as_text(part.get(field), f"{at}/{field}")
        yield TextPart(pointer=f"{at}/{field}", origin=origin, text=words)
    elif kind in PICTURES:
        read |= {PICTURES[kind], "detail", "file_id"}
        yield from _shown(part, at, origin, PICTURES[kind])
    elif kind == "input_file":
        yield from _file(part, at, origin)
        return
    elif kind in UNINSPECTED:
        yield gap(UNINSPECTED[kind], at, origin)
        return
    else:
        yield gap(UNKNOWN, at, origin, "a part of unknown type")
        return
    yield from rest(part, at, origin, read)


def _file(part: Object, at: str, origin: Origin) -> Iterator[Part]:
    """A file in the request, behind a link alone, or in the provider's store."""
    known = PART_SETTINGS | {"detail"}
    held = [name for name in ("file_data", *ELSEWHERE) if part.get(name) is not None]
    link = as_text(part["file_url"], f"{at}/file_url") if held == ["file_url"] else ""
    if not link or is_data(link):
        yield from attached(part, at, origin, at, known)
    else:
        yield linked_document(link, at, origin)
        yield from rest(part, at, origin, known | {"file_url"})


def _shown(part: Object, at: str, origin: Origin, field: str) -> Iterator[Part]:
    """A picture in the request, in the provider's store, or in both: each counts."""
    url, stored, detail = part.get(field), part.get("file_id"), part.get("detail")
    if url is None and stored is None:
        raise Malformed(f"a picture is expected: {field} or file_id", at)
    if url is not None:
        size = None if detail is None else as_text(detail, f"{at}/detail")
        yield image(as_text(url, f"{at}/{field}"), at, origin, size)
    if stored is not None:
        yield uploaded(FILE, stored, f"{at}/file_id", origin)
