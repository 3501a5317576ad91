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
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn
from cryptography.fernet import Fernet
from fastapi import FastAPI
from pydantic import SecretStr

from service.admin.app import admin
from service.crew import StartError, Supervisor
from service.neighbours.ext_proc import extra
from service.pipeline import spool
from service.reload import LOOK_S as FILES_LOOK_S
from service.reload import Reload
from service.sandbox.app import sandbox
from service.settings import SANDBOX, Settings, SettingsError
from service.store.capture import vault
from service.store.database import Database
from service.store.files import Files

__all__ = ["Ports", "StartError", "serve"]

LOOK_S: Final = 0.1  # between two looks at the workers
SWEEP_S: Final = 60.0  # between two looks for uploads that were not finished in time
BACKLOG: Final = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where the service listens; ``ext_proc`` is None where Envoy is not answered."""

    proxy: int
    admin: int
    ext_proc: int | None = None


def serve(settings: Settings, started: Callable[[Ports], None]) -> None:
    """Runs the service until a signal ends it.

    ``started`` is called once when it is ready.

    Raises:
        StartError, SettingsError, PolicyError, StoreError: it cannot start; the message says what
            and where.
    """
    if settings.ext_proc_port is not None:
        extra.need()
    # A worker that is started anew decides as its siblings do, whatever became of the files.
    key = vault(settings.audit_key.get_secret_value(), settings.audit_key_file)
    keeps = bool(settings.audit) and key is not None
    policy = Reload(settings.policy, keeps=keeps, budget_s=settings.cases_budget_s)
    if settings.audit:
        Database(settings.audit).prepare()
    spool.clear_left()
    folder = Path(tempfile.mkdtemp(prefix=spool.OWN))
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    files = settings.files or folder / "uploads"
    pieces = settings.upload_folder or folder / spool.PIECES
    own: dict[str, object] = {"files": files, "upload_folder": pieces}
    if not settings.upload_key.get_secret_value():
        own["upload_key"] = SecretStr(Fernet.generate_key().decode())
    settings = settings.model_copy(update=own)
    try:
        Files(files)
        with spool.in_use(pieces):
            asyncio.run(_serve(settings, policy, started))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _serve(settings: Settings, policy: Reload, started: Callable[[Ports], None]) -> None:
    listener = _bind(settings.host, settings.port)
    operator = _bind(settings.admin_host, settings.admin_port, "admin-")
    envoys = None
    if settings.ext_proc_port is not None:
        envoys = _share(settings.host, settings.ext_proc_port)
        settings = settings.model_copy(update={"ext_proc_port": _port(envoys)})
    ports = Ports(proxy=_port(listener), admin=_port(operator), ext_proc=settings.ext_proc_port)
    servers: list[_Quiet] = []
    upstream_url = settings.upstream
    if upstream_url == SANDBOX:
        model = _bind("127.0.0.1", 0)
        upstream_url = f"http://127.0.0.1:{model.getsockname()[1]}"
        servers.append(_listen(sandbox(), model))
    ruling = policy.ruling()
    supervisor = Supervisor(settings, ruling, upstream_url, listener)
    policy.lead(supervisor)
    ending = threading.Event()
    watching: asyncio.Task[None] | None = None
    sweeping = asyncio.create_task(_sweep(settings))
    try:
        servers.append(_listen(admin(supervisor, policy), operator))
        watching = asyncio.create_task(_watch_files(policy, ending))
        await _watch(supervisor, lambda: started(ports))
    finally:
        ending.set()
        sweeping.cancel()
        await asyncio.to_thread(supervisor.stop)  # what an edit waits for is not waited for
        if watching is not None:
            await watching
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*(server.task for server in servers))
        if envoys is not None:
            envoys.close()


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


async def _watch_files(policy: Reload, ending: threading.Event) -> None:
    """Takes over edits of the policy; on SIGHUP whether there were any or not."""
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, asked.set)
    while not ending.is_set():
        if asked.is_set():
            asked.clear()
            await asyncio.to_thread(policy.reload)
        else:
            await asyncio.to_thread(policy.look, ending)
        with suppress(TimeoutError):
            await asyncio.wait_for(asked.wait(), FILES_LOOK_S)


async def _sweep(settings: Settings) -> None:
    """Deletes, again and again, what was kept of uploads that were not finished in time."""
    kept = spool.Spool(settings.upload_folder or spool.NOWHERE, settings.body_limit)
    while True:
        await asyncio.to_thread(kept.sweep)
        await asyncio.sleep(SWEEP_S)


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


def _share(host: str, port: int) -> socket.socket:
    """A socket that holds a port for the workers, each of which listens there with SO_REUSEPORT.

    It never listens itself. Raises as ``_bind`` does.
    """
    free = _bind(host, port, "ext-proc-")  # to share a port with a stranger would be no error
    with free:
        address = free.getsockname()
    held = socket.socket(free.family, socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind(address)
    return held


def _port(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port
