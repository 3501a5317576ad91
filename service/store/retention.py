"""How long records are kept: by days and by number; deleted in small batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, Table, delete, select

from service.store.database import Database
from service.store.tables import CAPTURES, DECISIONS

BATCH: Final = 1000
"""Rows that one transaction deletes, so that writing never waits long."""
DAY_S: Final = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What is kept: records of the last ``days``, and the newest ``rows``; None is without end."""

    days: float | None = None
    rows: int | None = None


FOREVER: Final = Retention()


def prune(database: Database, retention: Retention, now: float) -> int:
    """Deletes one batch of what is past its time at ``now``, in seconds since 1970.

    Returns how many rows went; less than ``BATCH`` means that nothing is left to delete.
    """
    with database.engine.begin() as connection:
        gone = _oldest(connection, CAPTURES, CAPTURES.c.expires <= now, BATCH)
        if retention.days is not None:
            past = DECISIONS.c.time < now - retention.days * DAY_S
            gone += _oldest(connection, DECISIONS, past, BATCH - gone)
        if retention.rows is not None:
            number = DECISIONS.c.seq
            last = select(number).order_by(number.desc()).offset(retention.rows).limit(1)
            surplus = number <= last.scalar_subquery()
            gone += _oldest(connection, DECISIONS, surplus, BATCH - gone)
    return gone


def _oldest(connection: Connection, table: Table, past: ColumnElement[bool], most: int) -> int:
    if most == 0:
        return 0
    chosen = select(table.c.seq).where(past).order_by(table.c.seq).limit(most)
    return connection.execute(delete(table).where(table.c.seq.in_(chosen))).rowcount
