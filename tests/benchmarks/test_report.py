from pathlib import Path

import numpy as np
import pytest

from benchmarks.load import Slice, Timing
from benchmarks.report import (
    BEGIN,
    END,
    Cell,
    Way,
    cell,
    load_table,
    replaced,
    short_table,
    stream_table,
    verb_table,
)

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"


def answered(*milliseconds: float, seconds: float = 1.0, refused: int = 0) -> Slice:
    return Slice(
        tuple(
            Timing(first=ms / 2000, last=ms / 1000, refused=number < refused)
            for number, ms in enumerate(milliseconds)
        ),
        seconds,
    )


def row(p50: float, *, p99: float | None = None, refused: int = 0) -> Cell:
    return Cell(
        requests=200, refused=refused, p50=p50, p95=2 * p50, p99=p99, first=p50 / 2, rate=12.34
    )


CELLS = {
    ("short", 1, Way.DIRECT): row(1.0, p99=3.0),
    ("short", 1, Way.OFF): row(4.0, p99=9.0),
    ("short", 1, Way.NEW): row(150.0, refused=7),
    ("short", 4, Way.DIRECT): row(2.0),
    ("long", 1, Way.DIRECT): row(5.0),
}


def test_percentiles_are_those_of_all_slices_together() -> None:
    draw = np.random.default_rng(0)
    values = draw.lognormal(1, 1, 500)
    found = cell([answered(*values[:300]), answered(*values[300:], seconds=4.0)])
    assert [found.p50, found.p95, found.p99] == pytest.approx(np.percentile(values, (50, 95, 99)))
    assert found.first == pytest.approx(np.median(values) / 2)
    assert (found.requests, found.rate, found.refused) == (500, 100.0, 0)


@pytest.mark.parametrize(("answers", "known"), [(99, False), (100, True)])
def test_the_99th_percentile_is_given_from_100_answers_on(answers: int, *, known: bool) -> None:
    assert (cell([answered(*range(1, answers + 1))]).p99 is not None) is known


def test_refusals_are_counted() -> None:
    assert cell([answered(1, 2, 3, refused=2)]).refused == 2


def test_nothing_answered_is_an_error() -> None:
    with pytest.raises(ValueError, match="no answers"):
        cell([answered()])


def test_a_load_has_a_row_for_each_number_of_users_and_way() -> None:
    heads, _, *rows = load_table(CELLS, "short").splitlines()
    assert heads.startswith("| users | way | p50 ms | p95 ms | p99 ms | p50 / guard off |")
    assert rows == [
        "| 1 | direct | 1.0 | 2.0 | 3.0 | 0.25 | 12.3 | 200 |",
        f"| 1 | {Way.OFF} | 4.0 (+3.0) | 8.0 (+6.0) | 9.0 (+6.0) | 1.00 | 12.3 | 200 |",
        f"| 1 | {Way.NEW} | 150 (+149) | 300 (+298) | - | 37.50 | 12.3 | 200 (7 refused) |",
        "| 4 | direct | 2.0 | 4.0 | - | - | 12.3 | 200 |",
    ]


def test_the_short_table_has_the_medians() -> None:
    assert short_table(CELLS, ["short", "long"], 1).splitlines() == [
        "| median, ms | direct | Glassgate, guard off | Glassgate, guard on, new content |",
        "| --- | ---: | ---: | ---: |",
        "| short | 1.0 | 4.0 | 150 |",
        "| long | 5.0 | - | - |",
    ]


def test_a_stream_has_its_first_and_last_byte() -> None:
    assert stream_table(CELLS, "long", 1).splitlines()[2:] == ["| direct | 2.5 | 5.0 | 200 |"]


def test_the_rest_is_what_no_verb_took() -> None:
    lines = [
        {"read": 1.0, "judge": 20.0, "send": 5.0, "total": 30.0},
        {"read": 1.0, "judge": 22.0, "send": 6.0, "total": 34.0},
    ]
    table = verb_table({"short": lines, "nothing": []}).splitlines()
    assert table[0] == "| median, ms | pin | reveal | judge | send | the rest | total |"
    assert table[2:] == ["| short | 0.0 | 0.0 | 21.0 | 5.5 | 5.5 | 32.0 |"]


def test_what_was_measured_takes_the_place_between_the_marks() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    once = replaced(page, "new\n")
    assert once == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert replaced(once, "new") == once


@pytest.mark.parametrize("page", ["", BEGIN, END, f"{END} {BEGIN}"])
def test_a_page_without_marks_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="the page must hold"):
        replaced(page, "new")


def test_the_page_says_what_each_way_is_and_has_room_for_the_tables() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [way for way in Way if f"| {way.value} | " not in page.partition(BEGIN)[0]] == []
    assert "measured anew" in replaced(page, "measured anew")
