"""The messages of ``envoy.service.ext_proc.v3``, read and written. Envoy's own definitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from envoy.config.core.v3.base_pb2 import HeaderMap, HeaderValue, HeaderValueOption
from envoy.extensions.filters.http.ext_proc.v3.processing_mode_pb2 import ProcessingMode
from envoy.service.ext_proc.v3.external_processor_pb2 import (
    BodyMutation,
    BodyResponse,
    CommonResponse,
    HeaderMutation,
    HeadersResponse,
    HttpBody,
    HttpHeaders,
    ImmediateResponse,
    ProcessingRequest,
    ProcessingResponse,
    StreamedBodyResponse,
    TrailersResponse,
)
from envoy.type.v3.http_status_pb2 import HttpStatus

from service.pipeline.door import Head

Half = Literal["request", "response"]

BUFFERED: Final[int] = ProcessingMode.BUFFERED
STREAMED: Final[int] = ProcessingMode.STREAMED
DUPLEX: Final[int] = ProcessingMode.FULL_DUPLEX_STREAMED
OVERWRITE: Final = HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
PIECE: Final = 64 * 1024
"""Bytes of a streamed piece; processing_mode.proto recommends no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edits:
    """Headers to set and to take away, names in lower case."""

    put: Mapping[str, str] = field(default_factory=dict)
    remove: Sequence[str] = ()

    def __or__(self, other: Edits) -> Edits:
        return Edits(put={**self.put, **other.put}, remove=[*self.remove, *other.remove])


NO_EDITS: Final = Edits()


def mode(first: ProcessingRequest, half: Half) -> int | None:
    """How the bodies of one half are shown; None if this Envoy is too old to say."""
    if not first.HasField("protocol_config"):
        return None
    told: int = getattr(first.protocol_config, f"{half}_body_mode")
    return told


def mode_name(value: int) -> str:
    """A body mode as it is written in Envoy's configuration."""
    name: str = ProcessingMode.BodySendMode.Name(value)
    return name


def kind(message: ProcessingRequest) -> str:
    """Which message it is: ``request_headers``, ``response_body`` and so on."""
    return message.WhichOneof("request") or ""


def pairs(headers: HeaderMap) -> list[tuple[str, str]]:
    """Headers and pseudo-headers in their order. Newer Envoys send bytes, older ones text."""
    return [
        (each.key.lower(), each.raw_value.decode("latin-1") if each.raw_value else each.value)
        for each in headers.headers
    ]


def head(shown: HttpHeaders) -> Head:
    """The request that these headers begin."""
    told = pairs(shown.headers)
    pseudo = {name: value for name, value in told if name.startswith(":")}
    path, mark, query = pseudo.get(":path", "").partition("?")
    return Head(
        method=pseudo.get(":method", ""),
        path=path,
        query=f"?{query}" if mark and query else "",
        headers=[(name, value) for name, value in told if not name.startswith(":")],
    )


def headers(half: Half, edits: Edits = NO_EDITS) -> ProcessingResponse:
    """The answer to headers: go on, with these changed."""
    said = HeadersResponse(response=CommonResponse(header_mutation=_mutation(edits)))
    return ProcessingResponse(**{f"{half}_headers": said})


def body(half: Half, data: bytes | None, edits: Edits = NO_EDITS) -> ProcessingResponse:
    """The answer to a body or a chunk of one: these bytes in its place, or None as it is."""
    said = CommonResponse(header_mutation=_mutation(edits))
    if data is not None:
        said.body_mutation.CopyFrom(
            BodyMutation(body=data) if data else BodyMutation(clear_body=True)
        )
    return ProcessingResponse(**{f"{half}_body": BodyResponse(response=said)})


def piece(half: Half, data: bytes, *, last: bool) -> ProcessingResponse:
    """A piece of a body, whatever was shown."""
    streamed = StreamedBodyResponse(body=data, end_of_stream=last)
    said = CommonResponse(body_mutation=BodyMutation(streamed_response=streamed))
    return ProcessingResponse(**{f"{half}_body": BodyResponse(response=said)})


def trailers(half: Half) -> ProcessingResponse:
    """The answer to trailers: as they are."""
    return ProcessingResponse(**{f"{half}_trailers": TrailersResponse()})


def immediate(status: int, told: Sequence[tuple[str, str]], data: bytes) -> ProcessingResponse:
    """Ends the call with this reply to the client."""
    reply = ImmediateResponse(
        status=HttpStatus(code=status),
        headers=_mutation(Edits(put=dict(told))),
        body=data,
        details="glassgate",
    )
    return ProcessingResponse(immediate_response=reply)


def untouched(message: ProcessingRequest, how: int | None, edits: Edits) -> ProcessingResponse:
    """The answer to any message: as it is, but for these headers; ``how`` is its half's mode."""
    half: Half = "response" if kind(message).startswith("response") else "request"
    shown: HttpHeaders | HttpBody = getattr(message, kind(message))
    if isinstance(shown, HttpHeaders):
        return headers(half, edits)
    if not isinstance(shown, HttpBody):
        return trailers(half)
    if how == DUPLEX:
        return piece(half, shown.body, last=shown.end_of_stream)
    return body(half, None)


def _mutation(edits: Edits) -> HeaderMutation:
    return HeaderMutation(
        set_headers=[
            HeaderValueOption(
                header=HeaderValue(key=name, raw_value=value.encode("latin-1")),
                append_action=OVERWRITE,
            )
            for name, value in edits.put.items()
        ],
        remove_headers=list(edits.remove),
    )
