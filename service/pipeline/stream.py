"""Guards a streamed answer: what leaves was judged, and an offence ends it in the dialect's way.

What is held back, and how long, is decided in ``held``. Here is what takes time: reading the
answer, judging it in the worker pool, waiting.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import structlog

from detectors.contract.exchange import Stage
from detectors.contract.finding import Inspection
from service.errors import ContentFiltered, GlassgateError, RequestError, UpstreamMalformed
from service.pipeline import examine
from service.pipeline.examine import Examiner
from service.pipeline.held import Held, Share
from service.pipeline.pool import GRACE_S, InspectionPool
from service.pipeline.trace import Trace
from service.policy.model import Action, Decision, Refusal
from service.providers import sse, strict_json
from service.providers.base import Provider
from service.providers.sse import Event
from service.upstream import Answer

AHEAD: Final = 16
"""Pieces of an answer that are read before they are looked at; each has 64 KiB at most."""

AHEAD_S: Final = GRACE_S / 2
"""Seconds after which no text is scored ahead: a share's work ends ``GRACE_S`` late at most."""

_log = structlog.get_logger("glassgate")


class Offence(Exception):
    """The answer may not be shown, or not be shown further; ``decision`` says why."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision.message)
        self.decision = decision


class Guard:
    """One streamed answer. What comes in (bytes, verdicts, the end) is done one step at a time."""

    def __init__(
        self,
        answer: Answer,
        provider: Provider,
        examiner: Examiner,
        pool: InspectionPool,
        trace: Trace,
    ) -> None:
        self._answer = answer
        self._provider = provider
        self._examiner = examiner
        self._pool = pool
        self._trace = trace
        self._held = Held(provider, examiner.policy.written.streaming)
        self._decoder = sse.Decoder()
        self._inbox: asyncio.Queue[Callable[[], None]] = asyncio.Queue(AHEAD)
        self._judging: asyncio.Task[None] | None = None
        self._asked = time.perf_counter()
        self._over = False
        self._error: GlassgateError | None = None

    async def run(self) -> AsyncGenerator[bytes, None]:
        """The stream for the client. Its first item is empty, and says that the answer begins.

        What stands against the answer before that is raised; later it is said in the stream. Once
        it has begun, the call is remembered when the stream ends or is closed.

        Raises:
            Offence: nothing of the answer may be shown.
            GlassgateError: it did not come, could not be read, or not be judged.
        """
        reader = asyncio.create_task(self._read())
        begun = False
        try:
            while events := await self._next():
                if not begun:
                    begun = True
                    yield b""
                yield sse.encode(events)
        except Exception as error:
            if not begun:
                raise
            yield sse.encode(self._last_words(error))
        finally:
            reader.cancel()
            if self._judging is not None:
                self._judging.cancel()
            if not self._over:
                self._end(None)
            if begun:
                self._trace.remember()

    async def _next(self) -> list[Event]:
        """The next events that may leave; none when all have left."""
        while True:
            now = time.monotonic()
            if events := self._held.release(now):
                return events
            if self._error is not None and (self._held.passed or not self._held.sent):
                raise self._error
            if self._held.passed:
                return []
            if self._judging is None and (self._over or self._held.due(now)):
                self._judging = asyncio.create_task(self._judge(self._share(now)))
            await self._step(now)

    async def _step(self, now: float) -> None:
        """Does what came in next, unless it is time to look again before something comes."""
        wake = self._held.wake(now)
        try:
            async with asyncio.timeout(None if wake is None else wake - now):
                step = await self._inbox.get()
        except TimeoutError:
            return
        step()

    async def _read(self) -> None:
        """Brings in the answer.

        It reads on after the answer's end, so that the connection can be used again.
        """
        try:
            async for chunk in self._answer.chunks():
                await self._inbox.put(partial(self._came, chunk))
            await self._inbox.put(partial(self._ended, None))
        except GlassgateError as error:
            await self._inbox.put(partial(self._ended, error))
        except Exception as error:  # noqa: BLE001 - it is raised where the stream is made
            await self._inbox.put(partial(_fail, error))
        finally:
            await self._answer.close()

    def _came(self, chunk: bytes) -> None:
        if self._over:
            return
        try:
            self._add(self._decoder.feed(chunk))
        except GlassgateError as error:
            self._end(error)

    def _ended(self, error: GlassgateError | None) -> None:
        if self._over:
            return
        try:
            self._add(self._decoder.end())
        except GlassgateError as malformed:
            error = error or malformed
        if error is None and not self._held.may_end:
            error = UpstreamMalformed("the model's stream broke off before its end")
        if not self._over:
            self._end(error)

    def _add(self, events: Iterable[Event]) -> None:
        for event in events:
            try:
                self._held.add(event, time.monotonic())
            except RequestError as error:
                raise examine.unreadable(error) from None
            if self._held.done:
                self._end(None)
                return

    def _end(self, error: GlassgateError | None) -> None:
        self._over, self._error = True, error
        self._trace.spent("send", (time.perf_counter() - self._asked) * 1000)

    def _share(self, now: float) -> Share:
        if not self._over:
            return self._held.share(now)
        try:
            return self._held.whole()
        except RequestError as error:
            raise examine.unreadable(error) from None

    async def _judge(self, share: Share) -> None:
        """Judges in a worker thread; the outcome comes in like all else."""
        share = replace(share, exchange=self._trace.answering(share.exchange))
        events = self._held.unsent if share.whole else None
        work = partial(self._work, share, events)
        try:
            with self._trace.timed("guard"):
                found = await self._pool.run(
                    work, self._examiner.timeout_s + GRACE_S, admitted=True
                )
        except Exception as error:  # noqa: BLE001 - it is raised where the stream is made
            await self._inbox.put(partial(_fail, error))
        else:
            await self._inbox.put(partial(self._judged, share, *found))

    def _work(
        self, share: Share, events: Sequence[Event] | None
    ) -> tuple[Inspection, Decision, Sequence[Event] | None]:
        """What is found in a share; with the events of a whole answer, what is to be sent."""
        about = (self._examiner, self._trace)
        if events is None:
            inspection, decision = examine.judge(share.exchange, *about)
            if share.ahead is not None and decision.action is not Action.REFUSE:
                self._examiner.inspector.ahead(share.ahead, AHEAD_S)
        else:
            inspection, decision, events = examine.streamed(
                share.exchange, events, self._provider, *about
            )
        if share.whole and self._error is None and self._trace.turn is not None:
            self._trace.turn.answered(self._held.answer, share.exchange, inspection, decision)
        return inspection, decision, events

    def _judged(
        self,
        share: Share,
        inspection: Inspection,
        decision: Decision,
        events: Sequence[Event] | None,
    ) -> None:
        self._judging = None
        offends = decision.action is Action.REFUSE
        self._trace.inspection(inspection, again=not (share.whole or offends))
        self._trace.decided(decision, Stage.RESPONSE)
        if share.whole or offends:
            written = self._examiner.policy.written
            said = partial(strict_json.dump, self._held.answer)
            self._trace.keep(share.exchange, inspection, decision, written, said)
        if offends:
            raise Offence(decision)
        if events is not None and decision.action is Action.REWRITE:
            self._held.put(events, time.monotonic())
        self._held.judged(share)

    def _last_words(self, error: Exception) -> Sequence[Event]:
        """What ends a stream that has begun."""
        if isinstance(error, Offence) and error.decision.refusal is Refusal.REFUSAL:
            sent = self._provider.assembly()
            for event in self._held.sent:
                sent.add(event)
            return self._provider.ending(sent, error.decision.message)
        if isinstance(error, Offence):
            return self._provider.failure(ContentFiltered(error.decision.message))
        if not isinstance(error, GlassgateError):
            _log.error("internal error", id=self._trace.id, exc_info=error)
            error = GlassgateError("the gate met an error of its own")
        self._trace.broke(error)
        return self._provider.failure(error)


def _fail(error: Exception) -> None:
    raise error
