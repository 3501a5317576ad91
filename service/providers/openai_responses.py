"""OpenAI Responses.

The shapes are those of the official SDK's types (``openai.types.responses``). What the model's
server adds of its own (a stored prompt, earlier turns that the gate does not know) counts as not
inspected.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import Final

from detectors.contract.exchange import (
    Exchange,
    Message,
    Origin,
    Part,
    Role,
    Stage,
    TextPart,
)
from service.errors import GlassgateError
from service.providers.base import Assembly, Patch
from service.providers.calls import named
from service.providers.fields import (
    Object,
    as_bool,
    as_list,
    as_object,
    as_text,
    gap,
    loose_text,
    rest,
)
from service.providers.openai_chat import OpenAIChat
from service.providers.openai_responses_events import Numbered, ResponseAssembly
from service.providers.openai_responses_items import (
    answered,
    content,
    each,
    sent,
    turn,
    turns,
    unseen,
)
from service.providers.sse import Event
from service.providers.strict_json import Json, dump, pointer

TEMPLATE, BACKGROUND = "template", "background"

# Settings of the call: the model does not read them as content.
SETTINGS: Final = frozenset(
    {
        "model",
        "stream",
        "stream_options",
        "access_programs",
        "background_options",
        "context_management",
        "image",
        "include",
        "max_output_tokens",
        "max_tool_calls",
        "metadata",
        "moderation",
        "parallel_tool_calls",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning",
        "safety_identifier",
        "service_tier",
        "store",
        "temperature",
        "tool_choice",
        "top_logprobs",
        "top_p",
        "truncation",
        "user",
    }
)
# An answer repeats what was asked, and counts: the client knows it.
ANSWER_SETTINGS: Final = (SETTINGS - {"stream", "stream_options"}) | {
    "id",
    "object",
    "output",
    "created_at",
    "completed_at",
    "status",
    "incomplete_details",
    "instructions",
    "tools",
    "text",
    "prompt",
    "background",
    "conversation",
    "previous_response_id",
    "input_transformations",
    "prompt_cache_diagnostics",
    "tool_usage",
    "usage",
}
NO_USAGE: Final[Object] = {
    "input_tokens": 0,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 0,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 0,
}

# One white pixel, as PNG: a call of the computer must be answered by a screenshot.
BLANK: Final = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEA"
    "sTj2FAAAAABJRU5ErkJggg=="
)
FETCHED_NAME: Final = "document.pdf"
"""The name of a file that was fetched: only PDF is."""

_GENERATED: Final = re.compile(r"/input/\d+")
_SCREENSHOT: Final = re.compile(r"/input/\d+/output")
_OF_CODE: Final = re.compile(r"/input/\d+/outputs/\d+")


class OpenAIResponses:
    """``POST /v1/responses``."""

    dialect = "openai_responses"

    def read(self, body: Json) -> Exchange:
        request = as_object(body, "")
        model = request.get("model")
        exchange = Exchange(
            dialect=self.dialect,
            model="" if model is None else as_text(model, "/model"),
            stage=Stage.REQUEST,
            messages=(*_beside(request), *_input(request.get("input"))),
            stream=as_bool(request.get("stream"), "/stream"),
        )
        return named(exchange)

    def read_answer(self, answer: Json) -> Exchange:
        whole = as_object(answer, "")
        model = whole.get("model")
        parts = [
            part
            for index, item in enumerate(as_list(whole.get("output"), "/output"))
            for part in answered(item, pointer("output", index))
        ]
        parts.extend(rest(whole, "", Origin.MODEL, ANSWER_SETTINGS))
        exchange = Exchange(
            dialect=self.dialect,
            model=model if isinstance(model, str) else "",
            stage=Stage.RESPONSE,
            messages=(Message(role=Role.ASSISTANT, parts=tuple(parts)),),
        )
        return named(exchange)

    def keeps(self, body: Json) -> bool:
        return as_object(body, "").get("store") is not False

    def kept(self, answer: Json) -> str | None:
        """An answer that is not over may be another one later."""
        whole = as_object(answer, "")
        name = whole.get("id")
        over = whole.get("status") in {"completed", "incomplete"}
        return turn(name) if over and isinstance(name, str) else None

    def assembly(self) -> Assembly:
        return ResponseAssembly(ANSWER_SETTINGS)

    def replace_image(self, path: str, data: bytes, media_type: str) -> Patch:
        encoded = b64encode(data).decode()
        if _GENERATED.fullmatch(path):
            return Patch(op="replace", path=f"{path}/result", value=encoded)
        field = "url" if _OF_CODE.fullmatch(path) else "image_url"
        url = f"data:{media_type};base64,{encoded}"
        return Patch(op="replace", path=f"{path}/{field}", value=url)

    def replace_document(self, path: str, data: bytes, media_type: str) -> Patch:
        """A whole part: the API asks for a name beside the bytes, and may not find one there."""
        uri = f"data:{media_type};base64,{b64encode(data).decode()}"
        value: Json = {"type": "input_file", "filename": FETCHED_NAME, "file_data": uri}
        return Patch(op="replace", path=path, value=value)

    def replace_with_text(self, path: str, text: str) -> Patch:
        value: Json = {"type": "input_text", "text": text}
        if _GENERATED.fullmatch(path):
            value = {"type": "message", "role": "assistant", "content": text}
        elif _SCREENSHOT.fullmatch(path):
            value = {"type": "computer_screenshot", "image_url": BLANK}
        elif _OF_CODE.fullmatch(path):
            value = {"type": "logs", "logs": text}
        return Patch(op="replace", path=path, value=value)

    def instruct(self, body: Json, text: str) -> Patch:
        request = as_object(body, "")
        items = request.get("input")
        if isinstance(items, list):
            roles = [as_object(item, "").get("role") for item in items]
            first = (i for i, role in enumerate(roles) if role not in {"system", "developer"})
            value: Json = {"type": "message", "role": "developer", "content": text}
            return Patch(op="add", path=pointer("input", next(first, 0)), value=value)
        told = request.get("instructions")
        whole = f"{told}\n\n{text}" if told else text
        return Patch(op="add", path="/instructions", value=whole)

    def refusal(self, body: Json, message: str, call: str, created: int) -> Json:
        item: Json = {
            **_message(call),
            "status": "completed",
            "content": [{"type": "refusal", "refusal": message}],
        }
        return {
            **_response(as_object(body, ""), call, created),
            "status": "completed",
            "output": [item],
        }

    def refusal_events(self, body: Json, message: str, call: str, created: int) -> Sequence[Event]:
        response = _response(as_object(body, ""), call, created)
        said = Numbered()
        said.say("response.created", response=response)
        said.say("response.in_progress", response=response)
        item = _message(call)
        said.say("response.output_item.added", output_index=0, item=item)
        done = said.refuse(item, 0, [], message)
        whole: Object = {**response, "status": "completed", "output": [done]}
        said.say("response.completed", response=whole)
        return said.events

    def ending(self, assembly: Assembly, message: str) -> Sequence[Event]:
        """The message that was begun ends in a refusal; a call that was begun stays unfinished."""
        assert isinstance(assembly, ResponseAssembly)
        said = Numbered(assembly.sequence + 1)
        items = {i: item for i, item in assembly.items.items() if i not in assembly.begun}
        messages = [i for i in assembly.begun if assembly.items[i].get("type") == "message"]
        for index in messages:
            said.close(assembly.items[index], index, assembly.begun[index])
        for index in messages[:-1]:
            items[index] = {**assembly.items[index], "status": "incomplete"}
            said.say("response.output_item.done", output_index=index, item=items[index])
        if messages:
            index = messages[-1]
            item = assembly.items[index]
        else:
            index = max(assembly.items, default=-1) + 1
            item = _message(f"{assembly.head.get('id', '')}_{index}")
            said.say("response.output_item.added", output_index=index, item=item)
        contents = as_list(item.get("content", []), "/content")
        items[index] = said.refuse(item, index, contents, message)
        response: Object = {
            **assembly.head,
            "status": "incomplete",
            "incomplete_details": {"reason": "content_filter"},
            "output": [item for _, item in sorted(items.items())],
        }
        said.say("response.incomplete", response=response)
        return said.events

    def failure(self, error: GlassgateError) -> Sequence[Event]:
        told: Json = {
            "type": "error",
            "sequence_number": 0,
            "code": error.code,
            "message": error.message,
            "param": error.pointer,
        }
        return [Event(dump(told).decode(), "error")]

    def error(self, error: GlassgateError) -> Json:
        return OpenAIChat().error(error)


def _beside(request: Object) -> Iterator[Message]:
    """What reaches the model beside the input: instructions, tools, and what its server adds."""
    parts: list[Part] = []
    for name, value in request.items():
        at = pointer(name)
        if value is None or name in SETTINGS | {"input", "prompt"}:
            continue
        if name == "tools":
            parts.extend(each(value, at, Origin.OPERATOR))
        elif name == "text":
            shape = {key: item for key, item in as_object(value, at).items() if key != "verbosity"}
            parts.extend(loose_text(shape, at, Origin.OPERATOR))
        elif name == "previous_response_id":
            parts.append(turns(value, at))
        elif name == "conversation":
            parts.append(unseen(at))
        elif name == "background":
            parts.extend(_later(value, at))
        else:
            parts.extend(loose_text(value, at, Origin.OPERATOR))
    if parts:
        yield Message(role=Role.SYSTEM, parts=tuple(parts))
    if request.get("prompt") is not None:
        yield Message(role=Role.USER, parts=tuple(_template(request["prompt"], "/prompt")))


def _later(value: Json, at: str) -> Iterator[Part]:
    if as_bool(value, at):
        reason = "an answer that is fetched later does not come through here"
        yield gap(BACKGROUND, at, Origin.OPERATOR, reason)


def _template(value: Json, at: str) -> Iterator[Part]:
    """A prompt that the provider stores, and what the client fills into it."""
    prompt = as_object(value, at)
    yield gap(TEMPLATE, at, Origin.OPERATOR, "prompts that the provider stores are not read")
    filled = prompt.get("variables")
    for name, variable in as_object({} if filled is None else filled, f"{at}/variables").items():
        yield from content(variable, f"{at}/variables{pointer(name)}", Origin.USER)
    yield from rest(prompt, at, Origin.OPERATOR, {"id", "version", "variables"})


def _input(value: Json) -> Iterator[Message]:
    if isinstance(value, str):
        part = TextPart(pointer="/input", origin=Origin.USER, text=value)
        yield Message(role=Role.USER, parts=(part,))
    elif value is not None:
        for index, item in enumerate(as_list(value, "/input")):
            yield sent(item, pointer("input", index))


def _message(call: str) -> Object:
    return {
        "id": f"msg_{call}",
        "type": "message",
        "status": "in_progress",
        "role": "assistant",
        "content": [],
    }


def _response(request: Object, call: str, created: int) -> Object:
    return {
        "id": f"resp_{call}",
        "object": "response",
        "created_at": created,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": request.get("model"),
        "output": [],
        "parallel_tool_calls": True,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "usage": NO_USAGE,
    }
