"""The model's server of these tests: records what it was sent, and answers as the sandbox does."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import Response

from service.sandbox.app import sandbox

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request as it came on the wire."""

    method: str
    path: str
    headers: Sequence[tuple[str, str]]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever was sent
        return json.loads(self.body)

    def header(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key == name]

    def pictures(self) -> list[bytes]:
        """The pictures of all messages, decoded from their data URIs."""
        return [
            base64.b64decode(part["image_url"]["url"].partition(",")[2], validate=True)
            for message in self.json["messages"]
            if isinstance(message["content"], list)
            for part in message["content"]
            if part["type"] == "image_url"
        ]


class Upstream:
    """An ASGI app: the sandbox model, or the answer that the test gives; waits if it is told to."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self._sandbox = sandbox()
        self._given: Response | None = None
        self._wait_s = 0.0

    @property
    def last(self) -> Received:
        """What came last."""
        return self.received[-1]

    @contextmanager
    def answering(self, given: Response | None = None, *, after_s: float = 0.0) -> Iterator[None]:
        """Gives this answer, or the sandbox's own, so many seconds after each question."""
        self._given, self._wait_s = given, after_s
        try:
            yield
        finally:
            self._given, self._wait_s = None, 0.0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._sandbox(scope, receive, send)
            return
        body = await _whole(receive)
        query = scope["query_string"]
        self.received.append(
            Received(
                method=scope["method"],
                path=(scope["raw_path"] + (b"?" + query if query else b"")).decode(),
                headers=[(key.decode(), value.decode()) for key, value in scope["headers"]],
                body=body,
            )
        )
        await asyncio.sleep(self._wait_s)

        told = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def again() -> Message:
            return next(told, None) or await receive()

        await (self._given or self._sandbox)(scope, again, send)


async def _whole(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def completion(*messages: dict[str, Any]) -> Response:
    """An answer with a choice for each message."""
    choices = [
        {"index": index, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
        for index, message in enumerate(messages)
    ]
    head = {"id": "c-1", "object": "chat.completion", "created": 1, "model": "m"}
    return Response(json.dumps({**head, "choices": choices}), media_type="application/json")


def streamed(*texts: str, pieces: int = 4) -> Response:
    """The same as a stream, each text cut into pieces of so many characters."""
    head = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    deltas: list[tuple[int, dict[str, str], str | None]] = []
    for index, text in enumerate(texts):
        cut = [text[start : start + pieces] for start in range(0, len(text), pieces)]
        deltas += [(index, {"role": "assistant", "content": ""}, None)]
        deltas += [(index, {"content": piece}, None) for piece in cut]
        deltas += [(index, {}, "stop")]
    chunks = [
        {**head, "choices": [{"index": index, "delta": delta, "finish_reason": reason}]}
        for index, delta, reason in deltas
    ]
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return Response("".join([*lines, "data: [DONE]\n\n"]), media_type="text/event-stream")
