"""The sandbox model's generateContent and streamGenerateContent."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from service.sandbox.shown import said

router = APIRouter()


@router.post("/v1/models/{model}:generateContent")
@router.post("/v1beta/models/{model}:generateContent")
async def generate(model: str, request: Request) -> Response:
    """An answer, with as many candidates as were asked for."""
    body = _camel(await request.json())
    candidates = [
        {"index": index, "content": {"role": "model", "parts": _parts(body)}, **_END}
        for index in range(_count(body))
    ]
    return JSONResponse({"candidates": candidates, **_tail(body, model)})


@router.post("/v1/models/{model}:streamGenerateContent")
@router.post("/v1beta/models/{model}:streamGenerateContent")
async def stream(model: str, request: Request) -> Response:
    """The same in chunks: events where the query asks for them, else one JSON array."""
    chunks = list(_chunks(_camel(await request.json()), model))
    if request.query_params.get("alt") != "sse":
        return JSONResponse(chunks)
    events = (f"data: {json.dumps(chunk)}\r\n\r\n" for chunk in chunks)
    return StreamingResponse(events, media_type="text/event-stream")


_END = {"finishReason": "STOP"}


def _camel(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """The same with its names in camelCase: the official SDK writes some in snake_case."""
    if isinstance(value, list):
        return [_camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {re.sub("_([a-z])", _capital, name): _camel(item) for name, item in value.items()}


def _capital(found: re.Match[str]) -> str:
    return found[1].upper()


def answer(body: dict[str, Any]) -> str:
    """What the sandbox says to a request."""
    parts = [part for content in body["contents"] for part in content["parts"]]
    within = [one for part in parts for one in part.get("functionResponse", {}).get("parts", [])]
    blobs = [part["inlineData"] for part in [*parts, *within] if "inlineData" in part]
    encoded = [blob["data"] for blob in blobs if blob["mimeType"].startswith("image/")]
    return said(map(_decoded, encoded), _question(body))


def _decoded(encoded: str) -> bytes:
    """The official SDK writes base64 in the alphabet for URLs; others in the standard one."""
    return base64.b64decode(encoded.translate(str.maketrans("-_", "+/")))


def _question(body: dict[str, Any]) -> str:
    asked = [content for content in body["contents"] if content.get("role", "user") == "user"]
    last = asked[-1]["parts"] if asked else []
    return " ".join(part["text"] for part in last if "text" in part)


def _parts(body: dict[str, Any]) -> list[dict[str, Any]]:
    """A tool is called where one is offered, until its result is there."""
    answered = any("functionResponse" in part for c in body["contents"] for part in c["parts"])
    tools = body.get("tools") or []
    if tools and not answered:
        name = tools[0]["functionDeclarations"][0]["name"]
        return [{"functionCall": {"name": name, "args": {"asked": _question(body)}}}]
    return [{"text": answer(body)}]


def _chunks(body: dict[str, Any], model: str) -> Iterator[dict[str, Any]]:
    for index in range(_count(body)):
        *before, last = [piece for part in _parts(body) for piece in _pieces(part)]
        for part in before:
            yield _chunk(index, part)
        yield _chunk(index, last, **_END) | _tail(body, model)


def _chunk(index: int, part: dict[str, Any], **more: str) -> dict[str, Any]:
    content = {"role": "model", "parts": [part]}
    return {"candidates": [{"index": index, "content": content, **more}]}


def _pieces(part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "text" not in part:
        yield part
        return
    first, *rest = part["text"].split(" ")
    yield {"text": first}
    for word in rest:
        yield {"text": f" {word}"}


def _count(body: dict[str, Any]) -> int:
    count: int = body.get("generationConfig", {}).get("candidateCount", 1)
    return count


def _tail(body: dict[str, Any], model: str) -> dict[str, Any]:
    asked = len(json.dumps(body)) // 4
    usage = {"promptTokenCount": asked, "candidatesTokenCount": 20, "totalTokenCount": asked + 20}
    return {"usageMetadata": usage, "modelVersion": model, "responseId": "sandbox"}
