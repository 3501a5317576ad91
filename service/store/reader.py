"""Reads records back, millions of them: from the database, or from a file of JSON lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Select, select
from sqlalchemy.exc import DBAPIError

from service.store.database import Database, StoreError, kind
from service.store.record import Record, RecordError
from service.store.tables import DECISIONS
from service.store.writer import row

_PAGE: Final = 5000  # rows read at once: no transaction stays open while they are worked on
_MAGIC: Final = b"SQLite format 3\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Which records are read: from ``since`` until before ``until``, of one tenant or of all.

    Times are in seconds since 1970. ``share`` (k, n) is the k-th of n shares, from 0, so that
    processes can read a source together.
    """

    since: float | None = None
    until: float | None = None
    tenant: str | None = None
    share: tuple[int, int] = (0, 1)

    def holds(self, record: Record) -> bool:
        return (
            (self.since is None or record.time >= self.since)
            and (self.until is None or record.time < self.until)
            and (self.tenant is None or record.tenant == self.tenant)
        )


ALL: Final = Span()


def read(source: str, span: Span = ALL) -> Iterator[Record]:
    """The records of a database's URL, of an SQLite file, or of a file of JSON lines, oldest first.

    Raises:
        StoreError: there is no such source, or it cannot be read; at the first record.
    """
    if "://" in source:
        yield from read_database(Database(source, read_only=True), span)
        return
    path = Path(source)
    try:
        with path.open("rb") as file:
            embedded = file.read(len(_MAGIC)) == _MAGIC
    except OSError as error:
        raise StoreError(
            f"{path}: it cannot be read ({error.strerror}); name an audit database or a file of "
            "exported records"
        ) from None
    if embedded:
        yield from read_database(Database(f"sqlite:///{path}", read_only=True), span)
    else:
        yield from read_file(path, span)


def read_database(database: Database, span: Span = ALL) -> Iterator[Record]:
    """The records of a database, in the order in which they were written."""
    database.check()
    last = 0
    while page := _page(database, _select(span).where(DECISIONS.c.seq > last)):
        for _, text in page:
            yield Record.from_json(text)
        last = page[-1][0]
    database.close()


def read_file(path: Path, span: Span = ALL) -> Iterator[Record]:
    """The records of a file that ``write_file`` wrote, in its order. Empty lines do not count."""
    which, of = span.share
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            if number % of != which or line.isspace():
                continue
            try:
                record = Record.from_json(line)
            except RecordError as error:
                raise StoreError(
                    f"{path}:{number}: {error}; give a file that `glassgate` exported"
                ) from None
            if span.holds(record):
                yield record


def write_file(path: Path, records: Iterable[Record]) -> int:
    """Writes records as JSON lines, and says how many. A file that is there is replaced."""
    count = 0
    with path.open("w", encoding="ascii") as file:
        for record in records:
            file.write(record.to_json() + "\n")
            count += 1
    return count


def keep(database: Database, records: Iterable[Record]) -> int:
    """Writes records into a database, and says how many were given; those it has are left."""
    count, batch = 0, []
    for record in records:
        batch.append(row(record))
        count += 1
        if len(batch) == _PAGE:
            database.insert(batch)
            batch = []
    database.insert(batch)
    return count


def _select(span: Span) -> Select[int, str]:
    time, tenant = DECISIONS.c.time, DECISIONS.c.tenant
    chosen = select(DECISIONS.c.seq, DECISIONS.c.record).order_by(DECISIONS.c.seq).limit(_PAGE)
    which, of = span.share
    if of > 1:
        chosen = chosen.where(DECISIONS.c.seq % of == which)
    if span.since is not None:
        chosen = chosen.where(time >= span.since)
    if span.until is not None:
        chosen = chosen.where(time < span.until)
    if span.tenant is not None:
        chosen = chosen.where(tenant == span.tenant)
    return chosen


def _page(database: Database, chosen: Select[int, str]) -> list[tuple[int, str]]:
    try:
        with database.engine.connect() as connection:
            return [(seq, text) for seq, text in connection.execute(chosen)]
    except DBAPIError as error:
        raise StoreError(
            f"{database.name}: reading broke off ({kind(error)}); see that the database runs"
        ) from None
