"""A server that speaks the chat wire on a real socket, and does what the test tells it to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Act = Callable[["Call"], None]


class Call(BaseHTTPRequestHandler):
    """One request while it is answered."""

    protocol_version = "HTTP/1.1"
    server: ChatServer
    body: dict[str, Any]

    def do_POST(self) -> None:
        self.body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with self.server.lock:
            self.server.received.append(self.body)
            self.server.heads.append(dict(self.headers.items()))
            self.server.paths.append(self.path)
            self.server.active += 1
            self.server.most_active = max(self.server.active, self.server.most_active)
        try:
            with suppress(OSError):  # the judge may have gone away
                self.server.act(self)
        finally:
            with self.server.lock:
                self.server.active -= 1

    def send(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def text(self) -> str:
        """The content of the last message."""
        content: str = self.body["messages"][-1]["content"]
        return content

    def log_message(self, *_: object) -> None:
        """Says nothing."""


class ChatServer(ThreadingHTTPServer):
    """Records what it is asked; ``act`` answers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Call)
        self.lock = threading.Lock()
        self.received: list[dict[str, Any]] = []
        self.heads: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.active = self.most_active = 0
        self.act: Act = says("safe")
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


@contextmanager
def chat_server() -> Iterator[ChatServer]:
    """A server until the end of the block."""
    with ChatServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()


def completion(content: object, ended: str = "stop") -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}}
    head = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
    return json.dumps({**head, "choices": [{**choice, "finish_reason": ended}]}).encode()


def says(content: object, ended: str = "stop") -> Act:
    return lambda call: call.send(completion(content, ended))


def says_by_word(answers: Mapping[str, str], otherwise: str) -> Act:
    """Answers by the first of these words that the last message holds."""

    def act(call: Call) -> None:
        said = next((answers[word] for word in answers if word in call.text()), otherwise)
        call.send(completion(said))

    return act


def sends(body: bytes, status: int = 200, **headers: str) -> Act:
    return lambda call: call.send(body, status, **headers)


def hangs(call: Call) -> None:
    call.server.over.wait(20)


def drips_headers(call: Call) -> None:
    """A byte of an endless header every few milliseconds: no pause is ever long."""
    call.wfile.write(b"HTTP/1.1 200 OK\r\nx-long: ")
    while not call.server.over.wait(0.01):
        call.wfile.write(b"x")


def drips_body(call: Call) -> None:
    call.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n")
    while not call.server.over.wait(0.01):
        call.wfile.write(b" ")


def dies(call: Call) -> None:
    """Ends in the middle of its answer."""
    call.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n" + completion("safe")[:40])
    call.close_connection = True


def floods(call: Call) -> None:
    call.wfile.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
    while not call.server.over.is_set():
        call.wfile.write(b"x" * 65_536)


def talks_nonsense(call: Call) -> None:
    call.wfile.write(b"SSH-2.0-OpenSSH_9.7\r\n\r\n")
    call.close_connection = True


def takes(seconds: float, then: Act) -> Act:
    def act(call: Call) -> None:
        time.sleep(seconds)
        then(call)

    return act
