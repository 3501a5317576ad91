"""The gRPC server that Envoys ask, one in each worker, all on one port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import grpc
import structlog
from envoy.service.ext_proc.v3.external_processor_pb2 import ProcessingRequest, ProcessingResponse
from envoy.service.ext_proc.v3.external_processor_pb2_grpc import (
    add_ExternalProcessorServicer_to_server,
)
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from service.neighbours.ext_proc import messages
from service.neighbours.ext_proc.talk import Talk
from service.neighbours.ext_proc.wire import Wire
from service.pipeline.door import Door
from service.pipeline.handle import Gate
from service.settings import Settings, target

SERVICE: Final = "envoy.service.ext_proc.v3.ExternalProcessor"
MARGIN: Final = 1024 * 1024
"""Bytes that a message may have beside a body."""

_log = structlog.get_logger("glassgate")


class ExtProc:
    """A server that runs."""

    def __init__(self, server: grpc.aio.Server, told: health.aio.HealthServicer) -> None:
        self._server = server
        self._told = told
        self._ending: asyncio.Task[None] | None = None

    async def end(self, grace_s: float) -> None:
        """Takes no more calls, and waits for those under way; again, if it was told before."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(grace_s))
        await asyncio.shield(self._ending)

    async def _end(self, grace_s: float) -> None:
        await self._told.enter_graceful_shutdown()
        await self._server.stop(grace_s)


class _Unguarded(Exception):
    """The filter is set so that no call could be guarded; the message says how to mend it."""


class _Service:
    """``envoy.service.ext_proc.v3.ExternalProcessor``."""

    def __init__(self, gate: Gate, door: Door, limit: int) -> None:
        self._gate = gate
        self._door = door
        self._limit = limit

    async def Process(  # noqa: N802 - the protocol's name
        self,
        request_iterator: AsyncIterator[ProcessingRequest],
        context: grpc.aio.ServicerContext[ProcessingRequest, ProcessingResponse],
    ) -> None:
        """One call. To end without an error would let Envoy go on by itself, so no fault does."""
        wire = Wire()
        fault = ""
        try:
            await wire.carry(request_iterator, context.write, self._talk(wire))
        except* _Unguarded as unguarded:
            fault = str(unguarded.exceptions[0])
        except* grpc.aio.BaseError:
            # The stream broke off under what was said, which the context may not know yet.
            fault = "the stream broke off"
        except* Exception as errors:  # noqa: BLE001 - no fault may let a call through
            if not context.done():
                _log.error("internal error", exc_info=errors)
                fault = "the gate met an error of its own"
        if fault and not context.done():
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, fault)

    async def _talk(self, wire: Wire) -> None:
        first = await wire.hear()
        if first is None:
            return
        if first.observability_mode:
            raise _Unguarded("with observability_mode nothing could be refused: leave it off")
        if messages.kind(first) != "request_headers":
            raise _Unguarded("a call begins with its headers: set request_header_mode to SEND")
        await Talk(wire, self._gate, self._door, self._limit).run(first)


async def serve(settings: Settings, gate: Gate) -> ExtProc:
    """A server at the port of the settings, that has begun."""
    longest = max(settings.body_limit, settings.answer_limit) + MARGIN
    server = grpc.aio.server(
        options=[
            ("grpc.so_reuseport", 1),
            ("grpc.max_receive_message_length", longest),
            ("grpc.max_send_message_length", -1),
        ]
    )
    door = Door.of(settings, {})
    add_ExternalProcessorServicer_to_server(_Service(gate, door, settings.answer_limit), server)
    told = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(told, server)
    await told.set(SERVICE, health_pb2.HealthCheckResponse.SERVING)
    server.add_insecure_port(target(settings.host, settings.ext_proc_port or 0))
    await server.start()
    return ExtProc(server, told)
