"""The way of a call, from its bytes to the reply's."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Final

import structlog

from service.errors import ContentFiltered, GlassgateError, Overloaded, UpstreamMalformed
from service.fetch.client import Fetcher
from service.pipeline import examine, upstream_error
from service.pipeline.caller import Callers
from service.pipeline.download import download
from service.pipeline.examine import Examined, Examiner, Linked
from service.pipeline.in_force import InForce
from service.pipeline.pool import GRACE_S, InspectionPool
from service.pipeline.remote import fetched
from service.pipeline.stream import Guard, Offence
from service.pipeline.trace import Trace
from service.pipeline.uploads import Uploads
from service.policy.model import NOBODY, Action, Caller, Decision, Refusal
from service.providers import sse, strict_json
from service.providers.base import Brings, Downloads, Provider, TakesForms
from service.providers.strict_json import Json
from service.store.record import recorded
from service.store.writer import Writer
from service.upstream import Answer, Sender

JSON: Final = "application/json"
# Stands for the dialect of what passes uninspected.
PASSED: Final = "pass_through"
EVENTS: Final = "text/event-stream; charset=utf-8"
UNKNOWN: Final = Callers()
NOTHING: Final = b"{}"

_log = structlog.get_logger("glassgate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request to an endpoint of a dialect; ``path`` as it came, with its query.

    One of another method than POST has no body: what came in its place goes nowhere.
    ``callers`` says who calls: of the headers, the policy that decides sees those that it names.
    ``sender`` hands it on where that is not the gate's own client of the model's server.
    """

    provider: Provider
    path: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    method: str = "POST"
    callers: Callers = UNKNOWN
    sender: Sender | None = None

    @property
    def asked(self) -> bytes:
        """What its dialect reads of it."""
        return self.body if self.method == "POST" else NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the client gets. A body that is a stream must be closed, however the call ends.

    ``passed_on`` tells the model's own answer, edited or not, from what the gate says instead.
    """

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes | AsyncGenerator[bytes, None]
    passed_on: bool = False

    @property
    def whole(self) -> bool:
        """Whether all of it is there."""
        return isinstance(self.body, bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Where decisions are kept, and whether requests wait until they can be."""

    writer: Writer | None = None
    required: bool = False

    @property
    def full(self) -> bool:
        """Whether requests are to be turned away."""
        return self.required and self.writer is not None and self.writer.full


UNKEPT: Final = Ledger()


