"""The supervisor: binds the sockets, keeps the workers running, and serves the admin listener.

There is always one supervisor and at least one worker, so that one worker and many are the same
way. A worker that ends is started anew; one that cannot start at all ends the service.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, Pipe
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Final

import uvicorn
from fastapi import FastAPI
from prometheus_client import multiprocess

from service.admin.app import WorkerState, admin
from service.policy.compile import compile_policy
from service.policy.resolve import Resolved, merge
from service.sandbox.app import sandbox
from service.settings import SANDBOX, Settings, SettingsError
from service.store.database import Database
from service.worker import DRAIN_S, Report, work

LOOK_S: Final = 0.1  # between two looks at the workers
RESTART_S: Final = 1.0  # before a worker that ended is started anew
BACKLOG: Final = 2048


class StartError(Exception):
    """A worker cannot start; the message is its own."""


@dataclass(slots=True)
class _Worker:
    """A worker process and the supervisor's end of its pipe."""

    process: SpawnProcess
    pipe: Connection
    report: Report | None = None
    ended: float = 0.0


class Supervisor:
    """The workers of one service. A ``Fleet`` for the admin listener."""

    def __init__(
        self, settings: Settings, policy: Resolved, upstream_url: str, listener: socket.socket
    ) -> None:
        self._start = (settings, policy.model_dump_json(), upstream_url, listener)
        self._crew = [self._spawn() for _ in range(settings.workers)]

    def workers(self) -> Sequence[WorkerState]:
        """How each worker is, in order."""
        return [_state(index, worker) for index, worker in enumerate(self._crew)]

    def look(self) -> None:
        """Hears what the workers report, and starts anew those that ended.

        Raises:
            StartError: a worker cannot start.
        """
        for index, worker in enumerate(self._crew):
            _hear(worker)
            if worker.report is not None and worker.report.error:
                raise StartError(worker.report.error)
            if worker.process.is_alive():
                continue
            now = time.monotonic()
            if not worker.ended:
                worker.ended = now
                multiprocess.mark_process_dead(worker.process.pid)  # type: ignore[no-untyped-call]
                if worker.report is None:
                    raise StartError(f"a worker ended at start (exit {worker.process.exitcode})")
            elif now - worker.ended >= RESTART_S:
                self._crew[index] = self._spawn()

    def stop(self) -> None:
        """Ends the workers: asked first, then killed when what they drain takes too long."""
        for worker in self._crew:
            worker.process.terminate()
        deadline = time.monotonic() + DRAIN_S + 2
        for worker in self._crew:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()

    def _spawn(self) -> _Worker:
        ours, theirs = Pipe(duplex=True)
        process = get_context("spawn").Process(target=work, args=(*self._start, theirs))
        # A terminal's Ctrl-C reaches the workers too, but is the supervisor's to answer.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        process.start()
        signal.signal(signal.SIGINT, before)
        theirs.close()
        return _Worker(process, ours)


def serve(settings: Settings, started: Callable[[int, int], None]) -> None:
    """Runs the service until a signal ends it.

    ``started`` is called once when it is ready, with the ports of the proxy and of the admin
    listener.

    Raises:
        StartError, SettingsError, PolicyError, StoreError: it cannot start; the message says what
            and where.
    """
    # A worker that is started anew decides as its siblings do, whatever became of the files.
    policy = merge(settings.policy)
    compile_policy(policy)
    if settings.audit:
        Database(settings.audit).prepare()
    folder = Path(tempfile.mkdtemp(prefix="glassgate-"))
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    try:
        asyncio.run(_serve(settings, policy, started))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _serve(settings: Settings, policy: Resolved, started: Callable[[int, int], None]) -> None:
    listener = _bind(settings.host, settings.port)
    operator = _bind(settings.admin_host, settings.admin_port, "admin-")
    servers: list[_Quiet] = []
    upstream_url = settings.upstream
    if upstream_url == SANDBOX:
        model = _bind("127.0.0.1", 0)
        upstream_url = f"http://127.0.0.1:{model.getsockname()[1]}"
        servers.append(_listen(sandbox(), model))
    supervisor = Supervisor(settings, policy, upstream_url, listener)
    try:
        servers.append(_listen(admin(supervisor), operator))
        await _watch(supervisor, lambda: started(_port(listener), _port(operator)))
    finally:
        await asyncio.to_thread(supervisor.stop)
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*(server.task for server in servers))


async def _watch(supervisor: Supervisor, ready: Callable[[], None]) -> None:
    """Looks after the workers until a signal comes."""
    stopped = asyncio.Event()
    for kind in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(kind, stopped.set)
    told = False
    while not stopped.is_set():
        supervisor.look()
        if not told and all(worker.ready for worker in supervisor.workers()):
            told = True
            ready()
        with suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), LOOK_S)


def _listen(app: FastAPI, listener: socket.socket) -> _Quiet:
    """Serves a light app beside the supervisor."""
    config = uvicorn.Config(app, log_config=None, access_log=False, server_header=False, ws="none")
    server = _Quiet(config)
    server.task = asyncio.create_task(server.serve(sockets=[listener]))
    return server


class _Quiet(uvicorn.Server):
    """A server that leaves the signals to the supervisor."""

    task: asyncio.Task[None]

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: the supervisor has its own."""
        yield


def _bind(host: str, port: int, kind: str = "") -> socket.socket:
    """A listening socket; ``kind`` is what its flags begin with.

    Raises:
        SettingsError: the address is taken, or is none.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"{host}:{port} cannot be listened on ({error.strerror}); "
            f"choose another --{kind}port or --{kind}host"
        ) from None
    listener.setblocking(False)
    listener.set_inheritable(True)
    return listener


def _port(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


def _hear(worker: _Worker) -> None:
    with suppress(EOFError, OSError):
        if worker.pipe.poll():
            worker.report = worker.pipe.recv()


def _state(index: int, worker: _Worker) -> WorkerState:
    report = worker.report or Report()
    alive = worker.process.is_alive()
    return WorkerState(
        index=index,
        pid=worker.process.pid if alive else None,
        ready=alive and worker.report is not None and not report.error,
        policy=report.policy,
        models=report.models,
        error=report.error or ("" if alive else "the worker ended and is started anew"),
    )
