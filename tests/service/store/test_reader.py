from __future__ import annotations

import time
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest

from service.store.database import Database, StoreError
from service.store.reader import Span, keep, read, write_file
from service.store.record import Record
from tests.service.store.samples import BEGUN, many, record

RECORDS = [record(number, tenant=("ours", "theirs")[number % 2]) for number in range(8)]


@pytest.fixture(params=["url", "path", "lines"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The same records as each kind of source."""
    if request.param == "lines":
        write_file(tmp_path / "records.jsonl", RECORDS)
        return str(tmp_path / "records.jsonl")
    database = Database(f"sqlite:///{tmp_path}/audit.db")
    keep(database, RECORDS)
    database.close()
    return str(database.path) if request.param == "path" else f"sqlite:///{database.path}"


@pytest.mark.parametrize(
    ("span", "found"),
    [
        (Span(), range(8)),
        (Span(since=BEGUN + 3), range(3, 8)),
        (Span(until=BEGUN + 3), range(3)),
        (Span(since=BEGUN + 2, until=BEGUN + 4), range(2, 4)),
        (Span(since=BEGUN + 99), range(0)),
        (Span(tenant="ours"), range(0, 8, 2)),
        (Span(tenant="theirs", until=BEGUN + 4), range(1, 4, 2)),
        (Span(tenant="nobody"), range(0)),
    ],
)
def test_a_span_of_the_records(source: str, span: Span, found: range) -> None:
    assert list(read(source, span)) == [RECORDS[number] for number in found]


def test_shares_are_the_whole(source: str) -> None:
    shares = [list(read(source, Span(share=(which, 3)))) for which in range(3)]
    assert all(2 <= len(share) <= 3 for share in shares)
    assert sorted(chain(*shares), key=lambda each: each.time) == RECORDS


def test_an_export_can_be_imported(url: str, tmp_path: Path) -> None:
    records, path = many(50), tmp_path / "records.jsonl"
    assert write_file(path, records) == 50
    database = Database(url)
    assert keep(database, read(str(path))) == 50
    database.close()
    assert list(read(url)) == records


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"hush\n", "records.jsonl:1: this is not a recorded decision; give a file that"),
        (b"\xff\xfe\x00\n", "records.jsonl:1: this is not a recorded decision"),
        (
            record().to_json().encode() + b'\n\n{"v": 7}\n',
            "records.jsonl:3: the record has version 7",
        ),
        (b'{"v": 1}', "records.jsonl:1: a recorded decision is incomplete"),
        (b"SQLite format 3\x00 but no more", "cannot be opened"),
    ],
)
def test_a_file_that_holds_no_records(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "records.jsonl"
    path.write_bytes(content)
    with pytest.raises(StoreError) as error:
        list(read(str(path)))
    assert says in str(error.value)
    assert "hush" not in str(error.value)


def test_a_source_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"none\.db: it cannot be read \(No such file"):
        list(read(f"{tmp_path}/none.db"))
    with pytest.raises(StoreError, match="there is no such file"):
        list(read(f"sqlite:///{tmp_path}/none.db"))
    with pytest.raises(StoreError, match=r"cannot be opened \(OperationalError"):
        list(read("postgresql://nobody@127.0.0.1:1/none"))


def test_reading_does_not_wait_for_a_writer_nor_hold_it_up(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/audit.db"
    database = Database(url)
    keep(database, RECORDS)
    reading = read(url)
    assert next(reading) == RECORDS[0]
    with database.engine.begin():
        assert next(reading) == RECORDS[1]
    keep(database, [record(99)])
    assert len(list(reading)) == 7
    database.close()


def test_a_million_records_are_read_in_a_minute(tmp_path: Path) -> None:
    different = many(200)
    database = Database(f"sqlite:///{tmp_path}/audit.db")
    keep(database, (_numbered(different[n % 200], n) for n in range(10_000)))
    database.close()
    begun = time.thread_time()
    assert sum(1 for _ in read(str(database.path))) == 10_000
    assert (time.thread_time() - begun) * 100 < 60


def _numbered(made: Record, number: int) -> Record:
    return replace(made, id=f"{number:024x}")
