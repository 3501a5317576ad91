"""A process that offers records, for tests that kill it: ``offering.py URL COUNT EVERY_S [MODE]``.

It prints the number and time of each record that was taken. On SIGTERM it closes the writer.
Until a line comes in, MODE ``small_files`` limits the size of files, and MODE ``read_only`` makes
the database and its folder read-only, and gives up being root.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from pathlib import Path

from service.store.database import Database
from service.store.writer import Limits, Writer
from service.telemetry import lines
from tests.service.store.samples import record

NOBODY = 65534
SMALL = 150_000


def main(url: str, count: str, every_s: str, mode: str = "") -> None:
    lines.configure()
    signal.signal(signal.SIGTERM, _ended)
    if mode == "small_files":
        resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL, resource.RLIM_INFINITY))
    database = Database(url)
    if mode == "read_only":
        _read_only(database)
    lost: list[int] = []
    writer = Writer(database, limits=Limits(records=5000), dropped=lost.append)
    try:
        for number in range(int(count)):
            if writer.offer(record(number)):
                say(f"{number} {time.monotonic()}")
            time.sleep(float(every_s))
        say("offered")
        if mode:
            sys.stdin.readline()
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        if mode == "read_only":
            _permit(database, 0o700)
    finally:
        writer.close(30.0)
        say(f"lost {sum(lost)}")


def _read_only(database: Database) -> None:
    """Root may write whatever the permissions say, so it becomes the files' owner who is nobody."""
    database.prepare()
    if os.getuid() == 0:
        for path in _places(database):
            os.chown(path, NOBODY, NOBODY)
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    _permit(database, 0o500)


def _permit(database: Database, mode: int) -> None:
    for path in _places(database):
        path.chmod(mode)


def _places(database: Database) -> list[Path]:
    path = database.path or Path()
    return [path.parent, path]


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _ended(*_: object) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
