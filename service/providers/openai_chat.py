"""OpenAI Chat Completions.

The shapes are those of the official SDK's types (``openai.types.chat``). Fields that the dialect
does not describe reach the model's server unchanged, so their strings are inspected too.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Final

from detectors.contract.exchange import (
    Exchange,
    Message,
    OpaquePart,
    Origin,
    Part,
    Role,
    Stage,
    TextPart,
    ToolCallPart,
)
from service.errors import GlassgateError, Malformed
from service.providers.base import Assembly, Patch
from service.providers.calls import brought, named, tool_call
from service.providers.deltas import DONE, Chunks
from service.providers.documents import attached
from service.providers.fields import (
    UNKNOWN,
    Object,
    as_bool,
    as_count,
    as_list,
    as_object,
    as_text,
    image,
    loose_text,
    thought,
)
from service.providers.fields import rest as unknown
from service.providers.sse import Event
from service.providers.strict_json import Json, dump, pointer

ROLES: Final = {
    "system": (Role.SYSTEM, Origin.OPERATOR),
    "developer": (Role.DEVELOPER, Origin.OPERATOR),
    "user": (Role.USER, Origin.USER),
    "assistant": (Role.ASSISTANT, Origin.MODEL),
    "tool": (Role.TOOL, Origin.THIRD_PARTY),
    "function": (Role.TOOL, Origin.THIRD_PARTY),
}

# Settings of the call: the model does not read them as content.
SETTINGS: Final = frozenset(
    {
        "model",
        "n",
        "stream",
        "stream_options",
        "temperature",
        "top_p",
        "max_tokens",
        "max_completion_tokens",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "seed",
        "user",
        "metadata",
        "store",
        "safety_identifier",
        "prompt_cache_key",
        "prompt_cache_retention",
        "service_tier",
        "parallel_tool_calls",
        "reasoning_effort",
        "verbosity",
        "modalities",
        "audio",
        "tool_choice",
        "function_call",
        "stop",
    }
)
ANSWER_SETTINGS: Final = frozenset(
    {"id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier"}
)
# Fields of a message that hold words, whatever they begin with.
TEXTS: Final = frozenset({"name", "refusal", "reasoning", "reasoning_content", "thinking"})
# Parts that hold what is not inspected yet: kind of the gap, by the wire's own name of the part.
UNINSPECTED: Final[dict[str, str]] = {"input_audio": "audio", "audio": "audio"}

# Fields in which servers tell what a model thought; the API itself has none.
THOUGHTS: Final = frozenset({"reasoning", "reasoning_content", "reasoning_details"})

MOST_CHOICES: Final = 128  # the API's own limit for ``n``
NO_USAGE: Final = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


class OpenAIChat:
    """``POST /v1/chat/completions``."""

    dialect = "openai_chat"

    def read(self, body: Json) -> Exchange:
        request = as_object(body, "")
        messages = as_list(request.get("messages"), "/messages")
        if not messages:
            raise Malformed("at least one message is expected", "/messages")
        as_count(request.get("n"), "/n", most=MOST_CHOICES)
        read = [_message(item, pointer("messages", i)) for i, item in enumerate(messages)]
        exchange = Exchange(
            dialect=self.dialect,
            model=as_text(request.get("model"), "/model"),
            stage=Stage.REQUEST,
            messages=(*_operator_parts(request), *read),
            stream=as_bool(request.get("stream"), "/stream"),
        )
        return named(exchange)

    def read_answer(self, answer: Json) -> Exchange:
        whole = as_object(answer, "")
        choices = as_list(whole.get("choices"), "/choices")
        model = whole.get("model")
        beside = [
            part
            for name, value in whole.items()
            if name not in ANSWER_SETTINGS
            for part in loose_text(value, pointer(name), Origin.MODEL)
        ]
        return Exchange(
            dialect=self.dialect,
            model=model if isinstance(model, str) else "",
            stage=Stage.RESPONSE,
            messages=(
                *(_choice(choice, pointer("choices", i)) for i, choice in enumerate(choices)),
                *([Message(role=Role.ASSISTANT, parts=tuple(beside))] if beside else []),
            ),
        )

    def assembly(self) -> Assembly:
        return Chunks(ANSWER_SETTINGS)

    def replace_image(self, path: str, data: bytes, media_type: str) -> Patch:
        url = f"data:{media_type};base64,{b64encode(data).decode()}"
        return Patch(op="replace", path=f"{path}/image_url/url", value=url)

    def replace_with_text(self, path: str, text: str) -> Patch:
        return Patch(op="replace", path=path, value={"type": "text", "text": text})

    def instruct(self, body: Json, text: str) -> Patch:
        messages = as_list(as_object(body, "").get("messages"), "/messages")
        roles = [as_object(item, "").get("role") for item in messages]
        first = next((i for i, role in enumerate(roles) if role not in {"system", "developer"}), 0)
        role = "developer" if "developer" in roles[:first] else "system"
        value: Json = {"role": role, "content": text}
        return Patch(op="add", path=pointer("messages", first), value=value)

    def refusal(self, body: Json, message: str, call: str, created: int) -> Json:
        request = as_object(body, "")
        said: Json = {"role": "assistant", "content": None, "refusal": message}
        return {
            "id": f"chatcmpl-{call}",
            "object": "chat.completion",
            "created": created,
            "model": request.get("model"),
            "choices": [
                {
                    "index": index,
                    "message": said,
                    "logprobs": None,
                    "finish_reason": _refused(request),
                }
                for index in range(_choices(request))
            ],
            "usage": dict(NO_USAGE),
        }

    def refusal_events(self, body: Json, message: str, call: str, created: int) -> Sequence[Event]:
        request = as_object(body, "")
        said: Json = {"role": "assistant", "content": None, "refusal": message}
        head: Object = {
            "id": f"chatcmpl-{call}",
            "object": "chat.completion.chunk",
            "created": created,
            "model": request.get("model"),
        }
        chunks: list[Object] = []
        for index in range(_choices(request)):
            for delta, reason in ((said, None), ({}, _refused(request))):
                choice: Json = {"index": index, "delta": delta, "finish_reason": reason}
                chunks.append({**head, "choices": [choice]})
        options = request.get("stream_options")
        if isinstance(options, dict) and options.get("include_usage") is True:
            chunks.append({**head, "choices": [], "usage": dict(NO_USAGE)})
        return [*(Event(dump(chunk).decode()) for chunk in chunks), Event(DONE)]

    def ending(self, assembly: Assembly, message: str) -> Sequence[Event]:
        said = as_object(assembly.answer, "")
        head: Object = {
            "id": said.get("id"),
            "object": "chat.completion.chunk",
            "created": said.get("created"),
            "model": said.get("model"),
        }
        begun = [as_object(item, "/choices") for item in as_list(said["choices"], "/choices")]
        unended = [each.get("index") for each in begun if each.get("finish_reason") is None]
        chunks: list[Object] = []
        for index in unended or [0]:
            steps: tuple[tuple[Object, Json], ...] = (
                ({"refusal": message}, None),
                ({}, "content_filter"),
            )
            for delta, reason in steps:
                choice: Json = {"index": index, "delta": delta, "finish_reason": reason}
                chunks.append({**head, "choices": [choice]})
        return [*(Event(dump(chunk).decode()) for chunk in chunks), Event(DONE)]

    def failure(self, error: GlassgateError) -> Sequence[Event]:
        return [Event(dump(self.error(error)).decode())]

    def error(self, error: GlassgateError) -> Json:
        return {
            "error": {
                "message": error.message,
                "type": "server_error"
                if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
                else "invalid_request_error",
                "param": error.pointer,
                "code": error.code,
            }
        }


def _choices(request: Object) -> int:
    return as_count(request.get("n"), "/n", most=MOST_CHOICES)


def _refused(request: Object) -> str:
    """Why the choices of a refusal ended.

    Where a shape is asked for, the API's own models refuse by ``message.refusal`` and stop. The
    SDK's ``parse`` reads it there, and raises at ``content_filter``.
    """
    form = request.get("response_format")
    shaped = isinstance(form, dict) and form.get("type") == "json_schema"
    return "stop" if shaped else "content_filter"


def _operator_parts(request: Object) -> Iterator[Message]:
    """What reaches the model beside the messages: tools, formats and fields unknown here."""
    parts: list[Part] = []
    for name, value in request.items():
        at = pointer(name)
        if name in {"tools", "functions"} and value is not None:
            for index, tool in enumerate(as_list(value, at)):
                parts.extend(loose_text(tool, f"{at}/{index}", Origin.OPERATOR))
        elif name not in SETTINGS and name != "messages":
            parts.extend(loose_text(value, at, Origin.OPERATOR))
    if parts:
        yield Message(role=Role.SYSTEM, parts=tuple(parts))


def _message(item: Json, at: str) -> Message:
    message = as_object(item, at)
    name = as_text(message.get("role"), f"{at}/role")
    if name not in ROLES:
        raise Malformed(f"the role must be one of {', '.join(ROLES)}", f"{at}/role")
    role, origin = ROLES[name]
    result = role is Role.TOOL
    call = tool_call(message.get("tool_call_id"), message.get("name")) if result else None
    return Message(role=role, parts=tuple(brought(_message_parts(message, at, origin), call)))


def _choice(item: Json, at: str) -> Message:
    choice = as_object(item, at)
    parts = list(
        _message_parts(
            as_object(choice.get("message"), f"{at}/message"), f"{at}/message", Origin.MODEL
        )
    )
    for name, value in choice.items():
        if name not in {"message", "index", "finish_reason", "logprobs"}:
            parts.extend(loose_text(value, f"{at}{pointer(name)}", Origin.MODEL))
    return Message(role=Role.ASSISTANT, parts=tuple(parts))


def _message_parts(message: Object, at: str, origin: Origin) -> Iterator[Part]:
    for name, value in message.items():
        here = f"{at}{pointer(name)}"
        if name in {"role", "tool_call_id"} or value is None:
            continue
        if name == "content":
            yield from _content(value, here, origin)
        elif name == "tool_calls":
            for index, call in enumerate(as_list(value, here)):
                yield from _tool_call(as_object(call, f"{here}/{index}"), f"{here}/{index}")
        elif name == "function_call":
            yield from _function(value, here)
        elif name == "audio":
            yield OpaquePart(pointer=here, origin=origin, kind="audio", reason="audio is not read")
        else:
            told = _words(value, here, origin) if name in TEXTS else loose_text(value, here, origin)
            yield from thought(told) if name in THOUGHTS else told


def _words(value: Json, at: str, origin: Origin) -> Iterator[Part]:
    """The text of a field that holds words by its name, whatever it begins with."""
    if isinstance(value, str):
        yield TextPart(pointer=at, origin=origin, text=value)
    else:
        yield from loose_text(value, at, origin)


def _content(value: Json, at: str, origin: Origin) -> Iterator[Part]:
    if isinstance(value, str):
        yield TextPart(pointer=at, origin=origin, text=value)
        return
    for index, item in enumerate(as_list(value, at)):
        here = f"{at}/{index}"
        yield from _content_part(as_object(item, here), here, origin)


def _content_part(part: Object, at: str, origin: Origin) -> Iterator[Part]:
    kind = as_text(part.get("type"), f"{at}/type")
    rest = {name: value for name, value in part.items() if name not in {"type", kind}}
    if kind in {"text", "refusal"}:
        yield TextPart(
            pointer=f"{at}/{kind}", origin=origin, text=as_text(part.get(kind), f"{at}/{kind}")
        )
    elif kind == "image_url":
        source = as_object(part.get("image_url"), f"{at}/image_url")
        detail = source.get("detail")
        url = as_text(source.get("url"), f"{at}/image_url/url")
        yield image(
            url, at, origin, None if detail is None else as_text(detail, f"{at}/image_url/detail")
        )
        yield from unknown(source, f"{at}/image_url", origin, {"url", "detail"})
    elif kind == "file":
        yield from attached(as_object(part.get(kind), f"{at}/file"), at, origin, f"{at}/file")
    elif kind in UNINSPECTED:
        yield OpaquePart(
            pointer=at,
            origin=origin,
            kind=UNINSPECTED[kind],
            reason=f"{UNINSPECTED[kind]} parts are not read",
        )
        return
    else:
        yield OpaquePart(pointer=at, origin=origin, kind=UNKNOWN, reason="a part of unknown type")
        return
    yield from (
        leaf
        for name, value in rest.items()
        for leaf in loose_text(value, f"{at}{pointer(name)}", origin)
    )


def _tool_call(call: Object, at: str) -> Iterator[Part]:
    kind = call.get("type", "function")
    known = "function" if kind == "function" else "custom"
    yield from _function(call.get(known), f"{at}/{known}", call.get("id"))
    for name, value in call.items():
        if name not in {"id", "type", "index", known}:
            yield from loose_text(value, f"{at}{pointer(name)}", Origin.MODEL)


def _function(value: Json, at: str, call: Json = None) -> Iterator[Part]:
    """The function that is called, and with what; ``call`` is the id of the call, if it has one."""
    function = as_object(value, at)
    arguments = function.get("arguments", function.get("input"))
    yield ToolCallPart(
        pointer=at,
        origin=Origin.MODEL,
        name=as_text(function.get("name", ""), f"{at}/name"),
        arguments="" if arguments is None else as_text(arguments, f"{at}/arguments"),
        call=tool_call(call, function.get("name")),
    )
    yield from unknown(function, at, Origin.MODEL, {"name", "arguments", "input"})
