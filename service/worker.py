"""One worker process: loads the models, serves the proxy on the shared socket, says how it is."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

import uvicorn
from fastapi import FastAPI

from detectors.contract.detector import DetectorError
from service.app import examiner, proxy
from service.policy.document import PolicyError
from service.policy.resolve import Resolved
from service.settings import Settings
from service.telemetry import lines

DRAIN_S = 10  # how long requests under way may take to end after a stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a worker tells the supervisor: that it serves, or why it cannot."""

    policy: str = ""
    models: dict[str, str] = field(default_factory=dict)
    error: str = ""


def work(
    settings: Settings,
    policy: str,
    upstream_url: str,
    listener: socket.socket,
    tell: Connection,
) -> None:
    """Serves until the supervisor says stop or is gone. Runs as a process of its own.

    ``policy`` is the resolved policy as JSON, so that all workers decide by the same one.
    """
    lines.configure(settings.log_level)
    _keep_memory()
    threading.Thread(target=_end_with, args=(tell,), daemon=True).start()
    try:
        examining = examiner(settings, Resolved.model_validate_json(policy))
    except (DetectorError, PolicyError) as error:
        tell.send(Report(error=str(error)))
        return
    except Exception as error:  # noqa: BLE001 - the supervisor must learn of whatever it was
        tell.send(Report(error=f"{type(error).__name__}: {error}"))
        return
    app = proxy(settings, examining, upstream_url)
    report = Report(policy=examining.policy.hash, models=examining.inspector.versions())
    config = uvicorn.Config(
        _telling(app, tell, report),
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=DRAIN_S,
        ws="none",
        h11_max_incomplete_event_size=64 * 1024,
    )
    with suppress(KeyboardInterrupt):  # uvicorn raises it again once it has drained
        uvicorn.Server(config).run(sockets=[listener])


def _keep_memory() -> None:
    """Lets glibc keep what inference frees: else each picture's pages are faulted in anew."""
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        for option, value in ((-8, 1), (-1, 128 << 20), (-3, 32 << 20)):
            mallopt(option, value)  # malloc.h: M_ARENA_MAX, M_TRIM_THRESHOLD, M_MMAP_THRESHOLD


def _telling(app: FastAPI, tell: Connection, report: Report) -> FastAPI:
    """The app that reports when it is up."""
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(served: FastAPI) -> AsyncIterator[None]:
        async with inner(served):
            tell.send(report)
            yield

    app.router.lifespan_context = lifespan
    return app


def _end_with(supervisor: Connection) -> None:
    """Nobody would stop an orphan: it stops itself when the supervisor's end of the pipe closes."""
    try:
        supervisor.recv()
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGTERM)
