from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from service.store.database import Database, StoreError
from service.store.reader import keep, read
from service.store.tables import SCHEMA
from tests.service.store.samples import many, record


def test_what_is_kept_is_read_back_in_order(url: str) -> None:
    database, records = Database(url), many(120)
    assert keep(database, records) == 120
    database.close()
    assert list(read(url)) == records


def test_a_decision_is_kept_once(url: str) -> None:
    database = Database(url)
    keep(database, [record(1), record(2)])
    keep(database, [record(2), record(3)])
    database.close()
    assert [each.id for each in read(url)] == [record(n).id for n in (1, 2, 3)]


def test_the_migrations_lead_to_the_tables(url: str) -> None:
    database = Database(url)
    database.ready()
    with database.engine.connect() as connection:
        ours = {"version_table": "glassgate_schema"}
        context = MigrationContext.configure(connection, opts=ours)
        assert compare_metadata(context, SCHEMA) == []
    database.close()


def test_workers_that_begin_at_once_make_the_tables_once(url: str) -> None:
    workers = [Database(url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(Database.ready, workers)) == [False] * 4
    for number, worker in enumerate(workers):
        keep(worker, [record(number)])
        worker.close()
    assert len(list(read(url))) == 4


def test_workers_that_begin_a_file_at_once_wait_for_each_other(tmp_path: Path) -> None:
    """One in twenty met `database is locked`, so there are many."""
    for number in range(50):
        workers = [Database(f"sqlite:///{tmp_path}/{number}.db") for _ in range(6)]
        with ThreadPoolExecutor(6) as pool:
            assert list(pool.map(Database.ready, workers)) == [False] * 6
        for worker in workers:
            worker.close()


def test_a_newer_schema_is_an_error_with_a_fix(url: str) -> None:
    database = Database(url)
    database.ready()
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE glassgate_schema SET version_num = '9999'"))
    database.close()
    for use in (database.ready, database.check):
        with pytest.raises(StoreError) as error:
            use()
        said = str(error.value)
        assert "has schema 9999, and this Glassgate knows those up to 0001" in said
        assert "run that version, or name another database in GLASSGATE_AUDIT" in said
    database.close()


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("", "is no URL; write sqlite:///audit.db or postgresql://user@host/name"),
        ("audit.db", "is no URL; write sqlite:///audit.db"),
        ("mysql://root:hush@db/audit", "cannot be `mysql`; write sqlite:///audit.db"),
        ("sqlite+aiosqlite:///audit.db", "cannot be `sqlite+aiosqlite`"),
        ("sqlite://", "names no file; write sqlite:///audit.db"),
        ("sqlite:///:memory:", "names no file"),
    ],
)
def test_a_url_that_names_no_database(written: str, says: str) -> None:
    with pytest.raises(StoreError) as error:
        Database(written)
    assert says in str(error.value)
    assert "hush" not in str(error.value)


def test_a_database_that_cannot_be_opened_is_named_without_its_password() -> None:
    database = Database("postgresql://ann:hush@127.0.0.1:1/audit")
    with pytest.raises(StoreError, match=r"postgresql\+psycopg://ann:\*\*\*@127\.0\.0\.1:1/audit"):
        database.check()
    database.close()


def test_a_start_makes_the_tables_or_says_why_not(url: str, tmp_path: Path) -> None:
    Database(url).prepare()
    assert list(read(url)) == []
    (tmp_path / "text.db").write_text("no database at all, but a text of some length " * 20)
    for wrong in (f"sqlite:///{tmp_path}/none/audit.db", f"sqlite:///{tmp_path}/text.db"):
        with pytest.raises(StoreError, match=r"cannot be opened \(.+\); see that it is there"):
            Database(wrong).prepare()


def test_what_is_no_audit_database(tmp_path: Path, url: str) -> None:
    with pytest.raises(StoreError, match="there is no such file"):
        Database(f"sqlite:///{tmp_path}/none.db", read_only=True).check()
    empty = Database(url)
    with empty.engine.begin() as connection:
        connection.execute(text("CREATE TABLE other (a INTEGER)"))
    with pytest.raises(StoreError, match="holds no audit records"):
        empty.check()
    empty.close()
