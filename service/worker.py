"""One worker process: loads the models, serves the proxy on the shared socket, says how it is."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.connection import Connection
from typing import Final

import uvicorn
from fastapi import FastAPI

from detectors.contract.detector import DetectorError
from service.app import DRAIN_S, end_ext_proc, examiner, proxy, switch
from service.errors import Overloaded
from service.pipeline.examine import Examiner
from service.pipeline.in_force import InForce
from service.policy.case_file import Case
from service.policy.compile import compile_policy
from service.policy.document import PolicyError
from service.policy.model import Decision
from service.policy.resolve import Resolved
from service.rehearsal.asking import Asker
from service.settings import Settings
from service.telemetry import lines

FULL_S: Final = 0.1  # before a queue that was full is tried again


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a worker tells the supervisor: that it serves, or why it cannot.

    ``ruling`` is the number of the one by which it decides, ``policy`` and ``trial`` are hashes.
    """

    ruling: int = 0
    policy: str = ""
    trial: str = ""
    models: dict[str, str] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """By which policies is to be decided; each is a resolved one as JSON.

    ``trial`` decides the ``share`` of the requests, if there is one, and ``policy`` the others. A
    worker that is sent one makes it ready, and says so; it decides by it once told to ``Switch``.
    """

    number: int
    policy: str
    trial: str = ""
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker could decide by the ruling with this number; or cannot, and why."""

    ruling: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class Switch:
    """Decide by the ruling with this number from now on."""

    ruling: int


@dataclass(frozen=True, slots=True)
class Question:
    """What is decided of the case's request by this policy, a resolved one as JSON?

    Asked of one worker before the policy is in force; nobody waits longer than ``within_s``.
    """

    number: int
    policy: str
    case: Case
    within_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker decided of the question with this number; or could not, and why."""

    question: int
    decision: Decision | None = None
    error: str = ""


def work(
    settings: Settings,
    ruling: Ruling,
    upstream_url: str,
    listener: socket.socket,
    tell: Connection,
) -> None:
    """Serves until the supervisor says stop or is gone. Runs as a process of its own."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a terminal's; the supervisor reads the policy
    lines.configure(settings.log_level)
    _keep_memory()
    obedience = _Obedience(tell)
    threading.Thread(target=obedience.run, daemon=True).start()
    try:
        examining = examiner(settings, Resolved.model_validate_json(ruling.policy))
        in_force = _in_force(ruling, examining)
    except (DetectorError, PolicyError) as error:
        tell.send(Report(error=str(error)))
        return
    except Exception as error:  # noqa: BLE001 - the supervisor must learn of whatever it was
        tell.send(Report(error=f"{type(error).__name__}: {error}"))
        return
    app = proxy(settings, examining, upstream_url)
    switch(app, in_force)
    config = uvicorn.Config(
        _telling(app, partial(obedience.begin, app, ruling)),
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=int(DRAIN_S),
        ws="none",
        h11_max_incomplete_event_size=64 * 1024,
    )
    with suppress(KeyboardInterrupt):  # uvicorn raises it again once it has drained
        _Server(config, app).run(sockets=[listener])


class _Server(uvicorn.Server):
    """A server at whose end no call is taken any more, over HTTP or from Envoy."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        async with asyncio.TaskGroup() as ending:
            ending.create_task(end_ext_proc(self._app))
            await super().shutdown(sockets)


def _keep_memory() -> None:
    """Lets glibc keep what inference frees: else each picture's pages are faulted in anew."""
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        for option, value in ((-8, 1), (-1, 128 << 20), (-3, 32 << 20)):
            mallopt(option, value)  # malloc.h: M_ARENA_MAX, M_TRIM_THRESHOLD, M_MMAP_THRESHOLD


def _telling(app: FastAPI, tell: Callable[[], None]) -> FastAPI:
    """The app that reports when it is up."""
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(served: FastAPI) -> AsyncIterator[None]:
        async with inner(served):
            tell()
            yield

    app.router.lifespan_context = lifespan
    return app


def _in_force(ruling: Ruling, examining: Examiner) -> InForce:
    """What the ruling asks for, where this examines by its policy. Raises ``PolicyError``."""
    trial = _by(ruling.trial, examining) if ruling.trial else None
    return InForce(examiner=examining, trial=trial, share=ruling.share)


def _by(policy: str, examining: Examiner) -> Examiner:
    """The same examiner with this policy."""
    resolved = Resolved.model_validate_json(policy)
    return replace(examining, policy=compile_policy(resolved, examining.inspector.versions()))


class _Obedience:
    """Does what the supervisor says, in a thread of its own.

    Nobody would stop an orphan: it stops itself when the supervisor's end of the pipe closes.
    """

    def __init__(self, supervisor: Connection) -> None:
        self._supervisor = supervisor
        self._telling = threading.Lock()
        self._serving = threading.Event()
        self._next: tuple[Ruling, InForce] | None = None
        self._asked: tuple[str, Asker] | None = None

    def begin(self, app: FastAPI, ruling: Ruling) -> None:
        """Reports that the app serves; from now on it can be told to switch."""
        self._app = app
        self._loop = asyncio.get_running_loop()
        self._report(ruling)
        self._serving.set()

    def run(self) -> None:
        try:
            while True:
                order = self._supervisor.recv()
                self._serving.wait()
                if isinstance(order, Ruling):
                    self._tell(self._prepare(order))
                elif isinstance(order, Question):
                    asyncio.run_coroutine_threadsafe(self._answer(order), self._loop)
                elif self._next is not None and order == Switch(self._next[0].number):
                    switch(self._app, self._next[1])
                    self._report(self._next[0])
        except (EOFError, OSError):
            os.kill(os.getpid(), signal.SIGTERM)

    def _prepare(self, ruling: Ruling) -> Ready:
        examining = self._app.state.gate.in_force.examiner
        try:
            self._next = ruling, _in_force(ruling, _by(ruling.policy, examining))
        except Exception as error:  # noqa: BLE001 - the supervisor must learn of whatever it was
            self._next = None
            return Ready(ruling.number, str(error) or type(error).__name__)
        return Ready(ruling.number)

    async def _answer(self, question: Question) -> None:
        """Answers in the order in which requests are inspected, and waits while too many are."""
        end = self._loop.time() + question.within_s
        while (left_s := end - self._loop.time()) > 0:
            try:
                await self._app.state.pool.run(partial(self._decide, question), left_s)
            except Overloaded:
                await asyncio.sleep(FULL_S)
            else:
                return

    def _decide(self, question: Question) -> None:
        try:
            if self._asked is None or self._asked[0] != question.policy:
                examining = self._app.state.gate.in_force.examiner
                self._asked = question.policy, Asker(_by(question.policy, examining))
            asker = self._asked[1]
            answer = Answer(question.number, asker.ask(question.case, asker.examiner.policy))
        except Exception as error:  # noqa: BLE001 - the supervisor must learn of whatever it was
            answer = Answer(question.number, error=str(error) or type(error).__name__)
        self._tell(answer)

    def _tell(self, said: Report | Ready | Answer) -> None:
        with self._telling:
            self._supervisor.send(said)

    def _report(self, ruling: Ruling) -> None:
        in_force: InForce = self._app.state.gate.in_force
        self._tell(
            Report(
                ruling=ruling.number,
                policy=in_force.examiner.policy.hash,
                trial=in_force.trial.policy.hash if in_force.trial is not None else "",
                models=in_force.examiner.inspector.versions(),
            )
        )
