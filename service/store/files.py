"""Which uploads were inspected, and what was found in them; no payload.

One SQLite file for all workers: an upload through one is known to the others. What is not known
counts as not inspected, so losing the file, or a row of it, is safe.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import structlog

from service.store.database import StoreError
from service.store.record import Record, RecordError

MOST: Final = 10_000
"""Uploads that are remembered; the oldest are forgotten first."""
BUSY_S: Final = 5.0
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS uploads (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    detectors TEXT NOT NULL,
    record TEXT NOT NULL,
    UNIQUE (name, detectors)
)
"""
_KEEP: Final = "INSERT OR REPLACE INTO uploads (name, detectors, record) VALUES (?, ?, ?)"
_FORGET: Final = "DELETE FROM uploads WHERE seq <= (SELECT max(seq) FROM uploads) - ?"
_FIND: Final = "SELECT record FROM uploads WHERE name = ? AND detectors = ?"

_log = structlog.get_logger("glassgate")


class Files:
    """Uploads by their names. Thread-safe, and shared by all processes that name the same path."""

    def __init__(self, path: Path, most: int = MOST) -> None:
        """Begins the file, unless it is there.

        Raises:
            StoreError: it cannot be opened; the message says which.
        """
        self._path = path
        self._most = most
        try:
            with self._opened() as store:
                store.execute(_TABLE)
        except sqlite3.Error as error:
            raise StoreError(
                f"{path}: uploads cannot be remembered there ({type(error).__name__}); name a "
                "file that this user may write in GLASSGATE_FILES, or leave it out"
            ) from None

    def remember(self, name: str, detectors: str, record: Record) -> None:
        """Keeps what these detectors (a hash of their versions) found in an upload."""
        try:
            with self._opened() as store:
                store.execute(_KEEP, (name, detectors, record.to_json()))
                store.execute(_FORGET, (self._most,))
        except sqlite3.Error as error:
            _log.warning("an upload cannot be remembered", error=type(error).__name__)

    def known(self, names: Collection[str], detectors: str) -> dict[str, Record]:
        """Those of these uploads that the same detectors have inspected."""
        try:
            with self._opened() as store:
                rows = [store.execute(_FIND, (each, detectors)).fetchone() for each in names]
            found = zip(names, rows, strict=True)
            return {name: Record.from_json(row[0]) for name, row in found if row is not None}
        except (sqlite3.Error, RecordError) as error:
            _log.warning("an upload cannot be looked up", error=type(error).__name__)
            return {}

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """A connection for one transaction."""
        with closing(sqlite3.connect(self._path, timeout=BUSY_S)) as store, store:
            yield store
