from __future__ import annotations

import json

import pytest

from benchmarks.requests import photo
from benchmarks.turns import PICTURES, Cost, chat, main, missed


def test_each_turn_sends_all_before_it_and_the_picture_once() -> None:
    bodies = [json.loads(body)["messages"] for body in chat(1, 3, photo(1))]
    assert [len(said) for said in bodies] == [1, 3, 5]
    assert bodies[2][:3] == bodies[1]
    assert [str(said).count("data:image/jpeg") for said in bodies] == [1, 1, 1]
    assert list(chat(1, 3, photo(1))) != list(chat(2, 3, photo(1)))


def test_a_picture_that_is_paid_for_twice_misses_the_aim() -> None:
    cheap = Cost(name="one", one=400.0, all=430.0)
    assert list(missed([cheap])) == []
    (told,) = missed([cheap, Cost(name="other", one=400.0, all=800.0)])
    assert told.startswith("other costs 2.00 times one turn")


@pytest.mark.timeout(300)
def test_a_short_run_pays_for_a_picture_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Three turns, and no more than 1.5: how close ten come to the aim a quiet machine says."""
    status = main(["--turns", "3", "--chats", "1"])
    shown = capsys.readouterr()
    rows = [row.strip("| ").split(" | ") for row in shown.out.splitlines()[2:]]
    assert [row[0] for row in rows] == list(PICTURES)
    assert all(float(row[3]) < 1.5 for row in rows)
    assert status == (1 if shown.err else 0)
