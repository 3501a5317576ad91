"""Google's ways of bringing a file, each as one call: what is inspected and sent on is whole.

The resumable way takes two requests. The first says what the file is, and asks where to bring it;
the gate answers that itself, once it was inspected. The second brings the bytes. What it needs of
the first (the metadata; and the headers with the key, which the official SDK sends only then)
travels in its URL, sealed: so nothing of it is kept, and any worker takes it. Sent on is one
request, as Google's ``multipart`` way asks, with the file as it was inspected.

A file may also come in several pieces. They are kept (``spool.py``) until the last one comes: the
request that brings it is the call, with the whole file as its body.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl, quote

from cryptography.fernet import Fernet, InvalidToken

from service.errors import Malformed
from service.pipeline.door import Head
from service.pipeline.handle import JSON, Call, Reply
from service.pipeline.spool import LASTS_S, NOT_BEGUN, Kept, Spool
from service.providers.base import Provider
from service.providers.gemini_files import GeminiFiles
from service.upstream import NOT_FORWARDED, Answer, Headers, Sender

OURS: Final = "x-goog-upload-"
"""What the headers of an upload begin with. They hold between the client and the gate."""
STATUS: Final = f"{OURS}status"
LONGEST: Final = 16 * 1024
"""Characters of a sealed start; with more, its URL would be too long for servers on its way."""
HOST: Final = re.compile(r"[A-Za-z0-9.:\[\]_-]+")
NUMBER: Final = re.compile(r"[0-9]{1,18}")
ENDS: Final = ({"upload", "finalize"}, {"finalize"})
GOES_ON: Final = ({"upload"}, {"query"}, {"cancel"})

NO_WAY: Final = (
    "an upload is taken with X-Goog-Upload-Protocol: resumable, multipart or raw, and without "
    "uploadType"
)
COMMANDS: Final = (
    "X-Goog-Upload-Command is expected as `start` alone; and then, at the URL that this was "
    "answered with, as `upload, finalize` for the file or its last piece, `upload` for a piece "
    "before that, `finalize` without a body, `query` or `cancel`"
)
NO_OFFSET: Final = "X-Goog-Upload-Offset is expected as the number of bytes that came before"
TOO_LONG: Final = "what is said of the file, and the headers beside it, are too long"


@dataclass(frozen=True, slots=True)
class Taken:
    """The call by which a request is handled; and what was kept of its file, if it ends one."""

    call: Call
    kept: Kept | None = None

    async def ended(self, reply: Reply) -> Reply:
        """The reply as ``ended`` makes it. Of an upload that is over nothing is kept."""
        told = ended(self.call.provider, reply)
        if self.kept is not None and (STATUS, "final") in told.headers:
            await asyncio.to_thread(self.kept.delete)
        return told


class GoogleUploads:
    """Makes one call of an upload, however it comes.

    ``key`` seals what a start said, and is made here if it is empty; ``spool`` keeps pieces.
    """

    def __init__(self, key: str, spool: Spool, upstream: Sender) -> None:
        self._seal = Fernet(key or Fernet.generate_key())
        self._spool = spool
        self._whole = _Whole(upstream)

    @asynccontextmanager
    async def taken(self, call: Call, head: Head, scheme: str) -> AsyncIterator[Taken]:
        """A request, until it is handled; one that brings no file, as it is.

        ``scheme`` is that of the connection.

        Raises:
            Malformed: it brings a file in a way that is not taken.
            BodyTooLarge: it announces a file over the limit, or ends one.
            Conflict, Overloaded: as the spool does.
        """
        asked = dict(parse_qsl(head.query.removeprefix("?"), keep_blank_values=True))
        if not isinstance(call.provider, GeminiFiles):
            yield Taken(call)
        elif "upload_id" not in asked:
            yield Taken(self._begun(call, head, scheme, asked))
        else:
            taken = await self._brought(call, head, asked["upload_id"])
            try:
                yield taken
            finally:
                if taken.kept is not None:
                    taken.kept.close()

    def _begun(self, call: Call, head: Head, scheme: str, asked: Collection[str]) -> Call:
        """The start of an upload, or all of one in one request."""
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
            raise Malformed(COMMANDS)
        upload = self._spool.begin(_number(head, "header-content-length"))
        kind = head.header(f"{OURS}header-content-type")
        sender = _Start(self._seal, _place(head, scheme), {"id": upload, "kind": kind})
        return replace(call, provider=GeminiFiles(start=True), sender=sender)

    async def _brought(self, call: Call, head: Head, token: str) -> Taken:
        """What comes after a start: the file, or a piece of it, or a question."""
        try:
            start = json.loads(self._seal.decrypt(token, ttl=LASTS_S))
        except InvalidToken:
            raise Malformed(NOT_BEGUN) from None
        headers = [(name, value) for name, value in start["headers"]]
        brought = replace(call, path=start["path"], headers=headers)
        commands = _commands(head)
        if commands not in (*ENDS, *GOES_ON) or (call.body and "upload" not in commands):
            raise Malformed(COMMANDS)
        if commands in ENDS:
            return await self._ended(brought, start, _offset(head, commands))
        (command,) = commands
        tell = partial(self._told, start["id"], command, _offset(head, commands), call.body)
        bare = GeminiFiles(start=True)
        return Taken(replace(brought, provider=bare, body=b"", sender=_Here(tell)))

    async def _ended(self, call: Call, start: Mapping[str, Any], offset: int | None) -> Taken:
        """The whole file, by the request that brings the last of it."""
        body, kept = await asyncio.to_thread(self._spool.last, start["id"], offset, call.body)
        provider = GeminiFiles(start["kind"], said=start["said"])
        return Taken(replace(call, provider=provider, body=body, sender=self._whole), kept)

    def _told(self, upload: str, command: str, offset: int | None, piece: bytes) -> Headers:
        """Does what is asked of a file that is not whole yet, and says how it is. Blocks."""
        if command == "query":
            return [(STATUS, "active"), (f"{OURS}size-received", str(self._spool.received(upload)))]
        if command == "cancel":
            self._spool.cancel(upload)
            return [(STATUS, "cancelled")]
        self._spool.add(upload, offset or 0, piece)
        return [(STATUS, "active")]


def ended(provider: Provider | None, reply: Reply) -> Reply:
    """The reply, with the header that tells Google's clients that the upload is over.

    Without it they bring the file again, as they should only after an error that may pass.
    """
    known = any(name == STATUS for name, _ in reply.headers)
    passing = (
        reply.status == HTTPStatus.TOO_MANY_REQUESTS
        or reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    )
    if known or passing or not isinstance(provider, GeminiFiles):
        return reply
    return replace(reply, headers=[*reply.headers, (STATUS, "final")])


class _Start:
    """The sender of a start: it goes nowhere, and the answer says where to bring the file."""

    def __init__(self, seal: Fernet, place: str, known: Mapping[str, str]) -> None:
        self._seal = seal
        self._place = place
        self._known = known

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
        said = {**self._known, "path": path, "headers": kept, "said": json.loads(body)}
        token = self._seal.encrypt(json.dumps(said).encode()).decode()
        if len(token) > LONGEST:
            raise Malformed(TOO_LONG)
        url = f"{self._place}?upload_id={quote(token)}&upload_protocol=resumable"
        return _Told([(STATUS, "active"), (f"{OURS}url", url)])


class _Here:
    """The sender of what goes nowhere: the answer is what the gate has to tell, in a thread."""

    def __init__(self, tell: Callable[[], Headers]) -> None:
        self._tell = tell

    async def send(
        self,
        method: str,  # noqa: ARG002 - as all of these: it goes nowhere
        path: str,  # noqa: ARG002
        headers: Headers,  # noqa: ARG002
        body: bytes,  # noqa: ARG002
        kind: str,  # noqa: ARG002
    ) -> Answer:
        return _Told(await asyncio.to_thread(self._tell))


class _Told(Answer):
    """The gate's own answer, which is all in its headers."""

    def __init__(self, headers: Headers) -> None:
        super().__init__(HTTPStatus.OK, [("content-type", JSON), *headers], len(b"{}"))

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


def _offset(head: Head, commands: Collection[str]) -> int | None:
    """Where the bytes that came begin in the file; None if none were to come."""
    if "upload" not in commands:
        return None
    offset = _number(head, "offset") if head.header(f"{OURS}offset") else 0
    if offset is None:
        raise Malformed(NO_OFFSET)
    return offset


def _number(head: Head, name: str) -> int | None:
    """What a header of an upload says, if that is a number of bytes."""
    said = head.header(f"{OURS}{name}").strip()
    return int(said) if NUMBER.fullmatch(said) else None


def _without_ours(headers: Headers) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if not name.lower().startswith(OURS)]


def _place(head: Head, scheme: str) -> str:
    """The URL of this endpoint as its client knows it; the SDK takes no relative one."""
    host = head.header("x-forwarded-host") or head.header("host")
    said = head.header("x-forwarded-proto").lower()
    if not HOST.fullmatch(host):
        raise Malformed("the header host (or x-forwarded-host) is expected to name this server")
    return f"{said if said in {'http', 'https'} else scheme}://{host}{head.path}"