class Gate:
    """Handles calls: inspects, forwards what may pass, inspects the answer."""

    def __init__(
        self,
        examiner: Examiner,
        upstream: Sender,
        pool: InspectionPool,
        fetcher: Fetcher | None = None,
        ledger: Ledger = UNKEPT,
    ) -> None:
        self.in_force = InForce(examiner=examiner)
        self._upstream = upstream
        self._pool = pool
        self._fetcher = fetcher
        self._ledger = ledger
        self._views = frozenset(view.name for view in examiner.inspector.views)

    async def handle(self, call: Call) -> Reply:
        """The reply, whatever happens; and what happened is remembered, when it is over."""
        id_ = _new_id()
        examiner = self.in_force.of(id_)
        try:
            caller = call.callers.of(call.path, call.headers, examiner.policy.written.headers)
        except GlassgateError as error:
            return self.turned_away(error, call.provider)
        trace = self._trace(id_, call.provider.dialect, examiner, caller)
        reply: Reply | None = None
        try:
            reply = await self._handle(call, trace, examiner)
        except GlassgateError as error:
            reply = _failed(error, call.provider, trace)
        except Exception as error:  # noqa: BLE001 - no fault may let a call through or end the worker
            _log.error("internal error", id=trace.id, exc_info=error)
            reply = _failed(
                GlassgateError("the gate met an error of its own"), call.provider, trace
            )
        finally:
            if reply is None or reply.whole:
                trace.remember()
        return reply

    def turned_away(self, error: GlassgateError, provider: Provider) -> Reply:
        """The reply to what does not even become a call; it is remembered as well."""
        trace = self._uncalled(provider.dialect)
        reply = _failed(error, provider, trace)
        trace.remember()
        return reply

    @contextmanager
    def passing(self) -> Iterator[Trace]:
        """Around an endpoint that the operator lets pass: what was not inspected is remembered."""
        trace = self._uncalled(PASSED)
        yield trace
        trace.remember()

    def _uncalled(self, dialect: str) -> Trace:
        id_ = _new_id()
        return self._trace(id_, dialect, self.in_force.of(id_), NOBODY)

    def _trace(self, id_: str, dialect: str, examiner: Examiner, caller: Caller) -> Trace:
        return Trace(
            id=id_,
            dialect=dialect,
            policy=examiner.policy.hash,
            views=self._views,
            caller=caller,
            store=self._ledger.writer,
        )

    async def _handle(self, call: Call, trace: Trace, examiner: Examiner) -> Reply:
        if self._ledger.full:
            raise Overloaded("the audit store takes no records, so no request is handled")
        provider = call.provider
        limit_s = examiner.timeout_s + GRACE_S
        begin = examine.request if self._fetcher is None else examine.begin
        work = partial(begin, call.asked, provider, examiner, trace)
        examined = await self._pool.run(work, limit_s)
        if isinstance(examined, Linked):
            examined = await self._fetched(examined, provider, trace, examiner)
        if examined.decision.action is Action.REFUSE:
            return _refused(examined, examined.decision, provider, trace)
        with trace.timed("send"):
            kind, body = "", b""
            if call.method == "POST":
                kind, body = await _written(examined.body, provider)
            sender = call.sender or self._upstream
            answer = await sender.send(call.method, call.path, call.headers, body, kind)
        trace.upstream_status = answer.status
        reply: Reply | None = None
        try:
            reply = await self._answered(answer, examined, provider, trace, examiner)
        finally:
            if reply is None or reply.whole:
                await answer.close()
        return reply

    async def _fetched(
        self, read: Linked, provider: Provider, trace: Trace, examiner: Examiner
    ) -> Examined:
        """A request examined with what it links to, which is fetched on the event loop."""
        exchange = read.exchange
        if self._fetcher is not None:
            with trace.timed("pin"):
                exchange = await fetched(exchange, read.body, provider, self._fetcher)
        work = partial(examine.examined_as, read.body, exchange, provider, examiner, trace)
        return await self._pool.run(work, examiner.timeout_s + GRACE_S, admitted=True)

    async def _answered(
        self,
        answer: Answer,
        examined: Examined,
        provider: Provider,
        trace: Trace,
        examiner: Examiner,
    ) -> Reply:
        if answer.whereabouts:
            raise UpstreamMalformed(answer.whereabouts)
        kept = isinstance(provider, Downloads)
        if answer.streamed and _succeeded(answer) and not kept:
            return await self._guarded(answer, examined, provider, trace, examiner)
        if not _succeeded(answer):
            return await self._unanswered(answer, provider, trace, examiner)
        with trace.timed("send"):
            raw = await answer.whole()
        with trace.timed("guard"):
            guard = partial(examine.answer, raw, provider, examiner, trace)
            if isinstance(provider, Downloads):
                guard = partial(download, raw, answer.headers, provider, examiner, trace)
            decision, body = await self._pool.run(
                guard, examiner.timeout_s + GRACE_S, admitted=True
            )
        if decision.action is Action.REFUSE:
            return _refused(examined, decision, provider, trace)
        if examiner.uploads is not None and isinstance(provider, Brings):
            await asyncio.to_thread(_remember, examiner.uploads, examined, body, provider, trace.id)
        return _reply(answer, body, trace)

    async def _unanswered(
        self, answer: Answer, provider: Provider, trace: Trace, examiner: Examiner
    ) -> Reply:
        """An error of the model's server, as it came."""
        with trace.timed("send"):
            raw = await upstream_error.read(answer)
        work = partial(upstream_error.examined, raw, answer, provider, examiner, trace)
        with trace.timed("guard"):
            body = await self._pool.run(work, examiner.timeout_s + GRACE_S, admitted=True)
        return _reply(answer, body, trace)

    async def _guarded(
        self,
        answer: Answer,
        examined: Examined,
        provider: Provider,
        trace: Trace,
        examiner: Examiner,
    ) -> Reply:
        """A reply that goes on while the answer comes, once something of it may be shown."""
        stream = Guard(answer, provider, examiner, self._pool, trace).run()
        try:
            await anext(stream)
        except Offence as offence:
            return _refused(examined, offence.decision, provider, trace)
        return _reply(answer, stream, trace)


