from __future__ import annotations

from collections.abc import Sequence

import pytest

from benchmarks.speaking import PER_TOKEN
from benchmarks.streams import Heard, Plan, Row, lags, main, missed

PLAN = Plan(tokens=1000, rate=50.0, streams=(1, 50), modes=("hold",))
RIGHT = Heard(first=0.02, last=20.0, characters=4000)
HELD = Heard(first=1.05, last=20.4, characters=4000, behind=(1.1, 1.2))


def rows(held: Heard = HELD, among_fifty: Heard = HELD) -> list[Row]:
    """What was measured of the direct way and of ``hold``."""
    measured = {("direct", 1): [RIGHT], ("direct", 50): [RIGHT] * 50, ("hold", 1): [held]}
    measured["hold", 50] = [*[HELD] * 49, among_fifty]
    return [
        Row(way=way, streams=streams, heard=heard, cpu=None)
        for (way, streams), heard in measured.items()
    ]


def test_what_reaches_the_aims_misses_none() -> None:
    assert list(missed(rows(), PLAN, 0.06)) == []


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        (rows(Heard(first=1.05, last=21.1, characters=4000)), "adds 5.5 % to the time in all"),
        (rows(Heard(first=1.3, last=20.4, characters=4000)), "comes after 1.28 s: 1.00 and 0.06"),
        (
            rows(among_fifty=Heard(first=1, last=21, characters=4000, behind=(1.0, 2.5))),
            "of 50 streams at once one falls behind by 1.50 s",
        ),
        (rows(Heard(first=1.05, last=20.4, characters=3996)), "did not come whole"),
    ],
    ids=["too slow", "too late", "falls behind", "not whole"],
)
def test_each_aim_that_is_missed_is_said(measured: Sequence[Row], said: str) -> None:
    (told,) = missed(measured, PLAN, 0.06)
    assert said in told


def test_without_hold_there_is_only_one_aim() -> None:
    plan = Plan(tokens=1000, rate=50.0, streams=(1,), modes=("buffer",))
    assert list(missed(rows(), plan, 0.0)) == []


def test_text_is_late_by_what_passed_since_it_was_said() -> None:
    """In each half, but for the last window."""
    late = {0: 0.5, 400: 0.7, 600: 0.4, 990: 9.0}
    came = [
        ((number + 1) * PER_TOKEN, number / 50 + late[max(at for at in late if at <= number)])
        for number in range(1000)
    ]
    assert lags(came, 50.0) == pytest.approx((0.7, 0.7))
    assert lags(came[:20], 50.0) == pytest.approx((0.5, 0.5))


@pytest.mark.timeout(600)
def test_a_short_run_fills_a_row_for_each_way(capsys: pytest.CaptureFixture[str]) -> None:
    """Whether the aims are reached is not asked here, with answers this short."""
    flags = ["--tokens", "120", "--rate", "400", "--streams", "1", "2", "--modes", "hold"]
    status = main(flags)
    shown = capsys.readouterr()
    table, judged = shown.out.split("\n\n")
    assert [row.split(" | ")[:2] for row in table.splitlines()[2:]] == [
        [f"| {way}", streams]
        for way in ("direct", "passed through", "hold")
        for streams in ("1", "2")
    ]
    assert judged.startswith("One judgement of a window: ")
    assert "whole" not in shown.err
    assert status == (1 if shown.err else 0)
