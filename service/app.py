"""The proxy as an ASGI app: what is composed here is served by each worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect

from detectors.cache import VerdictCache
from detectors.catalogue import CHECKS, VIEWS
from detectors.inspect import Inspector
from detectors.media.decode import Limits
from service.errors import (
    BodyTooLarge,
    GlassgateError,
    Malformed,
    SlowBody,
    UnknownEndpoint,
    UnsupportedEncoding,
)
from service.pipeline.examine import Examiner
from service.pipeline.handle import PASSED, Call, Gate, Reply
from service.pipeline.pool import InspectionPool
from service.policy.load import load
from service.providers.table import ENDPOINTS, FALLBACK, PASS_THROUGH, find
from service.settings import Settings
from service.telemetry import metrics
from service.upstream import Upstream, passing

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def examiner(settings: Settings) -> Examiner:
    """Everything that an examination needs, loaded and checked against known answers.

    Raises:
        PolicyError, ModelError, SelfCheckError: the message says what, where and how to mend it.
    """
    policy = load(settings.policy)
    inspector = Inspector(
        views=[make() for make in VIEWS.values()],
        checks=[make() for make in CHECKS.values()],
        cache=VerdictCache(settings.cache),
    )
    inspector.self_check()
    return Examiner(
        inspector=inspector,
        policy=policy,
        sizes=settings.image_sizes,
        limits=Limits(),
        timeout_s=settings.inspect_timeout_s,
    )


def proxy(settings: Settings, examiner: Examiner, upstream_url: str) -> FastAPI:
    """The app that clients speak to."""
    upstream = Upstream(upstream_url, settings)
    pool = InspectionPool(settings.threads, settings.queue)
    gate = Gate(examiner, upstream, pool)
    passes = PASS_THROUGH | set(settings.pass_through)
    written = examiner.policy.written.rules
    metrics.expect(
        dialects={*(provider.dialect for provider in ENDPOINTS.values()), PASSED},
        rules=[rule.id for rule in written if rule.mode.value == "enforce"],
        shadow=[rule.id for rule in written if rule.mode.value == "shadow"],
    )
    metrics.policy_in_force(examiner.policy.hash)
    metrics.models_loaded(examiner.inspector.versions())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await upstream.close()
        pool.close()

    app = FastAPI(
        title="Glassgate", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )

    @app.api_route("/{path:path}", methods=METHODS)
    async def every_path(request: Request) -> Response:
        path, query = _target(request)
        provider = find(request.method, path)
        try:
            if provider is not None:
                body = await _body(request, settings)
                headers = request.headers.items()
                return _response(
                    await gate.handle(
                        Call(provider=provider, path=path + query, headers=headers, body=body)
                    )
                )
            if (request.method, path) in passes:
                with gate.passing() as trace:
                    passed = await _pass(request, path + query, upstream, settings)
                    trace.status = trace.upstream_status = passed.status_code
                return passed
            raise UnknownEndpoint(
                f"{request.method} on this path is not inspected here, so it does not pass; the "
                "operator can let it pass with GLASSGATE_PASS_THROUGH"
            )
        except GlassgateError as error:
            return _response(gate.turned_away(error, provider or FALLBACK))

    return app


def _target(request: Request) -> tuple[str, str]:
    """The path as it came on the wire, undecoded, and the query with its question mark."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope["query_string"]
    return raw.decode("latin-1"), f"?{query.decode('latin-1')}" if query else ""


async def _body(request: Request, settings: Settings) -> bytes:
    """The whole body, within its limits of size and time."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedEncoding("send the body without content-encoding: it is inspected")
    limit = settings.body_limit
    too_large = BodyTooLarge(f"the body has more than {limit} bytes, the limit here")
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(settings.body_timeout_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise too_large
    except TimeoutError:
        raise SlowBody("the body did not arrive in time") from None
    except ClientDisconnect:
        raise Malformed("the body broke off: the client went away") from None
    return bytes(body)


def _response(reply: Reply) -> Response:
    response = Response(content=reply.body, status_code=reply.status)
    response.raw_headers.extend(
        (name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers
    )
    return response


async def _pass(request: Request, target: str, upstream: Upstream, settings: Settings) -> Response:
    """Hands an endpoint on as it is, both ways."""
    body = await _body(request, settings)
    opened = upstream.open(request.method, target, passing(request.headers.items()), body)
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
