"""The sandbox model's Anthropic Messages."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from service.sandbox.shown import said

router = APIRouter()


@router.post("/v1/messages")
async def messages(request: Request) -> Response:
    """An answer, streamed or not."""
    body: dict[str, Any] = await request.json()
    if body.get("stream"):
        return StreamingResponse(_events(body), media_type="text/event-stream")
    return JSONResponse({**_head(body), "content": _content(body), "stop_reason": _reason(body)})


@router.post("/v1/messages/count_tokens")
async def count(request: Request) -> Response:
    """How long the question is."""
    return JSONResponse({"input_tokens": _length(await request.json())})


def answer(body: dict[str, Any]) -> str:
    """What the sandbox says to a request."""
    sources = (block["source"] for block in _blocks(body) if block.get("type") == "image")
    encoded = [source["data"] for source in sources if source["type"] == "base64"]
    return said(map(base64.b64decode, encoded), _question(body))


def _question(body: dict[str, Any]) -> str:
    asked = [message["content"] for message in body["messages"] if message["role"] == "user"]
    last = asked[-1] if asked else ""
    if isinstance(last, str):
        return last
    return " ".join(block["text"] for block in last if block["type"] == "text")


def _blocks(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for message in body["messages"]:
        for block in message["content"] if isinstance(message["content"], list) else []:
            yield block
            within = block.get("content")
            yield from within if isinstance(within, list) else []


def _calls(body: dict[str, Any]) -> bool:
    """A tool is called where one is offered, until its result is there."""
    return bool(body.get("tools")) and all(
        block.get("type") != "tool_result" for block in _blocks(body)
    )


def _content(body: dict[str, Any]) -> list[dict[str, Any]]:
    if _calls(body):
        given = {"asked": _question(body)}
        name = body["tools"][0]["name"]
        return [{"type": "tool_use", "id": "toolu_0", "name": name, "input": given}]
    return [{"type": "text", "text": answer(body)}]


def _reason(body: dict[str, Any]) -> str:
    return "tool_use" if _calls(body) else "end_turn"


def _events(body: dict[str, Any]) -> Iterator[str]:
    yield _event("message_start", message={**_head(body), "content": [], "stop_reason": None})
    for index, block in enumerate(_content(body)):
        empty: dict[str, Any] = {"input": {}} if block["type"] == "tool_use" else {"text": ""}
        yield _event("content_block_start", index=index, content_block={**block, **empty})
        yield _event("ping")
        for delta in _deltas(block):
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    ended = {"stop_reason": _reason(body), "stop_sequence": None}
    yield _event("message_delta", delta=ended, usage={"output_tokens": 20})
    yield _event("message_stop")


def _deltas(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if block["type"] == "tool_use":
        text = json.dumps(block["input"])
        for start in range(0, len(text), 8):
            yield {"type": "input_json_delta", "partial_json": text[start : start + 8]}
    else:
        first, *rest = block["text"].split(" ")
        yield {"type": "text_delta", "text": first}
        for word in rest:
            yield {"type": "text_delta", "text": f" {word}"}


def _head(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "msg_sandbox",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "stop_sequence": None,
        "usage": {"input_tokens": _length(body), "output_tokens": 20},
    }


def _length(body: dict[str, Any]) -> int:
    return len(json.dumps(body)) // 4


def _event(kind: str, **fields: Any) -> str:  # noqa: ANN401 - whatever the event holds
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n"
