"""A PostgreSQL server of the tests' own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

INSTALLED = Path("/usr/lib/postgresql")  # Debian keeps the server's programs off the PATH
SETTINGS = "-c listen_addresses= -c fsync=off -c max_connections=30 -c unix_socket_directories="


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL server that listens on a socket in its folder."""

    folder: Path
    numbers: Iterator[int]

    def start(self) -> None:
        """Starts it, and waits until it takes connections."""
        log = self.folder / "log"
        run("pg_ctl", "-w", "-D", str(self.data), "-l", str(log), "-o", self.options, "start")

    def stop(self) -> None:
        """Stops it as if it had crashed: who is connected is cut off."""
        run("pg_ctl", "-w", "-D", str(self.data), "-m", "immediate", "stop")

    def sql(self, statement: str) -> None:
        run("psql", "-h", str(self.folder), "-U", "postgres", "-c", statement, "postgres")

    def fresh(self) -> str:
        """The URL of a new, empty database."""
        name = f"audit{next(self.numbers)}"
        self.sql(f"CREATE DATABASE {name}")
        return f"postgresql://postgres@/{name}?host={self.folder}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def options(self) -> str:
        return SETTINGS + str(self.folder)


def program(name: str) -> str:
    """The newest installed version's program."""
    found = sorted(INSTALLED.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    path = str(found[-1]) if found else shutil.which(name)
    assert path, "these tests need a PostgreSQL server: apt-get install postgresql"
    return path


def run(name: str, *arguments: str) -> None:
    """Runs a program of PostgreSQL, which root may not run as root."""
    user = "postgres" if os.getuid() == 0 else None
    subprocess.run(
        [program(name), *arguments],
        user=user,
        group=user,
        cwd=Path("/"),
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        timeout=120,
    )


@contextmanager
def postgresql() -> Iterator[Server]:
    """A server that runs, and is gone after the block."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    if os.getuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    made = Server(folder, count())
    try:
        run("initdb", "-A", "trust", "-U", "postgres", "--no-sync", "-D", str(made.data))
        made.start()
        yield made
        made.stop()
    finally:
        shutil.rmtree(folder)
