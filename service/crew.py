"""The workers of one service: kept running, and of one mind about the policy."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, Pipe
from multiprocessing.context import SpawnProcess
from typing import Final

from prometheus_client import multiprocess

from service.admin.app import WorkerState
from service.app import DRAIN_S
from service.policy.case_file import Case
from service.policy.model import Decision
from service.policy.vetting import NotAsked
from service.reload import NotTaken
from service.settings import Settings
from service.worker import Answer, Question, Ready, Report, Ruling, Switch, work

RESTART_S: Final = 1.0  # before a worker that ended is started anew
TAKE_S: Final = 10.0  # a worker that takes no ruling within this time is ended and started anew


class StartError(Exception):
    """A worker cannot start; the message is its own."""


@dataclass(slots=True)
class _Worker:
    """A worker process and the supervisor's end of its pipe.

    ``told`` is the number of the ruling that it was sent last, ``ready`` what it said to that, and
    ``answer`` what it said to the last question.
    """

    process: SpawnProcess
    pipe: Connection
    told: int
    ready: Ready | None = None
    answer: Answer | None = None
    report: Report | None = None
    ended: float = 0.0

    @property
    def ruling(self) -> int:
        """The number of that by which it decides; 0 until it serves."""
        return self.report.ruling if self.report is not None else 0

    def tell(self, *orders: Ruling | Switch | Question) -> None:
        """Sends them in a thread: a worker that does not read may stop nobody but itself."""
        threading.Thread(target=_send, args=(self.pipe, orders), daemon=True).start()

    def hear(self) -> None:
        with suppress(EOFError, OSError):
            while self.pipe.poll():
                said = self.pipe.recv()
                if isinstance(said, Ready):
                    self.ready = said
                elif isinstance(said, Answer):
                    self.answer = said
                else:
                    self.report = said


class Supervisor:
    """The workers of one service. A ``Fleet`` for the admin listener, a ``Crew`` for reloads."""

    def __init__(
        self, settings: Settings, ruling: Ruling, upstream_url: str, listener: socket.socket
    ) -> None:
        self._start = (settings, upstream_url, listener)
        self._ruling = ruling
        self._questions = 0
        self._stopping = False
        self._hearing = threading.Lock()
        self._crew = [self._spawn() for _ in range(settings.workers)]

    def workers(self) -> Sequence[WorkerState]:
        """How each worker is, in order."""
        return [_state(index, worker) for index, worker in enumerate(self._crew)]

    def look(self) -> None:
        """Hears what the workers report, and starts anew those that ended.

        Raises:
            StartError: a worker cannot start.
        """
        self._hear()
        for index, worker in enumerate(self._crew):
            if worker.report is not None and worker.report.error:
                raise StartError(worker.report.error)
            if worker.process.is_alive():
                self._catch_up(worker)
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
        """Ends the workers: asked first, then killed when what they drain takes too long.

        From now on nothing is asked of them: whoever waits for it is told so.
        """
        self._stopping = True
        for worker in self._crew:
            worker.process.terminate()
        deadline = time.monotonic() + DRAIN_S + 2
        for worker in self._crew:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()

    def detectors(self) -> Collection[str] | None:
        """The names of the workers' detectors, once one has said."""
        return next((each.report.models for each in self._crew if each.report is not None), None)

    def rule(self, ruling: Ruling) -> None:
        """Has all workers decide by this, or none: first each makes it ready, then all switch.

        Blocks until they did. One ruling at a time.

        Raises:
            NotTaken: a worker cannot decide by it.
        """
        crew = [worker for worker in self._crew if worker.report is not None]
        for worker in crew:
            worker.told, worker.ready = ruling.number, None
            worker.tell(ruling)
        self._wait(crew, lambda worker: worker.ready is not None)
        wrong = [worker.ready.error for worker in crew if worker.ready and worker.ready.error]
        if wrong:
            raise NotTaken(wrong[0])
        self._ruling = ruling
        for worker in crew:
            worker.tell(Switch(ruling.number))
        self._wait(crew, lambda worker: worker.ruling == ruling.number)

    def ask(self, policy: str, case: Case, within_s: float) -> Decision:
        """Has one worker inspect a case's request, and decide it by a policy not yet in force.

        Blocks until it did; first until a worker serves, where none does. One case at a time.

        Raises:
            NotAsked: it cannot be asked; the message says why.
            TimeoutError: there is no answer in time.
        """
        end = time.monotonic() + within_s
        worker = self._serving(end)
        self._questions += 1
        worker.tell(Question(self._questions, policy, case, within_s))
        while (answer := worker.answer) is None or answer.question != self._questions:
            if not worker.process.is_alive():
                raise NotAsked("the worker that inspected it ended")
            self._pause(end)
        if answer.decision is None:
            raise NotAsked(answer.error)
        return answer.decision

    def _serving(self, end: float) -> _Worker:
        """The first worker that serves. Raises as ``ask`` does."""
        while True:
            for worker in self._crew:
                if worker.report is not None and worker.process.is_alive():
                    return worker
            self._pause(end)

    def _pause(self, end: float) -> None:
        """Between two looks at what the workers said. Raises as ``ask`` does."""
        if self._stopping:
            raise NotAsked("the service is being stopped")
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.005)
        self._hear()

    def _wait(self, crew: Sequence[_Worker], done: Callable[[_Worker], bool]) -> None:
        """Until it is so of every worker that lives; one that takes too long is ended."""
        deadline = time.monotonic() + TAKE_S
        while late := [each for each in crew if not done(each) and each.process.is_alive()]:
            if time.monotonic() > deadline:
                for worker in late:
                    worker.process.kill()
            time.sleep(0.005)
            self._hear()

    def _catch_up(self, worker: _Worker) -> None:
        """Tells a worker that began under an earlier ruling of the one in force."""
        number = self._ruling.number
        if worker.report is not None and worker.told != number != worker.ruling:
            worker.told = number
            worker.tell(self._ruling, Switch(number))

    def _hear(self) -> None:
        with self._hearing:
            for worker in self._crew:
                worker.hear()

    def _spawn(self) -> _Worker:
        ours, theirs = Pipe(duplex=True)
        ruling, (settings, *rest) = self._ruling, self._start
        work_args = (settings, ruling, *rest, theirs)
        process = get_context("spawn").Process(target=work, args=work_args)
        # A terminal's Ctrl-C reaches the workers too, but is the supervisor's to answer.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        process.start()
        signal.signal(signal.SIGINT, before)
        theirs.close()
        return _Worker(process, ours, told=ruling.number)


def _send(pipe: Connection, orders: Sequence[Ruling | Switch | Question]) -> None:
    with suppress(OSError):
        for order in orders:
            pipe.send(order)


def _state(index: int, worker: _Worker) -> WorkerState:
    report = worker.report or Report()
    alive = worker.process.is_alive()
    return WorkerState(
        index=index,
        pid=worker.process.pid if alive else None,
        ready=alive and worker.report is not None and not report.error,
        policy=report.policy,
        trial=report.trial,
        models=report.models,
        error=report.error or ("" if alive else "the worker ended and is started anew"),
    )
