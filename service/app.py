"""The proxy as an ASGI app: what is composed here is served by each worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from detectors.cache import VerdictCache
from detectors.catalogue import CHECKS, views
from detectors.inspect import Inspector
from detectors.media.decode import Limits
from service.errors import GlassgateError, Malformed
from service.fetch.client import Fetcher
from service.fetch.rules import Rules
from service.neighbours.table import NEIGHBOURS
from service.own_checks.load import load as own_checks
from service.pipeline.consult import Desk
from service.pipeline.door import Door, Head
from service.pipeline.examine import Examiner
from service.pipeline.google_uploads import GoogleUploads, ended
from service.pipeline.handle import PASSED, Call, Ledger, Reply
from service.pipeline.in_force import InForce
from service.pipeline.pool import InspectionPool
from service.pipeline.spool import NOWHERE, Spool
from service.pipeline.uploads import Uploads, by
from service.policy.compile import compile_policy
from service.policy.resolve import Resolved, merge
from service.providers.table import ENDPOINTS, FALLBACK
from service.settings import Settings
from service.store.capture import vault
from service.store.database import Database
from service.store.files import Files
from service.store.retention import Retention
from service.store.writer import Limits as Queue
from service.store.writer import Writer
from service.telemetry import metrics
from service.upstream import Upstream, passing

if TYPE_CHECKING:
    from service.neighbours.ext_proc.server import ExtProc

DRAIN_S: Final = 10.0  # how long calls under way may take to end after a stop
CLIENT_GONE: Final = 499  # nginx's word in its log; nobody is there to read it
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def examiner(settings: Settings, resolved: Resolved | None = None) -> Examiner:
    """Everything that an examination needs, loaded and checked against known answers.

    ``resolved`` is the policy, where another process has read its files.

    Raises:
        PolicyError, ModelError, SelfCheckError: the message says what, where and how to mend it.
    """
    inspector = Inspector(
        views=[make() for make in views(settings.ocr).values()],
        checks=[*(make() for make in CHECKS.values()), *own_checks(settings.checks)],
        cache=VerdictCache(settings.cache),
        picture_s=settings.picture_budget_s,
    )
    policy = compile_policy(resolved or merge(settings.policy), inspector.versions())
    inspector.self_check()
    return Examiner(
        inspector=inspector,
        policy=policy,
        sizes=settings.image_sizes,
        limits=Limits(),
        timeout_s=settings.inspect_timeout_s,
        uploads=Uploads(Files(settings.files), by(inspector.versions()))
        if settings.files
        else None,
    )


def proxy(settings: Settings, examiner: Examiner, upstream_url: str) -> FastAPI:
    """The app that clients speak to."""
    upstream = Upstream(upstream_url, settings)
    pool = InspectionPool(settings.threads, settings.queue)
    fetcher = _fetcher(settings)
    ledger = Ledger(writer=_writer(settings), required=settings.audit_full == "refuse")
    gate = Desk(examiner, upstream, pool, fetcher, ledger)
    door = Door.of(settings, NEIGHBOURS if settings.neighbours else {})
    spool = Spool(settings.upload_folder or NOWHERE, settings.body_limit)
    google = GoogleUploads(settings.upload_key.get_secret_value(), spool, upstream)

    @asynccontextmanager
    async def lifespan(served: FastAPI) -> AsyncIterator[None]:
        if settings.ext_proc_port is not None:
            served.state.ext_proc = await _ext_proc(settings, gate)
        yield
        await end_ext_proc(served)
        await upstream.close()
        if fetcher is not None:
            fetcher.close()
        pool.close()
        if ledger.writer is not None:
            await asyncio.to_thread(ledger.writer.close)

    app = FastAPI(
        title="Glassgate", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.state.gate = gate
    app.state.pool = pool
    switch(app, gate.in_force)

    @app.api_route("/{path:path}", methods=METHODS)
    async def every_path(request: Request) -> Response:
        head = _head(request)
        provider = door.provider(head)
        try:
            door.check(head, provider)
            body = await _body(request, head, door)
            if provider is not None:
                call = Call(
                    provider=provider,
                    path=head.path + head.query,
                    headers=head.headers,
                    body=body,
                    method=head.method,
                    callers=door.callers,
                )
                async with google.taken(call, head, request.url.scheme) as taken:
                    reply = await _unless_gone(request, gate.handle(taken.call))
                    return _response(reply and await taken.ended(reply))
            with gate.passing() as trace:
                passed = await _pass(head, body, upstream)
                trace.status = trace.upstream_status = passed.status_code
                return passed
        except GlassgateError as error:
            return _response(ended(provider, gate.turned_away(error, provider or FALLBACK)))

    return app


async def _ext_proc(settings: Settings, gate: Desk) -> ExtProc:
    """The server that Envoy asks. Its packages are an extra's, so they are imported only now."""
    from service.neighbours.ext_proc.server import serve  # noqa: PLC0415

    return await serve(settings, gate)


