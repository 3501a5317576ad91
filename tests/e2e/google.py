"""Clients of Google's official SDK, and its uploads without it."""

from __future__ import annotations

import io
import json
from typing import Any, Final

import httpx
from google import genai
from google.genai.types import File, UploadFileConfig

from tests.e2e.gate import Gate
from tests.e2e.upstream import Received

KEY: Final = "AIzaNeverToBeLogged"
PATH: Final = "/upload/v1beta/files"
STARTS = {"x-goog-upload-protocol": "resumable", "x-goog-upload-command": "start"}
TEXT = {"x-goog-upload-header-content-type": "text/plain"}
ALL = {"x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": "0"}


def client_of(base: str, version: str | None = None) -> genai.Client:
    """A client that speaks this version of the API, or the SDK's own."""
    return genai.Client(api_key=KEY, http_options={"base_url": base, "api_version": version})


def upload(client: genai.Client, data: bytes, kind: str, **said: str) -> File:
    config = UploadFileConfig(mime_type=kind, **said)  # type: ignore[arg-type]
    return client.files.upload(file=io.BytesIO(data), config=config)


def sent(received: Received) -> tuple[dict[str, Any], str, bytes]:
    """Metadata, media type and bytes of an upload as the model's server received it."""
    assert received.header("x-goog-upload-protocol") == ["multipart"]
    (kind,) = received.header("content-type")
    essence, _, boundary = kind.partition("; boundary=")
    assert essence == "multipart/related"
    _, first, second, end = received.body.split(f"--{boundary}".encode())
    assert end == b"--\r\n"
    head, _, data = second.partition(b"\r\n\r\n")
    metadata = json.loads(first.partition(b"\r\n\r\n")[2])
    return metadata, head.decode().split(": ")[1], data.removesuffix(b"\r\n")


def begin(gate: Gate, **headers: str) -> str:
    """Where a file of text may be brought."""
    sends = {**STARTS, **TEXT, "x-goog-api-key": KEY, **headers}
    got = httpx.post(f"{gate.url}{PATH}", headers=sends, json={"file": {}}, timeout=60)
    assert (got.status_code, got.headers["x-goog-upload-status"]) == (200, "active")
    return got.headers["x-goog-upload-url"]
