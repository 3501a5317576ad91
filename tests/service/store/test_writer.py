from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from service.store.database import Database
from service.store.reader import keep, read
from service.store.record import Record
from service.store.retention import Retention
from service.store.writer import Limits, Writer
from tests.postgresql import Server
from tests.service.store.samples import BEGUN, record

QUICK = Limits(wait_s=0.05)


def until(true: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def numbers(url: str) -> list[int]:
    return [int(each.id, 16) for each in read(url)]


def test_all_that_was_offered_is_there_after_the_end(url: str) -> None:
    writer = Writer(Database(url))
    assert all(writer.offer(record(number)) for number in range(1200))
    assert writer.close(60.0) == 0
    assert numbers(url) == list(range(1200))


def test_a_record_is_there_within_a_second_and_not_at_the_end_only(url: str) -> None:
    writer = Writer(Database(url))
    writer.offer(record(0))
    until(lambda: _found(url) == [0], "the record was not written")
    assert writer.close() == 0


def test_many_threads_may_offer(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/audit.db"
    writer = Writer(Database(url), limits=Limits(records=1000, batch=7, wait_s=0.01))

    def offer(first: int) -> None:
        for number in range(first, first + 100):
            assert writer.offer(record(number))

    threads = [threading.Thread(target=offer, args=(n * 100,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writer.close(60.0) == 0
    assert sorted(numbers(url)) == list(range(400))


def test_two_workers_write_one_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/audit.db"
    workers = [Writer(Database(url), limits=QUICK) for _ in range(2)]
    for number in range(400):
        assert workers[number % 2].offer(record(number))
    assert [worker.close(60.0) for worker in workers] == [0, 0]
    assert sorted(numbers(url)) == list(range(400))


def test_what_does_not_fit_is_dropped_counted_and_said_once() -> None:
    dropped: list[int] = []
    nowhere = Database("postgresql://nobody@127.0.0.1:1/none")
    with capture_logs() as log:
        writer = Writer(nowhere, limits=Limits(records=50, batch=10), dropped=dropped.append)
        taken = [writer.offer(record(number)) for number in range(200)]
        assert 50 <= sum(taken) <= 60  # a batch may have been taken out of the queue meanwhile
        lost = writer.close(0.2)
    assert lost == sum(taken)
    assert sum(dropped) == 200
    said = [line for line in log if line["event"] == "audit records are not written"]
    assert len(said) == 2
    assert said[-1]["dropped"] == 200
    assert said[-1]["fault"] == "OperationalError"
    assert not writer.offer(record(200))


def test_offering_never_waits_for_the_database() -> None:
    writer = Writer(Database("postgresql://nobody@10.255.255.1/none"), limits=Limits(records=100))
    begun = time.thread_time()
    for number in range(1000):
        writer.offer(record(number))
    assert time.thread_time() - begun < 5.0
    assert 100 <= writer.close(0.1) <= 200


def test_a_server_that_stops_under_load_costs_nothing_that_fits(server: Server) -> None:
    url = server.fresh()
    dropped: list[int] = []
    with capture_logs() as log:
        writer = Writer(Database(url), limits=Limits(records=5000), dropped=dropped.append)
        for number in range(100):
            writer.offer(record(number))
        until(lambda: 99 in _found(url), "the first records were not written")
        server.stop()
        for number in range(100, 300):
            assert writer.offer(record(number))
            time.sleep(0.005)
        server.start()
        for number in range(300, 400):
            assert writer.offer(record(number))
        assert writer.close(60.0) == 0
    assert numbers(url) == list(range(400))
    assert dropped == []
    events = [line["event"] for line in log]
    assert events == ["audit records are not written", "audit records are written again"]


def test_a_server_that_stays_away_costs_what_is_counted(server: Server) -> None:
    url = server.fresh()
    dropped: list[int] = []
    limits = Limits(records=50, batch=10, wait_s=0.05)
    writer = Writer(Database(url), limits=limits, dropped=dropped.append)
    writer.offer(record(0))
    until(lambda: _found(url) == [0], "the first record was not written")
    server.stop()
    taken = [number for number in range(1, 300) if writer.offer(record(number))]
    server.start()
    until(lambda: not writer.full, "the writer did not recover")
    assert writer.offer(record(300))
    assert writer.close(60.0) == 0
    assert numbers(url) == [0, *taken, 300]
    assert sum(dropped) == 299 - len(taken) > 200


def test_a_read_only_server_is_waited_for(server: Server) -> None:
    url = server.fresh()
    name = url.split("/")[3].partition("?")[0]
    Database(url).prepare()
    server.sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with capture_logs() as log:
        writer = Writer(Database(url), limits=QUICK)
        assert writer.offer(record(0))
        until(lambda: bool(log), "the fault was not said")
        server.sql(f"ALTER DATABASE {name} SET default_transaction_read_only = off")
        assert writer.close(60.0) == 0
    assert log[0]["fault"] == "ReadOnlySqlTransaction 25006"
    assert numbers(url) == [0]


def test_a_deleted_file_is_begun_anew(tmp_path: Path) -> None:
    url, path = f"sqlite:///{tmp_path}/audit.db", tmp_path / "audit.db"
    with capture_logs() as log:
        writers = [Writer(Database(url), limits=QUICK) for _ in range(2)]
        for number in range(2):
            writers[number].offer(record(number))
        until(lambda: len(_found(url)) == 2, "the first records were not written")
        for file in tmp_path.iterdir():
            file.unlink()
        for number in range(2, 6):
            assert writers[number % 2].offer(record(number))
        assert [writer.close(60.0) for writer in writers] == [0, 0]
    assert path.is_file()
    assert sorted(numbers(url)) == [2, 3, 4, 5]
    assert "the audit database was gone and is begun anew" in {line["event"] for line in log}


def test_dropped_tables_are_made_again(url: str) -> None:
    database = Database(url)
    writer = Writer(Database(url), limits=QUICK)
    writer.offer(record(0))
    until(lambda: _found(url) == [0], "the first record was not written")
    with database.engine.begin() as connection:
        for table in ("decisions", "captures", "glassgate_schema"):
            connection.execute(text(f"DROP TABLE {table}"))
    database.close()
    writer.offer(record(1))
    assert writer.close(60.0) == 0
    assert numbers(url) == [1]


def test_a_record_that_cannot_be_written_does_not_take_the_others_with_it(url: str) -> None:
    dropped: list[int] = []
    with capture_logs() as log:
        writer = Writer(Database(url), dropped=dropped.append)
        for number in range(5):
            made = record(number)
            writer.offer(made if number != 2 else Unwritable(**_fields(made)))
        assert writer.close(60.0) == 0
    assert numbers(url) == [0, 1, 3, 4]
    assert dropped == [1]
    (said,) = log
    assert (said["event"], said["fault"]) == ("audit records are not written", "TypeError")


def test_the_oldest_go_while_the_writer_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/audit.db"
    database = Database(url)
    keep(database, [record(number) for number in range(2500)])
    database.close()
    monkeypatch.setattr("service.store.writer._PRUNE_S", 0.2)
    writer = Writer(Database(url), limits=QUICK, retention=Retention(rows=10))
    until(lambda: len(numbers(url)) == 10, "the oldest were not deleted")
    assert writer.close() == 0
    assert numbers(url) == list(range(2490, 2500))
    assert record(2490).time == BEGUN + 2490


class Unwritable(Record):
    """A record with a fault that no test of ours foresaw."""

    def to_json(self) -> str:
        raise TypeError("no JSON")


def _fields(made: Record) -> dict[str, Any]:
    return {name: getattr(made, name) for name in Record.__slots__}


def _found(url: str) -> list[int]:
    """The numbers of the records that are there, none while there is no table."""
    database = Database(url)
    try:
        with database.engine.connect() as connection:
            rows = connection.execute(text("SELECT request FROM decisions ORDER BY seq"))
            return [int(request, 16) for (request,) in rows]
    except Exception:  # noqa: BLE001 - whatever a database says that is not there yet
        return []
    finally:
        database.close()
