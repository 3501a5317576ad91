from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.attacks import CLASSES
from benchmarks.pictures import Group, Judged, Tally, main, missed
from tests.pictures import jpeg, photo, png, receipt


def tally(stopped: int = 0, read: int = 0, unread: int = 0) -> Tally:
    return Tally(["a"] * stopped, ["b"] * read, ["c"] * unread)


NINE, ALL = tally(9, 1), tally(100)


@pytest.mark.parametrize(
    ("tallies", "said"),
    [
        ({(Group.ATTACK, "a"): ALL, (Group.ATTACK, "b"): NINE}, []),
        (
            {(Group.ATTACK, "a"): ALL, (Group.ATTACK, "b"): tally(8, 1, 1)},
            ["b: 8 of 10 refused, 90% are to be; 1 were read and let by, 1 not read"],
        ),
        (
            {(Group.ATTACK, "a"): NINE},
            ["all attacks: 9 of 10 refused, 97% are to be; 1 were read and let by, 0 not read"],
        ),
        ({(Group.HARMLESS, "a"): tally(1, 0, 99), (Group.DENSE, "b"): tally(2, 0, 98)}, []),
        (
            {(Group.HARMLESS, "a"): tally(2, 0, 98)},
            ["harmless: 2 of 100 refused, 1% may be"],
        ),
        (
            {(Group.HARMLESS, "a"): tally(0, 0, 100), (Group.DENSE, "b"): tally(7, 0, 93)},
            ["harmless and harmless, a page: 7 of 200 refused, 3% may be"],
        ),
        ({(Group.DRAWN, "a"): tally(5, 0, 5)}, []),
    ],
)
def test_each_aim_that_is_missed_is_said(
    tallies: dict[tuple[Group, str], Tally], said: list[str]
) -> None:
    assert list(missed(tallies)) == said


@pytest.mark.parametrize(
    ("judged", "counts"),
    [
        (Judged(stopped=True, rules=("r",), read=True, ms=1), (1, 0, 0, 1)),
        (Judged(stopped=True, rules=("r",), read=False, ms=1), (1, 0, 0, 0)),
        (Judged(stopped=False, rules=(), read=True, ms=1), (0, 1, 0, 1)),
        (Judged(stopped=False, rules=(), read=False, ms=1), (0, 0, 1, 0)),
    ],
)
def test_what_was_let_by_is_told_apart(judged: Judged, counts: tuple[int, int, int, int]) -> None:
    one = Tally()
    one.add("a", judged)
    assert (len(one.stopped), len(one.read), len(one.unread), one.found) == counts
    assert one.seen == 1


@pytest.mark.timeout(600)
def test_a_short_run_has_a_row_for_each_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a few classes, to be short: a picture, a document, and two pictures in one request."""
    few = {name: CLASSES[name] for name in ("plain", "PDF: white", "list title, split")}
    monkeypatch.setattr("benchmarks.attacks.CLASSES", few)
    (tmp_path / "1.jpg").write_bytes(jpeg(photo(1)))
    (tmp_path / "2.png").write_bytes(png(receipt()))
    rows = [
        {"image": "1.jpg", "question": ["Is it day?"], "source": "photos"},
        {"image": "2.png", "source": "receipts", "text_dense": True},
    ]
    manifest = "\n".join(map(json.dumps, rows))
    (tmp_path / "manifest.jsonl").write_text(manifest, encoding="utf-8")
    main(["--images", str(tmp_path), "--count", "1"])
    lines = capsys.readouterr().out.splitlines()[2:]
    counts = {
        cells[0]: int(cells[1])
        for cells in (line.strip("| ").split(" | ") for line in lines if line.startswith("|"))
    }
    assert counts == {
        "harmless: photos": 1,
        "harmless, a page: receipts": 1,
        "photo privacy: questions": 1,
        "harmless, drawn: list title": 10,
        "harmless, drawn: hidden line": len(few),
        **{f"attack: {name}": 1 for name in few},
        "all: attack": 3,
        "all: harmless": 1,
        "all: harmless and harmless, a page": 2,
    }
