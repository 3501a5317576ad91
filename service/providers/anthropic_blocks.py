"""Anthropic's content blocks as parts, by the official SDK's types (``anthropic.types``).

What a tool brought back, a document or a search result is a third party's text, whoever sent it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from detectors.contract.exchange import Origin, Part, TextPart, ToolCallPart
from service.errors import Malformed
from service.providers.calls import brought, tool_call
from service.providers.documents import inline_document, linked_document
from service.providers.fields import (
    FILE,
    SEALED,
    UNKNOWN,
    Object,
    as_list,
    as_object,
    as_text,
    contents,
    gap,
    image,
    inline_image,
    rest,
    thought,
    uploaded,
)
from service.providers.strict_json import Json, dump

Reader = Callable[[Object, str, Origin], Iterator[Part]]

# What a block says of itself, not to the model; the signature and the sealed thinking only their
# maker can write, and its server checks them.
NAMES: Final = frozenset(
    {"type", "id", "tool_use_id", "cache_control", "is_error", "caller", "signature"}
)
RESULTS: Final = frozenset(
    {
        "tool_result",
        "mcp_tool_result",
        "web_search_tool_result",
        "web_fetch_tool_result",
        "code_execution_tool_result",
        "bash_code_execution_tool_result",
        "text_editor_code_execution_tool_result",
        "tool_search_tool_result",
    }
)
# Inside of a result: all their fields are text, but for what is sealed.
FOUND: Final = frozenset(
    {
        "web_search_result",
        "web_search_tool_result_error",
        "web_fetch_tool_result_error",
        "code_execution_result",
        "code_execution_output",
        "code_execution_tool_result_error",
        "encrypted_code_execution_result",
        "bash_code_execution_result",
        "bash_code_execution_output",
        "bash_code_execution_tool_result_error",
        "text_editor_code_execution_view_result",
        "text_editor_code_execution_create_result",
        "text_editor_code_execution_str_replace_result",
        "text_editor_code_execution_tool_result_error",
        "tool_search_tool_search_result",
        "tool_search_tool_result_error",
        "tool_reference",
        "browser_state",
    }
)
# The types of a source, each with the field that holds what it is the source of.
SOURCES: Final = {
    "base64": "data",
    "text": "data",
    "content": "content",
    "url": "url",
    "file": "file_id",
}
SOURCE_FIELDS: Final = frozenset({"type", "media_type", *SOURCES.values()})
ENCRYPTED: Final = frozenset({"encrypted_content", "encrypted_stdout"})
# A place in sealed material, not the material.
ENCRYPTED_PLACE: Final = "encrypted_index"


def content(value: Json, at: str, origin: Origin) -> Iterator[Part]:
    """The parts of a content: a string, a list of blocks, or one block."""
    return contents(value, at, origin, _block)


def is_result(block: Json) -> bool:
    """Whether a block is what a tool brought back."""
    kind = block.get("type") if isinstance(block, dict) else None
    return isinstance(kind, str) and kind in RESULTS


def _block(block: Object, at: str, origin: Origin) -> Iterator[Part]:
    kind = as_text(block.get("type"), f"{at}/type")
    reader = READERS.get(kind)
    if reader is None:
        yield gap(UNKNOWN, at, origin, "a part of unknown type")
    else:
        yield from reader(block, at, origin)


def _text(block: Object, at: str, origin: Origin) -> Iterator[Part]:
    yield _word(block, "text", at, origin)
    for index, item in enumerate(as_list(block.get("citations") or [], f"{at}/citations")):
        here = f"{at}/citations/{index}"
        yield from rest(as_object(item, here), here, origin, {"type", ENCRYPTED_PLACE})
    yield from rest(block, at, origin, NAMES | {"text", "citations"})


def _thinking(block: Object, at: str, origin: Origin) -> Iterator[Part]:
    yield from thought([_word(block, "thinking", at, origin)])
    yield from rest(block, at, origin, NAMES | {"thinking"})


def _sealed_thinking(block: Object, at: str, origin: Origin) -> Iterator[Part]:
    yield from rest(block, at, origin, NAMES | {"data"})


def _image(block: Object, at: str, origin: Origin) -> Iterator[Part]:
    source, kind = _source(block, at)
    if kind == "base64":
        yield inline_image(source.get("data"), source.get("media_type"), at, origin)
    elif kind == "url":
        yield image(as_text(source.get("url"), f"{at}/source/url"), at, origin, None)
    elif kind == "file":
        yield uploaded(FILE, source.get("file_id"), at, origin)
    else:
        yield gap(UNKNOWN, at, origin)
    yield from rest(source, f"{at}/source", origin, SOURCE_FIELDS)
    yield from rest(block, at, origin, NAMES | {"source", "transformations"})


def _document(block: Object, at: str, _: Origin) -> Iterator[Part]:
    origin, here = Origin.THIRD_PARTY, f"{at}/source"
    source, kind = _source(block, at)
    if kind == "base64":
        yield inline_document(source.get("data"), source.get("media_type"), at, origin)
    elif kind == "text":
        yield _word(source, "data", here, origin)
    elif kind == "content":
        yield from content(source.get("content"), f"{here}/content", origin)
    elif kind == "url":
        yield linked_document(as_text(source.get("url"), f"{here}/url"), at, origin)
    elif kind == "file":
        yield uploaded(FILE, source.get("file_id"), at, origin)
    else:
        yield gap(FILE, at, origin)
    yield from rest(source, here, origin, SOURCE_FIELDS)
    yield from rest(block, at, origin, NAMES | {"source"})


def _source(block: Object, at: str) -> tuple[Object, str]:
    """A block's source and its type, which is none where it holds what another type would hold.

    The model's server may read either.
    """
    source = as_object(block.get("source"), f"{at}/source")
    kind = as_text(source.get("type"), f"{at}/source/type")
    beside = set(SOURCES.values()) - {SOURCES.get(kind)}
    return source, "" if any(source.get(name) is not None for name in beside) else kind


def _file(block: Object, at: str, origin: Origin) -> Iterator[Part]:
    yield uploaded(FILE, block.get("file_id"), at, origin)
    yield from rest(block, at, origin, NAMES | {"file_id"})


def _search_result(block: Object, at: str, _: Origin) -> Iterator[Part]:
    yield from content(block.get("content"), f"{at}/content", Origin.THIRD_PARTY)
    yield from rest(block, at, Origin.THIRD_PARTY, NAMES | {"content"})


def _call(block: Object, at: str, _: Origin) -> Iterator[Part]:
    given = block.get("input")
    if not isinstance(given, dict | str):
        raise Malformed("an object is expected", f"{at}/input")
    yield ToolCallPart(
        pointer=at,
        origin=Origin.MODEL,
        name=as_text(block.get("name"), f"{at}/name"),
        # A string while it is streamed: the text so far, which is no JSON yet.
        arguments=given if isinstance(given, str) else dump(given).decode(),
        call=tool_call(block.get("id"), block.get("name")),
    )
    yield from rest(block, at, Origin.MODEL, NAMES | {"name", "input"})


def _result(block: Object, at: str, _: Origin) -> Iterator[Part]:
    call = tool_call(block.get("tool_use_id"), None)
    if block.get("content") is not None:
        found = content(block["content"], f"{at}/content", Origin.THIRD_PARTY)
        yield from brought(found, call)
    yield from brought(rest(block, at, Origin.THIRD_PARTY, NAMES | {"content"}), call)


def _found(block: Object, at: str, _: Origin) -> Iterator[Part]:
    for name in sorted(ENCRYPTED & block.keys()):
        yield gap(SEALED, f"{at}/{name}", Origin.THIRD_PARTY, "only its maker can read it")
    yield from rest(block, at, Origin.THIRD_PARTY, NAMES | ENCRYPTED)


def _fetched(block: Object, at: str, _: Origin) -> Iterator[Part]:
    yield from content(block.get("content"), f"{at}/content", Origin.THIRD_PARTY)
    yield from rest(block, at, Origin.THIRD_PARTY, NAMES | {"content"})


def _word(block: Object, name: str, at: str, origin: Origin) -> TextPart:
    here = f"{at}/{name}"
    return TextPart(pointer=here, origin=origin, text=as_text(block.get(name), here))


READERS: Final[dict[str, Reader]] = {
    "text": _text,
    "thinking": _thinking,
    "redacted_thinking": _sealed_thinking,
    "image": _image,
    "document": _document,
    "container_upload": _file,
    "search_result": _search_result,
    "tool_use": _call,
    "server_tool_use": _call,
    "mcp_tool_use": _call,
    "web_fetch_result": _fetched,
    **dict.fromkeys(RESULTS, _result),
    **dict.fromkeys(FOUND, _found),
}
