import re
from dataclasses import replace
from pathlib import Path

import pytest

from service.policy.reading import BUNDLES
from service.policy.resolve import Resolved, resolve
from service.rehearsal import report
from service.rehearsal.backtest import EXAMPLES, Tally, backtest
from service.store.database import Database, StoreError
from service.store.reader import ALL, Span, keep, write_file
from service.store.record import Record, Scored
from tests.service.store.samples import BEGUN, many, record

PART = "/messages/0/content/0/text"


def scored(number: int, label: str, score: float, action: str, *rules: str) -> Record:
    """A request whose one text scores so, without gaps, and what was decided of it."""
    made = record(number)
    return replace(
        made,
        parts=made.parts[:1],
        messages=(("user", 1),),
        findings=(Scored(label, score, PART, "classifier", None, None),),
        runs=(),
        gaps=(),
        action=action,
        rules=rules,
    )


HISTORY = [
    *(scored(number, "harm", 0.6, "forward") for number in range(8)),
    *(scored(number, "injection", 0.99, "refuse", "direct-injection") for number in range(8, 12)),
    *(scored(number, "harm", 0.1, "refuse", "an-old-rule") for number in range(12, 15)),
    scored(15, "harm", 0.1, "forward"),
]
STRICTER = "version: 1\ndescription: d\nextends: [default]\nthresholds: {harm: 0.5}\n"


@pytest.fixture
def candidate(tmp_path: Path) -> Resolved:
    path = tmp_path / "new.yaml"
    path.write_text(STRICTER, encoding="utf-8")
    return resolve(path)


@pytest.fixture
def history(tmp_path: Path) -> str:
    path = tmp_path / "records.jsonl"
    write_file(path, HISTORY)
    return str(path)


def summary(tally: Tally) -> dict[str, object]:
    """All that a tally of ``HISTORY`` says."""
    refused, passed = tally.changes["forward", "refuse"], tally.changes["refuse", "forward"]
    return {
        "records": tally.records,
        "changed": tally.changed,
        "refused": refused.all.count,
        "refused by rule": {name: found.count for name, found in refused.rules.items()},
        "examples": refused.rules["harmful-request"].examples,
        "passed by rule": {name: found.count for name, found in passed.rules.items()},
        "held": (tally.held["direct-injection"], tally.held["harmful-request"]),
        "span": (tally.first, tally.last),
    }


COUNTED = {
    "records": 16,
    "changed": 11,
    "refused": 8,
    "refused by rule": {"harmful-request": 8},
    "examples": [(BEGUN + number, f"{number:024x}") for number in range(EXAMPLES)],
    "passed by rule": {"an-old-rule": 3},
    "held": ((4, 4), (0, 8)),
    "span": (BEGUN, BEGUN + 15),
}


def test_what_would_be_decided_otherwise_is_counted_by_rule(
    candidate: Resolved, history: str
) -> None:
    assert summary(backtest(history, ALL, candidate)) == COUNTED


def test_several_processes_count_the_same(candidate: Resolved, history: str) -> None:
    assert summary(backtest(history, ALL, candidate, processes=2)) == COUNTED


def test_a_database_is_counted_like_a_file(candidate: Resolved, tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'audit.db'}")
    database.prepare()
    keep(database, HISTORY)
    database.close()
    assert summary(backtest(str(tmp_path / "audit.db"), ALL, candidate)) == COUNTED


def test_only_the_span_is_counted(candidate: Resolved, history: str) -> None:
    tally = backtest(history, Span(since=BEGUN + 12), candidate)
    assert (tally.records, tally.changed) == (4, 3)


def test_a_policy_against_what_it_decided_itself_changes_nothing(tmp_path: Path) -> None:
    resolved = resolve(BUNDLES / "default.yaml")
    path = tmp_path / "records.jsonl"
    write_file(path, many(40))
    decided = backtest(str(path), ALL, resolved)
    assert decided.records == 40
    alike = [scored(1, "harm", 0.95, "refuse", "harmful-request"), scored(2, "harm", 0, "forward")]
    write_file(path, alike)
    assert backtest(str(path), ALL, resolved).changed == 0


def test_the_report_names_rules_counts_and_ids(candidate: Resolved, history: str) -> None:
    tally = backtest(history, ALL, candidate)
    text = report.text("new.yaml against records.jsonl", tally)
    assert "16 recorded decisions" in text
    assert "5 would come out alike, 11 otherwise (68.75%)" in text
    stricter = text.index("Would be refused, and was forwarded: 8 (50.00%)")
    looser = text.index("Would be forwarded, and was refused: 3 (18.75%)")
    assert stricter < looser
    assert re.search(r"harmful-request +8  0{24}, 0{23}1", text)
    assert re.search(r"harmful-request +0  8 \(\+8\)", text)
    page = report.page("<new>", tally)
    assert "<h1>&lt;new&gt;</h1>" in page
    assert "<td>an-old-rule</td><td>3</td>" in page
    assert "http" not in page


def test_a_time_without_decisions_is_said(candidate: Resolved, history: str) -> None:
    tally = backtest(history, Span(since=BEGUN + 99), candidate)
    assert "No decision is recorded in this time." in report.text("t", tally)


@pytest.mark.parametrize("wrong", ["forwards", ""])
def test_a_broken_record_is_named(
    candidate: Resolved, tmp_path: Path, wrong: str, history: str
) -> None:
    path = tmp_path / "broken.jsonl"
    write_file(path, [replace(HISTORY[0], stage=wrong)])
    with pytest.raises(StoreError, match=r"0{24} names what this Glassgate does not know"):
        backtest(str(path), ALL, candidate)
    path.write_text("no record\n")
    with pytest.raises(StoreError, match=r"broken\.jsonl:1"):
        backtest(str(path), ALL, candidate)
    with pytest.raises(StoreError, match="cannot be read"):
        backtest(f"{history}.none", ALL, candidate)
