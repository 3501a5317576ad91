"""A circuit breaker: a server that fails is left alone for a while, then tried once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from detectors.contract.detector import DetectorError


class Unavailable(DetectorError):
    """The server behind a check is at fault: not there, late, or not speaking as it should."""


class Breaker:
    """Opens after ``failures`` in a row; after ``rest_s`` seconds one call may try. Thread-safe.

    Only ``Unavailable`` counts as a failure. What a text can bring about must be raised as
    something else: or whoever writes the text could switch the check off.
    """

    def __init__(
        self, failures: int, rest_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = failures
        self._rest_s = rest_s
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._opened: float | None = None
        self._trying = False

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Around a call. Raises ``Unavailable`` without a call while the breaker is open."""
        trial = self._admit()
        try:
            yield
        except Unavailable:
            self._failed(trial=trial)
            raise
        except BaseException:
            self._left(trial=trial)
            raise
        self._succeeded()

    def _admit(self) -> bool:
        """Whether this call is the trial of an open breaker."""
        with self._lock:
            if self._opened is None:
                return False
            if self._trying or self._clock() - self._opened < self._rest_s:
                raise Unavailable(f"not asked: it failed {self._failures} times in a row")
            self._trying = True
            return True

    def _failed(self, *, trial: bool) -> None:
        with self._lock:
            self._failures += 1
            self._trying = self._trying and not trial
            if trial or (self._opened is None and self._failures >= self._most):
                self._opened = self._clock()

    def _left(self, *, trial: bool) -> None:
        """A call that says nothing of the server: broken off here, or refused for its text."""
        with self._lock:
            self._trying = self._trying and not trial

    def _succeeded(self) -> None:
        with self._lock:
            self._failures, self._opened, self._trying = 0, None, False
