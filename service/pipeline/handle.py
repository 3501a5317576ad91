"""The way of a call, from its bytes to the reply's."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Final

import structlog

from service.errors import ContentFiltered, GlassgateError
from service.pipeline import examine
from service.pipeline.examine import Examined, Examiner
from service.pipeline.pool import InspectionPool
from service.pipeline.trace import Trace
from service.policy.model import Action, Decision, Refusal
from service.providers import sse, strict_json
from service.providers.base import Provider
from service.upstream import Answer, Upstream

JSON: Final = "application/json"
# Stands for the dialect of what passes uninspected.
PASSED: Final = "pass_through"
EVENTS: Final = "text/event-stream; charset=utf-8"
# A thread is asked to end at its deadline; it is given this much longer to do so.
GRACE_S: Final = 5.0

_log = structlog.get_logger("glassgate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request to an endpoint of a dialect; ``path`` as it came, with its query."""

    provider: Provider
    path: str
    headers: Sequence[tuple[str, str]]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the client gets."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


class Gate:
    """Handles calls: inspects, forwards what may pass, inspects the answer."""

    def __init__(self, examiner: Examiner, upstream: Upstream, pool: InspectionPool) -> None:
        self.examiner = examiner
        self._upstream = upstream
        self._pool = pool
        self._views = frozenset(view.name for view in examiner.inspector.views)

    async def handle(self, call: Call) -> Reply:
        """The reply, whatever happens; and what happened is remembered."""
        trace = self._trace(call.provider.dialect)
        try:
            reply = await self._handle(call, trace)
        except GlassgateError as error:
            reply = _failed(error, call.provider, trace)
        except Exception as error:  # noqa: BLE001 - no fault may let a call through or end the worker
            _log.error("internal error", id=trace.id, exc_info=error)
            reply = _failed(
                GlassgateError("the gate met an error of its own"), call.provider, trace
            )
        finally:
            trace.remember()
        return reply

    def turned_away(self, error: GlassgateError, provider: Provider) -> Reply:
        """The reply to what does not even become a call; it is remembered as well."""
        trace = self._trace(provider.dialect)
        reply = _failed(error, provider, trace)
        trace.remember()
        return reply

    @contextmanager
    def passing(self) -> Iterator[Trace]:
        """Around an endpoint that the operator lets pass: what was not inspected is remembered."""
        trace = self._trace(PASSED)
        yield trace
        trace.remember()

    def _trace(self, dialect: str) -> Trace:
        return Trace(
            id=secrets.token_hex(12),
            dialect=dialect,
            policy=self.examiner.policy.hash,
            views=self._views,
        )

    async def _handle(self, call: Call, trace: Trace) -> Reply:
        examiner, provider = self.examiner, call.provider
        work = partial(examine.request, call.body, provider, examiner, trace)
        examined = await self._pool.run(work, examiner.timeout_s + GRACE_S)
        if examined.decision.action is Action.REFUSE:
            return _refused(examined, examined.decision, provider, trace)
        with trace.timed("send"):
            answer = await self._upstream.send(
                call.path, call.headers, strict_json.dump(examined.body)
            )
        trace.upstream_status = answer.status
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return _reply(answer.status, answer, answer.body, trace)
        with trace.timed("guard"):
            guard = partial(examine.answer, answer, provider, examiner, trace)
            decision, body = await self._pool.run(
                guard, examiner.timeout_s + GRACE_S, admitted=True
            )
        if decision.action is Action.REFUSE:
            return _refused(examined, decision, provider, trace)
        return _reply(answer.status, answer, body, trace)


def receipt(trace: Trace) -> list[tuple[str, str]]:
    """The headers that say what the gate did."""
    return [
        ("x-glassgate-id", trace.id),
        ("x-glassgate-decision", trace.action),
        ("x-glassgate-coverage", trace.coverage),
    ]


def _reply(status: int, answer: Answer, body: bytes, trace: Trace) -> Reply:
    trace.status = status
    return Reply(status=status, headers=[*answer.headers, *receipt(trace)], body=body)


def _refused(examined: Examined, decision: Decision, provider: Provider, trace: Trace) -> Reply:
    """The refusal that the policy asks for: the dialect's own, or an error."""
    if decision.refusal is Refusal.ERROR:
        error = ContentFiltered(decision.message)
        trace.status = error.status
        body = strict_json.dump(provider.error(error))
        return Reply(
            status=error.status, headers=[("content-type", JSON), *receipt(trace)], body=body
        )
    trace.status = HTTPStatus.OK
    said = (examined.body, decision.message, trace.id, int(time.time()))
    if examined.exchange.stream:
        kind, body = EVENTS, sse.encode(provider.refusal_events(*said))
    else:
        kind, body = JSON, strict_json.dump(provider.refusal(*said))
    return Reply(status=HTTPStatus.OK, headers=[("content-type", kind), *receipt(trace)], body=body)


def _failed(error: GlassgateError, provider: Provider, trace: Trace) -> Reply:
    """The one seam at which errors become a dialect's envelope."""
    trace.failed(error)
    again = [("retry-after", str(error.retry_after_s))] if error.retry_after_s else []
    return Reply(
        status=error.status,
        headers=[("content-type", JSON), *again, *receipt(trace)],
        body=strict_json.dump(provider.error(error)),
    )
