"""The sandbox model's Chat Completions."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from service.sandbox.shown import said

MODEL = "sandbox"

router = APIRouter()


@router.get("/v1/models")
def models() -> Response:
    """The list of models: itself."""
    entry = {"id": MODEL, "object": "model", "created": 0, "owned_by": "glassgate"}
    return JSONResponse({"object": "list", "data": [entry]})


@router.post("/v1/chat/completions")
async def chat(request: Request) -> Response:
    """An answer, streamed or not."""
    body: dict[str, Any] = await request.json()
    if body.get("stream"):
        return StreamingResponse(_events(body), media_type="text/event-stream")
    return JSONResponse(completion(body))


def completion(body: dict[str, Any]) -> dict[str, Any]:
    """The answer that is not streamed."""
    head = _head(body, "chat.completion")
    choices = [
        {"index": index, "message": _message(body), "logprobs": None, "finish_reason": "stop"}
        for index in range(body.get("n") or 1)
    ]
    if _calls(body):
        for choice in choices:
            choice["finish_reason"] = "tool_calls"
    return {**head, "choices": choices, "usage": _usage(body)}


def _calls(body: dict[str, Any]) -> bool:
    """A tool is called where one is offered, until its result is there."""
    return bool(body.get("tools")) and body["messages"][-1].get("role") != "tool"


def _message(body: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer(body), "refusal": None}
    if _calls(body):
        name = body["tools"][0].get("function", {}).get("name", "tool")
        call = {"name": name, "arguments": json.dumps({"asked": _question(body)})}
        message["content"] = None
        message["tool_calls"] = [{"id": "call_0", "type": "function", "function": call}]
    return message


def answer(body: dict[str, Any]) -> str:
    """What was shown and asked; JSON where a schema asks for it, its first field filled."""
    form = body.get("response_format") or {}
    if form.get("type") == "json_schema":
        field = next(iter(form["json_schema"]["schema"]["properties"]))
        return json.dumps({field: _question(body)})
    return said(_pictures(body), _question(body))


def _question(body: dict[str, Any]) -> str:
    asked = [message for message in body["messages"] if message.get("role") == "user"]
    content = asked[-1].get("content") if asked else ""
    if isinstance(content, str):
        return content
    return " ".join(part["text"] for part in content or [] if part.get("type") == "text")


def _pictures(body: dict[str, Any]) -> Iterator[bytes]:
    for message in body["messages"]:
        content = message.get("content")
        for part in content if isinstance(content, list) else []:
            url = part.get("image_url", {}).get("url", "")
            if url.startswith("data:"):
                yield base64.b64decode(url.partition(",")[2])


def _events(body: dict[str, Any]) -> Iterator[str]:
    head = _head(body, "chat.completion.chunk")
    for index in range(body.get("n") or 1):
        for delta in _deltas(_message(body)):
            yield _event({**head, "choices": [{"index": index, "delta": delta}]})
        reason = "tool_calls" if _calls(body) else "stop"
        last = {"index": index, "delta": {}, "finish_reason": reason}
        yield _event({**head, "choices": [last]})
    if (body.get("stream_options") or {}).get("include_usage"):
        yield _event({**head, "choices": [], "usage": _usage(body)})
    yield "data: [DONE]\n\n"


def _deltas(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": ""}
    if calls := message.get("tool_calls"):
        call = calls[0]
        arguments = call["function"]["arguments"]
        first = {**call, "index": 0, "function": {**call["function"], "arguments": ""}}
        yield {"tool_calls": [first]}
        yield {"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]}
    else:
        first, *rest = message["content"].split(" ")
        yield {"content": first}
        for word in rest:
            yield {"content": f" {word}"}


def _head(body: dict[str, Any], kind: str) -> dict[str, Any]:
    model = body.get("model", MODEL)
    return {"id": "chatcmpl-sandbox", "object": kind, "created": int(time.time()), "model": model}


def _usage(body: dict[str, Any]) -> dict[str, int]:
    asked = len(json.dumps(body)) // 4
    return {"prompt_tokens": asked, "completion_tokens": 20, "total_tokens": asked + 20}


def _event(chunk: dict[str, Any]) -> str:
    return f"data: {json.dumps(chunk)}\n\n"
