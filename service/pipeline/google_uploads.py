"""Google's ways of bringing a file, each as one call: what is inspected and sent on is whole.

The resumable way takes two requests. The first says what the file is, and asks where to bring it;
the gate answers that itself, once it was inspected. The second brings the bytes. What it needs of
the first (the metadata; and the headers with the key, which the official SDK sends only then)
travels in its URL, sealed: so nothing is kept, and any worker takes it. Sent on is one request, as
Google's ``multipart`` way asks, with the file as it was inspected.

A file in several pieces is turned away: no worker has all of it before the last piece.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, quote

from cryptography.fernet import Fernet, InvalidToken

from service.errors import BodyTooLarge, Malformed
from service.pipeline.door import Head
from service.pipeline.handle import JSON, Call, Reply
from service.providers.base import Provider
from service.providers.gemini_files import GeminiFiles
from service.upstream import NOT_FORWARDED, Answer, Headers, Sender

OURS: Final = "x-goog-upload-"
"""What the headers of an upload begin with. They hold between the client and the gate."""
STATUS: Final = f"{OURS}status"
LASTS_S: Final = 3600
"""How long a file may be brought after it was announced."""
LONGEST: Final = 16 * 1024
"""Characters of a sealed start; with more, its URL would be too long for servers on its way."""
HOST: Final = re.compile(r"[A-Za-z0-9.:\[\]_-]+")
ALL: Final = {"upload", "finalize"}

NO_WAY: Final = (
    "an upload is taken with X-Goog-Upload-Protocol: resumable, multipart or raw, and without "
    "uploadType"
)
PIECES: Final = (
    "a file is inspected whole, so one in several pieces is not taken: after the start send all "
    "of it in one request with X-Goog-Upload-Command: upload, finalize. The official SDKs do that "
    "up to 8 MiB; send a larger file with X-Goog-Upload-Protocol: multipart"
)
NOT_BEGUN: Final = (
    "this upload was not begun here, or over an hour ago: begin it again (where several gates "
    "share an address, GLASSGATE_UPLOAD_KEY must be the same for all)"
)
TOO_LONG: Final = "what is said of the file, and the headers beside it, are too long"


class GoogleUploads:
    """Makes one call of an upload, however it comes.

    ``key`` seals what a start said, and is made here if it is empty; ``limit`` is how many bytes a
    file may have.
    """

    def __init__(self, key: str, limit: int, upstream: Sender) -> None:
        self._seal = Fernet(key or Fernet.generate_key())
        self._limit = limit
        self._whole = _Whole(upstream)

    def call(self, call: Call, head: Head, scheme: str) -> Call:
        """The call by which this request is handled; one that brings no file, as it is.

        ``scheme`` is that of the connection.

        Raises:
            Malformed: it brings a file in a way that is not taken.
            BodyTooLarge: it announces a file over the limit.
        """
        if not isinstance(call.provider, GeminiFiles):
            return call
        asked = dict(parse_qsl(head.query.removeprefix("?"), keep_blank_values=True))
        if "upload_id" in asked:
            return self._brought(call, head, asked["upload_id"])
        way = head.header(f"{OURS}protocol").strip().lower()
        if any(name.lower().startswith("upload") for name in asked):
            raise Malformed(NO_WAY)
        if way == "resumable":
            return self._started(call, head, scheme)
        if way == "raw":
            alone = GeminiFiles(head.header("content-type"), said={})
            return replace(call, provider=alone, sender=self._whole)
        if way != "multipart":
            raise Malformed(NO_WAY)
        return replace(call, sender=self._whole)

    def _started(self, call: Call, head: Head, scheme: str) -> Call:
        if _commands(head) != {"start"}:
            raise Malformed(PIECES)
        length = head.header(f"{OURS}header-content-length")
        if length.isdigit() and int(length) > self._limit:
            raise BodyTooLarge(f"the file has more than {self._limit} bytes, the limit here")
        kind = head.header(f"{OURS}header-content-type")
        sender = _Start(self._seal, _place(head, scheme), kind)
        return replace(call, provider=GeminiFiles(start=True), sender=sender)

    def _brought(self, call: Call, head: Head, token: str) -> Call:
        if _commands(head) != ALL or head.header(f"{OURS}offset") not in {"", "0"}:
            raise Malformed(PIECES)
        try:
            start = json.loads(self._seal.decrypt(token, ttl=LASTS_S))
        except InvalidToken:
            raise Malformed(NOT_BEGUN) from None
        return replace(
            call,
            provider=GeminiFiles(start["kind"], said=start["said"]),
            path=start["path"],
            headers=[(name, value) for name, value in start["headers"]],
            sender=self._whole,
        )


def ended(provider: Provider | None, reply: Reply) -> Reply:
    """The reply, with the header that tells Google's clients that the upload is over.

    Without it they bring the file again, as they should only after an error that may pass.
    """
    known = any(name == STATUS for name, _ in reply.headers)
    passing = reply.status == HTTPStatus.TOO_MANY_REQUESTS or reply.status >= HTTPStatus(500)
    if known or passing or not isinstance(provider, GeminiFiles):
        return reply
    return replace(reply, headers=[*reply.headers, (STATUS, "final")])


class _Start:
    """The sender of a start: it goes nowhere, and the answer says where to bring the file."""

    def __init__(self, seal: Fernet, place: str, kind: str) -> None:
        self._seal = seal
        self._place = place
        self._kind = kind

    async def send(
        self,
        method: str,  # noqa: ARG002 - the file is brought by the same
        path: str,
        headers: Headers,
        body: bytes,
        kind: str,  # noqa: ARG002 - the metadata is JSON
    ) -> Answer:
        """Seals what the start said into the URL. Raises ``Malformed`` if it is too long."""
        kept = [pair for pair in _without_ours(headers) if pair[0] not in NOT_FORWARDED]
        said = {"path": path, "headers": kept, "said": json.loads(body), "kind": self._kind}
        token = self._seal.encrypt(json.dumps(said).encode()).decode()
        if len(token) > LONGEST:
            raise Malformed(TOO_LONG)
        return _Begun(f"{self._place}?upload_id={quote(token)}&upload_protocol=resumable")


class _Begun(Answer):
    """The answer to a start."""

    def __init__(self, url: str) -> None:
        told = [("content-type", JSON), (STATUS, "active"), (f"{OURS}url", url)]
        super().__init__(HTTPStatus.OK, told, len(b"{}"))

    async def close(self) -> None:
        """Nothing: there is no connection."""

    async def _body(self) -> AsyncIterator[bytes]:
        yield b"{}"


class _Whole:
    """The sender of a whole upload."""

    def __init__(self, upstream: Sender) -> None:
        self._upstream = upstream

    async def send(
        self, method: str, path: str, headers: Headers, body: bytes, kind: str
    ) -> Answer:
        """Sends it as the ``multipart`` way asks. Raises as the model's client does."""
        told = [*_without_ours(headers), (f"{OURS}protocol", "multipart")]
        answer = await self._upstream.send(method, path, told, body, kind)
        answer.headers = _without_ours(answer.headers)
        return answer


def _commands(head: Head) -> set[str]:
    return {word.strip().lower() for word in head.header(f"{OURS}command").split(",")}


def _without_ours(headers: Headers) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if not name.lower().startswith(OURS)]


def _place(head: Head, scheme: str) -> str:
    """The URL of this endpoint as its client knows it; the SDK takes no relative one."""
    host = head.header("x-forwarded-host") or head.header("host")
    said = head.header("x-forwarded-proto").lower()
    if not HOST.fullmatch(host):
        raise Malformed("the header host (or x-forwarded-host) is expected to name this server")
    return f"{said if said in {'http', 'https'} else scheme}://{host}{head.path}"
