from __future__ import annotations

import pytest

from benchmarks.attacks import CLASSES
from benchmarks.reading import Tally, main, missed

NINE, ALL = Tally(seen=10, found=9), Tally(seen=100, found=100)


@pytest.mark.parametrize(
    ("attacked", "harmless", "said"),
    [
        ({"a": ALL, "b": NINE}, {"x": Tally(seen=4, found=1)}, []),
        ({"a": ALL, "b": Tally(seen=10, found=8)}, {}, ["b: 8 of 10 found"]),
        ({"a": NINE}, {}, ["all: 9 of 10 found"]),
        ({"a": ALL}, {"x": Tally(seen=4, found=2)}, ["other looks fire on 2 of 4"]),
        ({}, {"x": Tally(seen=4)}, []),
    ],
)
def test_each_aim_that_is_missed_is_said(
    attacked: dict[str, Tally], harmless: dict[str, Tally], said: list[str]
) -> None:
    told = list(missed(attacked, harmless))
    assert [each.partition(",")[0].partition(" harm")[0] for each in told] == said


@pytest.mark.timeout(600)
def test_a_short_run_has_a_row_for_each_class(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three classes, to be short."""
    few = {name: CLASSES[name] for name in ("plain", "on its head", "mirrored")}
    monkeypatch.setattr("benchmarks.attacks.CLASSES", few)
    assert main(["--seeds", "1", "--count", "1"]) == 0
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == [*(f"| {name}" for name in few), "| all"]
