"""Plays calls through a gate: a real server that stands for the model's, and what a client gets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from service.pipeline.examine import Examiner
from service.pipeline.handle import UNKEPT, Call, Gate, Ledger, Reply
from service.pipeline.pool import InspectionPool
from service.providers.openai_chat import OpenAIChat
from service.settings import Settings
from service.upstream import Upstream

ASKED = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "temperature": 0.5}

NO_HEADERS: Mapping[str, str] = {}


@contextmanager
def model(
    body: bytes | Callable[[dict[str, Any]], bytes],
    *,
    status: int = 200,
    kind: str = "application/json",
    headers: Mapping[str, str] = NO_HEADERS,
) -> Iterator[tuple[str, list[tuple[dict[str, str], dict[str, Any]]]]]:
    """A real server that answers so; its base URL, and what it was sent (headers, body).

    A form, which is no JSON, is there as bytes; so is the body of a fetch, which has none.
    """
    sent: list[tuple[dict[str, str], Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked: Any = self.rfile.read(int(self.headers.get("content-length", 0)))
            if self.headers.get("content-type") == "application/json":
                asked = json.loads(asked)
            sent.append(({k.lower(): v for k, v in self.headers.items()}, asked))
            said = body(asked) if callable(body) else body
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(said)))
            for name, value in {"x-request-id": "up-1", **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", sent
    finally:
        server.shutdown()
        server.server_close()


def play(
    examiner: Examiner,
    base: str,
    *asked: dict[str, Any] | bytes | Call,
    headers: Sequence[tuple[str, str]] = (),
    settings: Settings | None = None,
    ledger: Ledger = UNKEPT,
) -> list[Told]:
    """The replies to these requests, one after the other; bodies are those of chats."""

    async def run() -> list[Told]:
        given = settings or Settings.read()
        upstream = Upstream(base, given)
        pool = InspectionPool(given.threads, given.queue)
        gate = Gate(examiner, upstream, pool, ledger=ledger)
        calls = [one if isinstance(one, Call) else chat(one, headers) for one in asked]
        replies = [await told(await gate.handle(call)) for call in calls]
        await upstream.close()
        return replies

    return asyncio.run(run())


def chat(body: dict[str, Any] | bytes, headers: Sequence[tuple[str, str]]) -> Call:
    """A call of Chat Completions."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Call(provider=OpenAIChat(), path="/v1/chat/completions", headers=headers, body=raw)


@dataclass(frozen=True, slots=True)
class Told:
    """A reply with all of its body."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


async def told(reply: Reply) -> Told:
    body = reply.body
    whole = body if isinstance(body, bytes) else b"".join([piece async for piece in body])
    return Told(reply.status, reply.headers, whole)


def said(*contents: str, **more: Any) -> bytes:  # noqa: ANN401 - JSON
    choices = [
        {"index": i, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        for i, text in enumerate(contents)
    ]
    return json.dumps({"id": "a", "object": "chat.completion", "choices": choices, **more}).encode()


def streamed(*deltas: tuple[int, dict[str, Any]]) -> bytes:
    chunks = [{"id": "a", "choices": [{"index": i, "delta": delta}]} for i, delta in deltas]
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return "".join([*lines, "data: [DONE]\n\n"]).encode()
