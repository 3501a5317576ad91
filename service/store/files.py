"""Which uploads and answers were inspected, and what was found in them; no payload.

One SQLite file for all workers: an upload through one is known to the others. What is not known
counts as not inspected, so losing the file, or a row of it, is safe.
"""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from service.store.database import StoreError
from service.store.record import Record, RecordError
from service.store.wal import BUSY_S, to_wal

MOST: Final = 10_000
"""Uploads that are remembered; the oldest are forgotten first."""
MOST_TURNS: Final = 100_000
"""Answers that are remembered, which are many more; likewise."""
LONGEST: Final = 1_000_000
"""Characters of the records of a conversation that is known, some 400 turns; no longer one is."""
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
_TURNS: Final = """
CREATE TABLE IF NOT EXISTS turns (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    detectors TEXT NOT NULL,
    before TEXT NOT NULL,
    asked TEXT NOT NULL,
    answered TEXT NOT NULL,
    UNIQUE (name, detectors)
)
"""
_KEEP_TURN: Final = (
    "INSERT OR REPLACE INTO turns (name, detectors, before, asked, answered) VALUES (?, ?, ?, ?, ?)"
)
_FORGET_TURNS: Final = "DELETE FROM turns WHERE seq <= (SELECT max(seq) FROM turns) - ?"
_FOLLOW: Final = """
WITH RECURSIVE said (back, size, before, asked, answered) AS (
    SELECT 1, length(asked) + length(answered), before, asked, answered
    FROM turns WHERE name = :name AND detectors = :detectors
    UNION ALL
    SELECT back + 1, size + length(turns.asked) + length(turns.answered),
        turns.before, turns.asked, turns.answered
    FROM said JOIN turns ON turns.name = said.before AND turns.detectors = :detectors
    WHERE size < :longest
)
SELECT before, asked, answered FROM said ORDER BY back DESC
"""

_log = structlog.get_logger("glassgate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A question and its answer; ``before`` names the turn that they go on from, or is empty."""

    asked: Record
    answered: Record
    before: str = ""


class Files:
    """Uploads and turns by their names. Thread-safe, and shared by all that name the same path."""

    def __init__(self, path: Path, most: int = MOST, most_turns: int = MOST_TURNS) -> None:
        """Begins the file, unless it is there.

        Raises:
            StoreError: it cannot be opened; the message says which.
        """
        self._path = path
        self._most, self._most_turns = most, most_turns
        try:
            # One is held open: whoever closes the last connection waits for the disk.
            held = sqlite3.connect(path, timeout=BUSY_S, check_same_thread=False)
            weakref.finalize(self, held.close)
            to_wal(held)
            with self._opened() as store:
                store.execute(_TABLE)
                store.execute(_TURNS)
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

    def remember_turn(self, name: str, detectors: str, turn: Turn) -> None:
        """Keeps what these detectors found in a turn."""
        told = (turn.before, turn.asked.to_json(), turn.answered.to_json())
        try:
            with self._opened() as store:
                store.execute(_KEEP_TURN, (name, detectors, *told))
                store.execute(_FORGET_TURNS, (self._most_turns,))
        except sqlite3.Error as error:
            _log.warning("an answer cannot be remembered", error=type(error).__name__)

    def turns(self, name: str, detectors: str) -> list[Record]:
        """What the same detectors found in all turns up to this one, the first one's first.

        None at all where one of them is not known.
        """
        wanted = {"name": name, "detectors": detectors, "longest": LONGEST}
        try:
            with self._opened() as store:
                rows = store.execute(_FOLLOW, wanted).fetchall()
            if not rows or rows[0][0]:
                return []
            return [Record.from_json(each) for _, *told in rows for each in told]
        except (sqlite3.Error, RecordError) as error:
            _log.warning("an answer cannot be looked up", error=type(error).__name__)
            return []

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """A connection for one transaction."""
        with closing(sqlite3.connect(self._path, timeout=BUSY_S)) as store, store:
            store.execute("PRAGMA synchronous = NORMAL")
            yield store
