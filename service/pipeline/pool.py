"""Worker threads for inspection, behind a bounded queue: the event loop never computes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from service.errors import Overloaded
from service.telemetry import metrics

# A thread is asked to end at its deadline; it is given this much longer to do so.
GRACE_S: Final = 5.0

T = TypeVar("T")


class InspectionPool:
    """``threads`` inspections at once, and at most ``queue`` that wait for one."""

    def __init__(self, threads: int, queue: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="inspect")
        self._limit = threads + queue
        self._depth = 0
        metrics.queue_limit(self._limit)

    async def run(self, work: Callable[[], T], timeout_s: float, *, admitted: bool = False) -> T:
        """The result of ``work``, done in a thread.

        The answer to a request that was let in is ``admitted``: it finds a place in any case.

        Raises:
            Overloaded: the queue is full, or the work is not done in time. A thread cannot be
                stopped; it keeps its place in the queue until it ends.
        """
        if self._depth >= self._limit and not admitted:
            raise Overloaded("too many requests wait for inspection; try again shortly")
        self._change(+1)
        future = asyncio.get_running_loop().run_in_executor(self._executor, work)
        future.add_done_callback(lambda _: self._change(-1))
        try:
            return await asyncio.wait_for(asyncio.shield(future), timeout_s)
        except TimeoutError:
            raise Overloaded("the inspection did not end in time; try again shortly") from None

    def close(self) -> None:
        """Lets what has begun end; nothing new begins."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _change(self, step: int) -> None:
        self._depth += step
        metrics.queue_depth(self._depth)
