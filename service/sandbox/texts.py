"""The sandbox model's completions, embeddings and pictures."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from PIL import Image

from service.sandbox.chat import MODEL
from service.sandbox.shown import said

router = APIRouter()

USAGE = {"prompt_tokens": 1, "completion_tokens": 20, "total_tokens": 21}


@router.post("/v1/completions")
async def completions(request: Request) -> Response:
    """A text for each prompt, streamed or not."""
    body: dict[str, Any] = await request.json()
    if body.get("stream"):
        events = _chunks(_head(body), _texts(body))
        return StreamingResponse(events, media_type="text/event-stream")
    return JSONResponse(completion(body))


def completion(body: dict[str, Any]) -> dict[str, Any]:
    """The answer that is not streamed."""
    choices = [_choice(index, text, "stop") for index, text in enumerate(_texts(body))]
    return {**_head(body), "choices": choices, "usage": USAGE}


@router.post("/v1/embeddings")
async def embeddings(request: Request) -> Response:
    """Eight numbers for each text, drawn from its hash."""
    return JSONResponse(embedding(await request.json()))


def embedding(body: dict[str, Any]) -> dict[str, Any]:
    """The numbers of all texts."""
    found = [
        {"object": "embedding", "index": index, "embedding": _numbers(text)}
        for index, text in enumerate(_several(body["input"]))
    ]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return {"object": "list", "data": found, "model": body.get("model", MODEL), "usage": usage}


@router.post("/v1/images/generations")
async def images(request: Request) -> Response:
    """One plain picture, whose colour is drawn from the prompt's hash."""
    return JSONResponse(picture(await request.json()))


def picture(body: dict[str, Any]) -> dict[str, Any]:
    """The picture of a prompt."""
    out = io.BytesIO()
    red, green, blue = sha256(body["prompt"].encode()).digest()[:3]
    Image.new("RGB", (64, 64), (red, green, blue)).save(out, "PNG")
    data = base64.b64encode(out.getvalue()).decode()
    return {"created": int(time.time()), "data": [{"b64_json": data}]}


def _head(body: dict[str, Any]) -> dict[str, Any]:
    model = body.get("model", MODEL)
    created = int(time.time())
    return {"id": "cmpl-sandbox", "object": "text_completion", "created": created, "model": model}


def _texts(body: dict[str, Any]) -> list[str]:
    return [said([], prompt) for prompt in _several(body["prompt"])]


def _several(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _choice(index: int, text: str, reason: str | None) -> dict[str, Any]:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": reason}


def _chunks(head: dict[str, Any], texts: list[str]) -> Iterator[str]:
    for index, text in enumerate(texts):
        first, *others = text.split(" ")
        for word in (first, *(f" {word}" for word in others)):
            yield _event({**head, "choices": [_choice(index, word, None)]})
        yield _event({**head, "choices": [_choice(index, "", "stop")]})
    yield "data: [DONE]\n\n"


def _event(chunk: dict[str, Any]) -> str:
    return f"data: {json.dumps(chunk)}\n\n"


def _numbers(text: str) -> list[float]:
    return [byte / 256 for byte in sha256(text.encode()).digest()[:8]]