async def end_ext_proc(app: FastAPI) -> None:
    """Takes no more calls of Envoy's, if any were taken, and waits for those under way."""
    if (server := getattr(app.state, "ext_proc", None)) is not None:
        await server.end(DRAIN_S)


def switch(app: FastAPI, in_force: InForce) -> None:
    """From now on calls begin on these policies. What is under way ends on that of its beginning.

    May be called from any thread.
    """
    for each in in_force.examiners:
        _expect(each)
    metrics.policy_in_force(in_force.examiner.policy.hash)
    app.state.gate.in_force = in_force


def _expect(examiner: Examiner) -> None:
    """Starts the series of all that may be counted."""
    policy = examiner.policy.written
    written = [*policy.rules, *(rule for scope in policy.select for rule in scope.rules)]
    metrics.expect(
        dialects={
            *(provider.dialect for provider in (*ENDPOINTS.values(), *NEIGHBOURS.values())),
            PASSED,
        },
        rules=[rule.id for rule in written if rule.mode.value == "enforce"],
        shadow=[rule.id for rule in written if rule.mode.value == "shadow"],
        policy=examiner.policy.hash,
        fail_open=policy.fail_open,
    )
    metrics.models_loaded(examiner.inspector.versions())


def _fetcher(settings: Settings) -> Fetcher | None:
    """The client for linked parts, unless the operator wants none."""
    if settings.fetch == "off":
        return None
    rules = Rules(
        schemes=frozenset({"https", settings.fetch}),
        ports=frozenset(settings.fetch_ports),
        hosts=settings.fetch_hosts,
        denied=settings.fetch_denied_hosts,
        networks=settings.fetch_addresses,
        limit=settings.fetch_limit,
        time_s=settings.fetch_timeout_s,
        parts=settings.fetch_parts,
        at_once=settings.fetch_at_once,
    )
    return Fetcher(rules)


def _writer(settings: Settings) -> Writer | None:
    """The audit store's, if there is one; its thread begins here."""
    if not settings.audit:
        return None
    return Writer(
        Database(settings.audit),
        retention=Retention(days=settings.audit_days, rows=settings.audit_rows),
        vault=vault(settings.audit_key.get_secret_value(), settings.audit_key_file),
        dropped=metrics.audit_dropped,
        limits=Queue(records=settings.audit_queue),
    )


def _head(request: Request) -> Head:
    """The request as it came on the wire, its path undecoded."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope["query_string"]
    return Head(
        method=request.method,
        path=raw.decode("latin-1"),
        query=f"?{query.decode('latin-1')}" if query else "",
        headers=request.headers.items(),
    )


async def _body(request: Request, head: Head, door: Door) -> bytes:
    """The whole body. Raises as the door does, and if the client goes away."""
    try:
        return await door.body(head, request.stream())
    except ClientDisconnect:
        raise Malformed("the body broke off: the client went away") from None


async def _unless_gone(request: Request, handling: Coroutine[None, None, Reply]) -> Reply | None:
    """The reply, or None if the client went away before there was one: then nobody works on."""
    work = asyncio.ensure_future(handling)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        return work.result() if work.done() else None
    finally:
        work.cancel()
        gone.cancel()


async def _gone(request: Request) -> None:
    """Ends when the client has gone away; its body was read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _response(reply: Reply | None) -> Response:
    if reply is None:
        return Response(status_code=CLIENT_GONE)
    if isinstance(reply.body, bytes):
        response = Response(content=reply.body, status_code=reply.status)
    else:
        response = _Streamed(reply.body, status_code=reply.status)
    response.raw_headers.extend(
        (name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers
    )
    return response


class _Streamed(StreamingResponse):
    """A stream that is closed however the call ends, so that the model's server is let go."""

    def __init__(self, stream: AsyncGenerator[bytes, None], status_code: int) -> None:
        super().__init__(stream, status_code=status_code)
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._stream):
            await super().__call__(scope, receive, send)


async def _pass(head: Head, body: bytes, upstream: Upstream) -> Response:
    """Hands an endpoint on as it is, both ways."""
    target = head.path + head.query
    opened = upstream.open(head.method, target, passing(head.headers), body)
    answer = await opened.__aenter__()

    async def chunks() -> AsyncIterator[bytes]:
        try:
            async for chunk in answer.aiter_bytes():
                yield chunk
        finally:
            await opened.__aexit__(None, None, None)

    response = StreamingResponse(chunks(), status_code=answer.status_code)
    response.raw_headers.extend(
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in passing(answer.headers.multi_items())
    )
    return response
