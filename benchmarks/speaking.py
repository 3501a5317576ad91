"""A model's server that speaks so many tokens at so many a second.

Run as ``python -m benchmarks.speaking PORT``. What it answers under ``/v1`` it also answers under
``UNINSPECTED``, as ``benchmarks.upstream`` does.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from typing import Final

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from benchmarks.requests import text
from benchmarks.upstream import UNINSPECTED

PER_TOKEN: Final = 4
"""Characters, as in English."""
CHAT: Final = "/v1/chat/completions"


def model() -> FastAPI:
    """The app: the request's ``max_tokens`` at its ``rate``."""
    app = FastAPI()

    @app.get("/v1/models")
    def models() -> dict[str, list[str]]:
        return {"data": []}

    @app.post(CHAT)
    @app.post(UNINSPECTED + CHAT)
    async def chat(request: Request) -> StreamingResponse:
        asked = await request.json()
        events = _spoken(asked["max_tokens"], asked["metadata"]["rate"], asked["seed"])
        return StreamingResponse(events, media_type="text/event-stream")

    return app


async def _spoken(tokens: int, rate: float, seed: int) -> AsyncIterator[str]:
    words = text(seed, tokens * PER_TOKEN)
    begun = time.perf_counter()
    for number in range(tokens):
        await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
        yield _event({"content": words[number * PER_TOKEN : (number + 1) * PER_TOKEN]}, None)
    yield _event({}, "stop")
    yield "data: [DONE]\n\n"


def _event(delta: dict[str, str], reason: str | None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return f"data: {json.dumps({**head, 'choices': [choice]})}\n\n"


if __name__ == "__main__":
    uvicorn.run(model(), host="127.0.0.1", port=int(sys.argv[1]), log_level="error", ws="none")
