"""The sandbox model's Responses."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from service.sandbox.chat import MODEL
from service.sandbox.shown import said

router = APIRouter()

RESULTS = {"function_call_output", "custom_tool_call_output"}


@router.post("/v1/responses")
async def responses(request: Request) -> Response:
    """An answer, streamed or not."""
    body: dict[str, Any] = await request.json()
    whole = response(body)
    if body.get("stream"):
        return StreamingResponse(_events(whole), media_type="text/event-stream")
    return JSONResponse(whole)


def response(body: dict[str, Any]) -> dict[str, Any]:
    """The answer that is not streamed. The same question gets the same id."""
    told = json.dumps(body).encode()
    asked = len(told) // 4
    return {
        "id": f"resp_{hashlib.sha256(told).hexdigest()[:24]}",
        "object": "response",
        "created_at": int(time.time()),
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "metadata": {},
        "model": body.get("model", MODEL),
        "output": [_item(body)],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": body.get("tools", []),
        "top_p": 1.0,
        "usage": {
            "input_tokens": asked,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": 20,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": asked + 20,
        },
    }


def _item(body: dict[str, Any]) -> dict[str, Any]:
    """A tool is called where one is offered, until its result is there."""
    items = _items(body)
    if body.get("tools") and (not items or items[-1].get("type") not in RESULTS):
        return {
            "id": "fc_sandbox",
            "type": "function_call",
            "status": "completed",
            "call_id": "call_0",
            "name": body["tools"][0].get("name", "tool"),
            "arguments": json.dumps({"asked": _question(items)}),
        }
    said = {"type": "output_text", "text": _answer(body, items), "annotations": [], "logprobs": []}
    return {
        "id": "msg_sandbox",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [said],
    }


def _answer(body: dict[str, Any], items: list[dict[str, Any]]) -> str:
    """What was shown and asked; JSON where a schema asks for it, its first field filled."""
    form = (body.get("text") or {}).get("format") or {}
    if form.get("type") == "json_schema":
        field = next(iter(form["schema"]["properties"]))
        return json.dumps({field: _question(items)})
    return said(_pictures(items), _question(items))


def _items(body: dict[str, Any]) -> list[dict[str, Any]]:
    given = body.get("input") or []
    return [{"role": "user", "content": given}] if isinstance(given, str) else given


def _question(items: list[dict[str, Any]]) -> str:
    asked = [item["content"] for item in items if item.get("role") == "user"]
    content = asked[-1] if asked else ""
    if isinstance(content, str):
        return content
    return " ".join(part["text"] for part in content if part["type"] == "input_text")


def _pictures(items: list[dict[str, Any]]) -> Iterator[bytes]:
    """The pictures, those in the results of tools among them."""
    for item in items:
        held = item.get("content", item.get("output"))
        for part in [held] if isinstance(held, dict) else held or []:
            if isinstance(part, dict) and str(part.get("image_url")).startswith("data:"):
                yield base64.b64decode(part["image_url"].partition(",")[2])


def _events(whole: dict[str, Any]) -> Iterator[str]:
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    (item,) = whole["output"]
    told = [
        ("response.created", {"response": begun}),
        ("response.in_progress", {"response": begun}),
        *(_called(item) if item["type"] == "function_call" else _said(item)),
        ("response.output_item.done", {"output_index": 0, "item": item}),
        ("response.completed", {"response": whole}),
    ]
    for number, (kind, fields) in enumerate(told):
        data = json.dumps({"type": kind, "sequence_number": number, **fields})
        yield f"event: {kind}\ndata: {data}\n\n"


def _called(item: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    begun = {**item, "status": "in_progress", "arguments": ""}
    at = {"item_id": item["id"], "output_index": 0}
    stem, arguments = "response.function_call_arguments", item["arguments"]
    yield "response.output_item.added", {"output_index": 0, "item": begun}
    yield f"{stem}.delta", {**at, "delta": arguments[:8]}
    yield f"{stem}.delta", {**at, "delta": arguments[8:]}
    yield f"{stem}.done", {**at, "arguments": arguments}


def _said(item: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    begun = {**item, "status": "in_progress", "content": []}
    at = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    (part,) = item["content"]
    yield "response.output_item.added", {"output_index": 0, "item": begun}
    yield "response.content_part.added", {**at, "part": {**part, "text": ""}}
    first, *others = part["text"].split(" ")
    for word in [first, *(f" {word}" for word in others)]:
        yield "response.output_text.delta", {**at, "delta": word, "logprobs": []}
    yield "response.output_text.done", {**at, "text": part["text"], "logprobs": []}
    yield "response.content_part.done", {**at, "part": part}
