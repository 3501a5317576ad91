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
    """Of a few classes, to be short, each found in another way."""
    named = ("on its head", "split over two pictures", "QR code", "metadata: EXIF", "PDF: white")
    few = {name: CLASSES[name] for name in named}
    monkeypatch.setattr("benchmarks.attacks.CLASSES", few)
    assert main(["--seeds", "1", "--count", "1"]) == 0
    rows = capsys.readouterr().out.splitlines()[2:]
    cells = [row.strip("| ").split(" | ") for row in rows]
    assert [each[0] for each in cells] == [*few, "all"]
    assert [each[-1] for each in cells[:-1]] == [
        "ocr 1",
        "joined 1",
        "qr 1",
        "metadata 1",
        "pdf:text 1, pdf:hidden 1",
    ]
