"""The audit database, SQLite or PostgreSQL: how it is opened, brought up to date and written."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError

from service.store.tables import CAPTURES, DECISIONS
from service.store.wal import BUSY_S, to_wal

Row = Mapping[str, object]

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_VERSIONS: Final = "glassgate_schema"
_LOCK: Final = 0x61756469_74  # one schema change at a time, whichever worker begins it
_SQLITE: Final = "sqlite"
_DRIVERS: Final = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}
_EXAMPLE: Final = "sqlite:///audit.db or postgresql://user@host/name"


class StoreError(Exception):
    """The audit database cannot be used; the message says which, why, and how to mend it."""


class Database:
    """One database. Connections are opened when they are needed, and anew after a failure.

    Thread-safe, but for ``ready`` and ``insert``, which belong to one thread.
    """

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        """Raises ``StoreError`` if the URL names no database; opens nothing yet."""
        self.url = _url(url)
        self.name = self.url.render_as_string(hide_password=True)
        self.path = Path(self.url.database or "") if self._embedded else None
        self._read_only = read_only
        self._ready_at: tuple[int, int] | None = None
        self.engine = self._engine()

    @property
    def _embedded(self) -> bool:
        return self.url.get_backend_name() == _SQLITE

    def ready(self) -> bool:
        """Opens the database and brings its tables up to date, where this is not done yet.

        True if a file that was in use is gone, so that a new one was begun.

        Raises:
            StoreError: a newer Glassgate wrote it.
            sqlalchemy.exc.DBAPIError, OSError: it cannot be opened now.
        """
        if self._ready_at is not None and self._ready_at == self._identity():
            return False
        replaced = self._ready_at is not None
        self.close()
        with self.engine.begin() as connection:
            if not self._embedded:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            _migrate(connection, self.name)
        self._ready_at = self._identity()
        return replaced

    def prepare(self) -> None:
        """As ``ready``, before any worker. Raises ``StoreError`` for whatever is in the way."""
        try:
            self.ready()
        except (DBAPIError, OSError) as error:
            raise StoreError(
                f"{self.name}: the audit database cannot be opened ({kind(error)}); see that it "
                "is there, and that this user may write to it"
            ) from None
        finally:
            self.close()

    def insert(self, decisions: Sequence[Row], captures: Sequence[Row] = ()) -> bool:
        """Writes all rows, or none. A row that is there already is left as it is.

        True and the errors as for ``ready``. A file that is deleted meanwhile is begun again.
        """
        replaced = self.ready()
        self._insert(decisions, captures)
        while self._ready_at != self._identity():
            replaced = self.ready() or replaced
            self._insert(decisions, captures)
        return replaced

    def close(self) -> None:
        """Closes all connections; the next use opens the database anew."""
        self._ready_at = None
        self.engine.dispose()

    def check(self) -> None:
        """Raises ``StoreError`` unless the database can be read and has this version's tables."""
        if self.path is not None and not self.path.is_file():
            raise StoreError(f"{self.path}: there is no such file; name an audit database")
        try:
            with self.engine.connect() as connection:
                found = _revision(connection)
        except DBAPIError as error:
            raise StoreError(
                f"{self.name}: the audit database cannot be opened ({kind(error)}); see that it "
                "runs and that this user may read it"
            ) from None
        if found is None:
            raise StoreError(f"{self.name}: this holds no audit records; name an audit database")
        _known(found, self.name)

    def _insert(self, decisions: Sequence[Row], captures: Sequence[Row]) -> None:
        with self.engine.begin() as connection:
            for table, rows in ((DECISIONS, decisions), (CAPTURES, captures)):
                if rows:
                    connection.execute(self._once(table), [dict(row) for row in rows])

    def _once(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        if self._embedded:
            return sqlite.insert(table).on_conflict_do_nothing()
        return postgresql.insert(table).on_conflict_do_nothing()

    def _identity(self) -> tuple[int, int]:
        """Which file stands at the path now; (0, 0) for none, and always of a server."""
        try:
            found = self.path.stat() if self.path is not None else None
        except OSError:
            found = None
        return (found.st_dev, found.st_ino) if found is not None else (0, 0)

    def _engine(self) -> Engine:
        if not self._embedded:
            wait = {} if "connect_timeout" in self.url.query else {"connect_timeout": 3}
            return create_engine(self.url, connect_args=wait)
        url = self.url
        if self._read_only:
            where = f"file:{quote(os.fspath(self.path or ''))}"
            url = url.set(database=where, query={"mode": "ro", "uri": "true"})
        engine = create_engine(url, connect_args={"timeout": BUSY_S})
        begin = "BEGIN" if self._read_only else "BEGIN IMMEDIATE"
        event.listen(engine, "connect", _read if self._read_only else _write)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
        return engine


def _url(written: str) -> URL:
    try:
        url = make_url(written)
    except ArgumentError:
        raise StoreError(f"the audit database is no URL; write {_EXAMPLE}") from None
    driver = _DRIVERS.get(url.drivername)
    if driver is None:
        raise StoreError(f"the audit database cannot be `{url.drivername}`; write {_EXAMPLE}")
    if driver == _SQLITE and url.database in {None, "", ":memory:"}:
        raise StoreError("the audit database names no file; write sqlite:///audit.db")
    return url.set(drivername=driver)


def _write(connection: Any, _: object) -> None:  # noqa: ANN401 - what the driver gives
    connection.isolation_level = None  # transactions are begun here, not by the driver
    to_wal(connection)
    connection.execute("PRAGMA secure_delete = FAST").close()


def _read(connection: Any, _: object) -> None:  # noqa: ANN401 - what the driver gives
    connection.isolation_level = None


def _config(connection: Connection | None = None) -> Config:
    config = Config(attributes={"connection": connection, "version_table": _VERSIONS})
    config.set_main_option("script_location", os.fspath(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _revision(connection: Connection) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table": _VERSIONS})
    return context.get_current_revision()


def _known(revision: str, where: str) -> bool:
    """Whether it is the newest revision. Raises ``StoreError`` if it is newer than the code."""
    script = _script()
    if revision not in {each.revision for each in script.walk_revisions()}:
        raise StoreError(
            f"{where}: the audit database has schema {revision}, and this Glassgate knows those up "
            f"to {script.get_current_head()}: a newer one wrote it; run that version, or name "
            "another database in GLASSGATE_AUDIT"
        )
    return revision == script.get_current_head()


@cache
def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _migrate(connection: Connection, where: str) -> None:
    found = _revision(connection)
    if found is None or not _known(found, where):
        command.upgrade(_config(connection), "head")


def kind(error: BaseException) -> str:
    """What a database error is, in the driver's bounded words: its text may quote what it wrote."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    code = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None)
    return f"{type(cause).__name__} {code}" if code else type(cause).__name__