async def _written(body: Json, provider: Provider) -> tuple[str, bytes]:
    """The content type and the bytes of what is sent on, which may be megabytes."""
    if isinstance(provider, TakesForms):
        return await asyncio.to_thread(provider.dump, body)
    return JSON, await asyncio.to_thread(strict_json.dump, body)


def _remember(
    uploads: Uploads, examined: Examined, answer: bytes, provider: Brings, call: str
) -> None:
    """What was found in a file, by the names that the model's server gave it."""
    found = examined.again or examined.inspection
    kept = recorded(examined.exchange, found, examined.decision, id=call, at=time.time())
    for name in provider.uploaded(examined.body, strict_json.parse(answer)):
        uploads.remember(name, kept)


def _new_id() -> str:
    return secrets.token_hex(12)


def _succeeded(answer: Answer) -> bool:
    return HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES


def receipt(trace: Trace) -> list[tuple[str, str]]:
    """The headers that say what the gate did."""
    return [
        ("x-glassgate-id", trace.id),
        ("x-glassgate-decision", trace.action),
        ("x-glassgate-coverage", trace.coverage),
        ("x-glassgate-policy", trace.policy),
    ]


def _reply(answer: Answer, body: bytes | AsyncGenerator[bytes, None], trace: Trace) -> Reply:
    trace.status = answer.status
    headers = [*answer.headers, *receipt(trace)]
    return Reply(status=answer.status, headers=headers, body=body, passed_on=True)


def _refused(examined: Examined, decision: Decision, provider: Provider, trace: Trace) -> Reply:
    """The refusal that the policy asks for: the dialect's own, or an error."""
    trace.status, kind, body = _said(examined, decision, provider, trace.id)
    headers = [("content-type", kind), *receipt(trace)]
    return Reply(status=trace.status, headers=headers, body=body)


def _said(
    examined: Examined, decision: Decision, provider: Provider, call: str
) -> tuple[int, str, bytes]:
    """Status, content type and body of a refusal."""
    if decision.refusal is Refusal.ERROR:
        return _filtered(ContentFiltered(decision.message), provider)
    said = (examined.body, decision.message, call, int(time.time()))
    try:
        if examined.exchange.stream:
            return HTTPStatus.OK, EVENTS, sse.encode(provider.refusal_events(*said))
        return HTTPStatus.OK, JSON, strict_json.dump(provider.refusal(*said))
    except ContentFiltered as error:
        return _filtered(error, provider)


def _filtered(error: ContentFiltered, provider: Provider) -> tuple[int, str, bytes]:
    return error.status, JSON, strict_json.dump(provider.error(error))


def _failed(error: GlassgateError, provider: Provider, trace: Trace) -> Reply:
    """The one seam at which errors become a dialect's envelope."""
    trace.failed(error)
    again = [("retry-after", str(error.retry_after_s))] if error.retry_after_s else []
    return Reply(
        status=error.status,
        headers=[("content-type", JSON), *again, *receipt(trace)],
        body=strict_json.dump(provider.error(error)),
    )
