"""The circuit breaker, by played scripts."""

from __future__ import annotations

import pytest

from detectors.checks.breaker import Breaker, Unavailable
from tests.detectors.checks.clock import Clock


def test_the_breaker_by_a_script() -> None:
    clock = Clock()
    breaker = Breaker(failures=2, rest_s=10, clock=clock)

    def plays(fault: BaseException | None) -> str:
        try:
            with breaker.calling():
                if fault is not None:
                    raise fault
        except Unavailable as error:
            return "open" if str(error).startswith("not asked") else "failed"
        except ValueError:
            return "other"
        return "passed"

    down, other = Unavailable("down"), ValueError("of the text")
    script: list[tuple[float, BaseException | None, str]] = [
        (0, down, "failed"),
        (0, None, "passed"),  # one success starts the count anew
        (0, down, "failed"),
        (0, other, "other"),  # what a text brings about does not count
        (0, down, "failed"),  # the second in a row: open
        (0, None, "open"),
        (9.9, None, "open"),
        (0.1, down, "failed"),  # the trial fails: open again
        (9.9, None, "open"),
        (0.1, other, "other"),  # a trial that says nothing of the server leaves room for another
        (0, None, "passed"),  # closed
        (0, down, "failed"),
        (0, None, "passed"),
    ]
    for step, (passes, fault, expected) in enumerate(script):
        clock.now += passes
        assert plays(fault) == expected, step


def test_one_call_tries_an_open_breaker() -> None:
    clock = Clock()
    breaker = Breaker(failures=1, rest_s=10, clock=clock)
    with pytest.raises(Unavailable), breaker.calling():
        raise Unavailable("down")
    clock.now += 10
    with (
        breaker.calling(),  # the trial is under way
        pytest.raises(Unavailable, match="not asked"),
        breaker.calling(),
    ):
        pass
    with breaker.calling():
        pass


def test_a_late_failure_does_not_open_it_for_longer() -> None:
    clock = Clock()
    breaker = Breaker(failures=1, rest_s=10, clock=clock)

    def begins_before_it_opens() -> None:
        with breaker.calling():
            with pytest.raises(Unavailable), breaker.calling():
                raise Unavailable("down")
            clock.now += 9
            raise Unavailable("down")

    with pytest.raises(Unavailable):
        begins_before_it_opens()
    clock.now += 1
    with breaker.calling():
        pass
