"""SQLite's write-ahead log, which several processes begin at once."""

from __future__ import annotations

import sqlite3
import time
from typing import Final

BUSY_S: Final = 5.0
"""How long a connection waits for another."""
_AGAIN_S: Final = 0.01


def to_wal(connection: sqlite3.Connection) -> None:
    """Writes go to the log from now on, and wait for the disk only where the log is folded in.

    It survives a killed process with what was committed; a power cut may cost the last. SQLite does
    not wait, as it does elsewhere, where two connections change the mode at once: so this does.

    Raises:
        sqlite3.OperationalError: another holds the file for longer than ``BUSY_S``.
    """
    until = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
            break
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
            time.sleep(_AGAIN_S)
    connection.execute("PRAGMA synchronous = NORMAL").close()
