"""Plays Envoy: shows a call to the gate message by message, and does what it is told.

As Envoy's ``ext_proc`` filter does it (``processing_mode.proto``, ``processor_state.cc``): which
messages it sends in which body mode, what it waits for, and which changes it takes.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import grpc
import httpx
from envoy.config.core.v3.base_pb2 import HeaderMap, HeaderValue
from envoy.extensions.filters.http.ext_proc.v3.processing_mode_pb2 import ProcessingMode
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb
from envoy.service.ext_proc.v3.external_processor_pb2_grpc import ExternalProcessorStub

Pairs = list[tuple[str, str]]
TIMEOUT_S = 60.0
MISMATCH = "mismatch between content length and the length of the mutated body"


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """What the client got. ``immediate`` is a reply of the gate's own; ``reset`` a broken one."""

    status: int
    headers: Pairs
    body: bytes
    immediate: bool = False
    reset: bool = False

    def header(self, name: str) -> str:
        (value,) = [value for key, value in self.headers if key == name]
        return value


class Immediate(Exception):
    """The gate ended the call with a reply of its own."""

    def __init__(self, reply: Any) -> None:  # noqa: ANN401 - a message without stubs
        super().__init__(reply.details)
        self.reply = reply


class Stream:
    """One gRPC stream with the gate."""

    def __init__(self, stub: Any, modes: tuple[str, str] | None) -> None:  # noqa: ANN401
        self._modes = modes
        self._said: queue.Queue[Any] = queue.Queue()
        self.rpc = stub.Process(iter(self._said.get, None), timeout=TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._said.put(None)
        self.rpc.cancel()

    def say(self, **message: Any) -> None:  # noqa: ANN401
        said = pb.ProcessingRequest(**message)
        if self._modes is not None and "request_headers" in message:
            request, response = map(ProcessingMode.BodySendMode.Value, self._modes)
            said.protocol_config.request_body_mode = request
            said.protocol_config.response_body_mode = response
        self._said.put(said)

    def end(self) -> None:
        """Says that nothing follows."""
        self._said.put(None)

    def hear(self, kind: str) -> Any:  # noqa: ANN401
        """The next answer, which must be of this kind."""
        told = next(self.rpc)
        which = told.WhichOneof("response")
        if which == "immediate_response":
            raise Immediate(told.immediate_response)
        assert which == kind, which
        return getattr(told, kind)

    def head(self, half: str, headers: Pairs, *, end: bool = False) -> None:
        self.say(**{f"{half}_headers": pb.HttpHeaders(headers=written(headers), end_of_stream=end)})

    def chunk(self, half: str, data: bytes, *, end: bool) -> None:
        self.say(**{f"{half}_body": pb.HttpBody(body=data, end_of_stream=end)})


@dataclass(kw_only=True)
class Envoy:
    """An Envoy before the model's server, with these body modes; ``None`` does not tell them."""

    channel: grpc.Channel
    model: str
    request: str = "BUFFERED"
    response: str = "FULL_DUPLEX_STREAMED"
    tells: bool = True
    piece: int = 50_000
    sent: list[httpx.Request] = field(default_factory=list)

    def open(self) -> Stream:
        modes = (self.request, self.response) if self.tells else None
        return Stream(ExternalProcessorStub(self.channel), modes)

    def call(
        self, method: str, path: str, body: bytes = b"", headers: Sequence[tuple[str, str]] = ()
    ) -> Got:
        """One call of a client."""
        head = [(":method", method), (":path", path), (":scheme", "http"), (":authority", "model")]
        head += [("content-length", str(len(body)))] * bool(body)
        head += [(name, value) for name, value in headers]
        with self.open() as stream:
            try:
                head, chunks = self._through(stream, "request", self.request, head, self._cut(body))
                told, answer = self._ask(dict(head), head, b"".join(chunks))
            except Immediate as ended:
                return got(ended)
            try:
                told, chunks = self._through(stream, "response", self.response, told, answer)
            except Immediate as ended:
                return got(ended, reset=self.response == "STREAMED")
        status = int(dict(told)[":status"])
        return Got(status=status, headers=told, body=b"".join(chunks))

    def _cut(self, body: bytes) -> list[bytes]:
        return [body[at : at + self.piece] for at in range(0, len(body), self.piece)]

    def _ask(self, pseudo: dict[str, str], head: Pairs, body: bytes) -> tuple[Pairs, list[bytes]]:
        """Asks the model's server; its answer, chunk by chunk."""
        headers = [each for each in head if not each[0].startswith(":")]
        with (
            httpx.Client(timeout=TIMEOUT_S) as client,
            client.stream(
                pseudo[":method"], self.model + pseudo[":path"], content=body, headers=headers
            ) as answer,
        ):
            chunks = list(answer.iter_raw(self.piece))
            told = [(":status", str(answer.status_code)), *answer.headers.multi_items()]
        return told, chunks

    def _through(
        self, stream: Stream, half: str, mode: str, headers: Pairs, chunks: list[bytes]
    ) -> tuple[Pairs, list[bytes]]:
        """Shows headers and a body; what is to be sent on in their place."""
        stream.head(half, headers, end=not chunks)
        if mode == "FULL_DUPLEX_STREAMED" and chunks:
            return self._duplex(stream, half, headers, chunks)
        headers = edited(headers, stream.hear(f"{half}_headers"))
        if not chunks:
            return headers, []
        if mode == "STREAMED":
            headers = [each for each in headers if each[0] != "content-length"]
            for at, chunk in enumerate(chunks, 1):
                stream.chunk(half, chunk, end=at == len(chunks))
            return headers, [replaced(stream.hear(f"{half}_body"), chunk) for chunk in chunks]
        whole = b"".join(chunks)
        stream.chunk(half, whole, end=True)
        told = stream.hear(f"{half}_body")
        headers, body = edited(headers, told), replaced(told, whole)
        assert dict(headers).get("content-length", str(len(body))) == str(len(body)), MISMATCH
        return headers, [body]

    def _duplex(
        self, stream: Stream, half: str, headers: Pairs, chunks: list[bytes]
    ) -> tuple[Pairs, list[bytes]]:
        for at, chunk in enumerate(chunks, 1):
            stream.chunk(half, chunk, end=at == len(chunks))
        headers = edited(headers, stream.hear(f"{half}_headers"))
        return [each for each in headers if each[0] != "content-length"], list(pieces(stream, half))


def pieces(stream: Stream, half: str) -> Iterator[bytes]:
    """What is sent on in ``FULL_DUPLEX_STREAMED``, as it is told, to its end."""
    while True:
        told = stream.hear(f"{half}_body").response.body_mutation
        assert told.WhichOneof("mutation") == "streamed_response"
        assert len(told.streamed_response.body) <= 64 * 1024
        yield told.streamed_response.body
        if told.streamed_response.end_of_stream:
            return


def written(headers: Pairs) -> Any:  # noqa: ANN401
    return HeaderMap(
        headers=[HeaderValue(key=name, raw_value=value.encode()) for name, value in headers]
    )


def edited(headers: Pairs, told: Any) -> Pairs:  # noqa: ANN401
    """The headers with the changes of a message; only overwriting ones are expected."""
    mutation = told.response.header_mutation
    put = {each.header.key: each.header.raw_value.decode() for each in mutation.set_headers}
    assert all(each.append_action == 2 for each in mutation.set_headers)
    gone = {*mutation.remove_headers, *put}
    return [each for each in headers if each[0] not in gone] + list(put.items())


def replaced(told: Any, data: bytes) -> bytes:  # noqa: ANN401
    mutation = told.response.body_mutation
    match mutation.WhichOneof("mutation"):
        case "body":
            return bytes(mutation.body)
        case "clear_body":
            return b""
        case other:
            assert other is None
            return data


def got(ended: Immediate, *, reset: bool = False) -> Got:
    reply = ended.reply
    return Got(
        status=reply.status.code,
        headers=[
            (each.header.key, each.header.raw_value.decode()) for each in reply.headers.set_headers
        ],
        body=reply.body,
        immediate=True,
        reset=reset,
    )
