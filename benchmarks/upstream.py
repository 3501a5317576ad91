"""The model's server of the benchmark: the sandbox model, at a pace, under two addresses.

Run as ``python -m benchmarks.upstream PORT``. What it answers under ``/v1`` it also answers under
``UNINSPECTED``, so that one Glassgate process can guard the first and pass the second through.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Final

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.sandbox.app import sandbox

UNINSPECTED: Final = "/uninspected"
WORD_S: Final = 0.005
"""Seconds between two events of a streamed answer: 200 words a second, a fast model."""


class Upstream:
    """The ASGI app."""

    def __init__(self, model: ASGIApp) -> None:
        self._model = model

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._model(scope, receive, send)
            return
        path: str = scope["path"].removeprefix(UNINSPECTED)
        streamed = False

        async def paced(message: Message) -> None:
            nonlocal streamed
            if message["type"] == "http.response.start":
                kind = dict(message["headers"]).get(b"content-type", b"")
                streamed = kind.startswith(b"text/event-stream")
            elif streamed and message.get("body"):
                await asyncio.sleep(WORD_S)
            await send(message)

        await self._model({**scope, "path": path, "raw_path": path.encode()}, receive, paced)


if __name__ == "__main__":
    uvicorn.run(
        Upstream(sandbox()), host="127.0.0.1", port=int(sys.argv[1]), log_level="error", ws="none"
    )
