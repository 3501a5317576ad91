"""Anthropic Messages.

The shapes are those of the official SDK's types (``anthropic.types``). Fields that the dialect does
not describe reach the model's server unchanged, so their strings are inspected too.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Final

from detectors.contract.exchange import Exchange, Message, Origin, Part, Role, Stage
from service.errors import GlassgateError, Malformed
from service.providers.anthropic_blocks import content, is_result
from service.providers.anthropic_events import Events, event, refused, spelled
from service.providers.base import Assembly, Patch
from service.providers.calls import named
from service.providers.fields import (
    Object,
    as_bool,
    as_list,
    as_object,
    as_text,
    loose_text,
    rest,
)
from service.providers.sse import Event
from service.providers.strict_json import Json, pointer

ROLES: Final = {
    "user": (Role.USER, Origin.USER),
    "assistant": (Role.ASSISTANT, Origin.MODEL),
    "system": (Role.SYSTEM, Origin.OPERATOR),
}

# Settings of the call: the model does not read them as content.
SETTINGS: Final = frozenset(
    {
        "model",
        "max_tokens",
        "stream",
        "temperature",
        "top_p",
        "top_k",
        "metadata",
        "service_tier",
        "speed",
        "inference_geo",
        "thinking",
        "tool_choice",
        "stop_sequences",
        "cache_control",
        "diagnostics",
        "user_profile_id",
        "workspace_id",
    }
)
ANSWER_SETTINGS: Final = frozenset(
    {
        "id",
        "type",
        "role",
        "model",
        "stop_reason",
        "stop_sequence",
        "usage",
        "container",
        "diagnostics",
    }
)
ERRORS: Final[dict[int, str]] = {
    HTTPStatus.UNAUTHORIZED: "authentication_error",
    HTTPStatus.FORBIDDEN: "permission_error",
    HTTPStatus.NOT_FOUND: "not_found_error",
    HTTPStatus.REQUEST_TIMEOUT: "timeout_error",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "request_too_large",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
    HTTPStatus.SERVICE_UNAVAILABLE: "overloaded_error",
    HTTPStatus.GATEWAY_TIMEOUT: "timeout_error",
}


class AnthropicMessages:
    """``POST /v1/messages``."""

    dialect = "anthropic"

    def read(self, body: Json) -> Exchange:
        request = as_object(body, "")
        messages = as_list(request.get("messages"), "/messages")
        if not messages:
            raise Malformed("at least one message is expected", "/messages")
        exchange = Exchange(
            dialect=self.dialect,
            model=as_text(request.get("model"), "/model"),
            stage=Stage.REQUEST,
            messages=(
                *_operator_parts(request),
                *(
                    message
                    for index, item in enumerate(messages)
                    for message in _messages(item, pointer("messages", index))
                ),
            ),
            stream=as_bool(request.get("stream"), "/stream"),
        )
        return named(exchange)

    def read_answer(self, answer: Json) -> Exchange:
        whole = as_object(answer, "")
        model = whole.get("model")
        parts = [
            *content(as_list(whole.get("content"), "/content"), "/content", Origin.MODEL),
            *_stop_details(whole),
            *rest(whole, "", Origin.MODEL, ANSWER_SETTINGS | {"content", "stop_details"}),
        ]
        exchange = Exchange(
            dialect=self.dialect,
            model=model if isinstance(model, str) else "",
            stage=Stage.RESPONSE,
            messages=(Message(role=Role.ASSISTANT, parts=tuple(parts)),),
        )
        return named(exchange)

    def assembly(self) -> Assembly:
        return Events()

    def replace_image(self, path: str, data: bytes, media_type: str) -> Patch:
        encoded = b64encode(data).decode()
        source: Json = {"type": "base64", "media_type": media_type, "data": encoded}
        return Patch(op="replace", path=f"{path}/source", value=source)

    def replace_document(self, path: str, data: bytes, media_type: str) -> Patch:
        return self.replace_image(path, data, media_type)

    def replace_with_text(self, path: str, text: str) -> Patch:
        return Patch(op="replace", path=path, value={"type": "text", "text": text})

    def instruct(self, body: Json, text: str) -> Patch:
        system = as_object(body, "").get("system")
        added: Json = {"type": "text", "text": text}
        if system is None:
            return Patch(op="add", path="/system", value=text)
        if isinstance(system, str):
            before: Json = {"type": "text", "text": system}
            return Patch(op="replace", path="/system", value=[before, added])
        return Patch(op="add", path=pointer("system", len(as_list(system, "/system"))), value=added)

    def refusal(self, body: Json, message: str, call: str, created: int) -> Json:  # noqa: ARG002 - the dialect tells no time
        said: Json = [{"type": "text", "text": message}]
        return {**_head(body, call), "content": said, "stop_reason": "refusal"}

    def refusal_events(self, body: Json, message: str, call: str, created: int) -> Sequence[Event]:  # noqa: ARG002 - the same
        return list(spelled(_head(body, call), message))

    def ending(self, assembly: Assembly, message: str) -> Sequence[Event]:
        if not isinstance(assembly, Events):
            raise TypeError("an assembly of this dialect is expected")
        if not assembly.begun:
            return list(spelled(_head({}, "ended"), message))
        return [
            *(event("content_block_stop", index=index) for index in assembly.open),
            *refused(len(assembly.blocks), message),
        ]

    def failure(self, error: GlassgateError) -> Sequence[Event]:
        return [event("error", error=_error(error))]

    def error(self, error: GlassgateError) -> Json:
        return {"type": "error", "error": _error(error)}


def _head(body: Json, call: str) -> Object:
    """A message of ours, but for what it says."""
    return {
        "id": f"msg_{call}",
        "type": "message",
        "role": "assistant",
        "model": as_object(body, "").get("model", ""),
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 0, "output_tokens": 0},
    }


def _error(error: GlassgateError) -> Object:
    unnamed = (
        "api_error" if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"
    )
    place = f" ({error.pointer})" if error.pointer else ""
    return {"type": ERRORS.get(error.status, unnamed), "message": error.message + place}


def _operator_parts(request: Object) -> Iterator[Message]:
    """What reaches the model beside the messages: system, tools and fields unknown here."""
    parts: list[Part] = []
    for name, value in request.items():
        at = pointer(name)
        if name == "system" and value is not None:
            parts.extend(content(value, at, Origin.OPERATOR))
        elif name == "tools" and value is not None:
            for index, tool in enumerate(as_list(value, at)):
                parts.extend(loose_text(tool, f"{at}/{index}", Origin.OPERATOR))
        elif name not in SETTINGS and name != "messages":
            parts.extend(loose_text(value, at, Origin.OPERATOR))
    if parts:
        yield Message(role=Role.SYSTEM, parts=tuple(parts))


def _messages(item: Json, at: str) -> Iterator[Message]:
    """A message; what tools brought back is one of its own, though a user's message holds it."""
    message = as_object(item, at)
    name = as_text(message.get("role"), f"{at}/role")
    if name not in ROLES:
        raise Malformed(f"the role must be one of {', '.join(ROLES)}", f"{at}/role")
    role, origin = ROLES[name]
    said = message.get("content")
    if not isinstance(said, str):
        as_list(said, f"{at}/content")
    results: list[Part] = []
    parts: list[Part] = []
    if isinstance(said, list):
        for index, block in enumerate(said):
            here = f"{at}/content/{index}"
            into = results if role is Role.USER and is_result(block) else parts
            into.extend(content(as_object(block, here), here, origin))
    else:
        parts.extend(content(said, f"{at}/content", origin))
    parts.extend(rest(message, at, origin, {"role", "content"}))
    if results:
        yield Message(role=Role.TOOL, parts=tuple(results))
    if parts or not results:
        yield Message(role=role, parts=tuple(parts))


def _stop_details(answer: Object) -> Iterator[Part]:
    """Why the model stopped, in its own words; the category is a fixed word."""
    details = answer.get("stop_details")
    if details is not None:
        given = as_object(details, "/stop_details")
        yield from rest(given, "/stop_details", Origin.MODEL, {"type", "category"})
