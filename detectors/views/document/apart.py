"""Reads one document, from standard input to standard output, in a process of its own.

A document's readers are large, and a file can be made to keep one busy for ever or to break it: the
process may use so much time and memory and no more, and what it breaks is itself.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from os import environ
from typing import Final

from detectors.views.document.kinds import DocumentError, Kind
from detectors.views.document.pieces import Piece, Unreadable, parse, write

COMPUTING: Final = 10
"""Seconds of computing, for one document; one of 50 full pages takes about 5."""
SECONDS: Final = 30
"""Of wall-clock time, where the machine has other things to do."""
MEMORY: Final = 1024**3
"""Bytes of address space: a page of the greatest size takes a tenth of it."""

_READERS: Final = {Kind.PDF: "pdf", Kind.OFFICE: "office", Kind.HTML: "markup"}
"""Modules beside this one, each with a function ``pieces``; loaded in the process only."""
_KEPT: Final = ("LD_LIBRARY_PATH", "SYSTEMROOT")
"""Of our environment, which holds keys, the process gets no more than it needs to start."""


def read(kind: Kind, data: bytes, seconds: float = SECONDS) -> list[Piece]:
    """What a document holds. Raises ``DocumentError``."""
    command = [sys.executable, "-I", "-m", __name__, kind.value]
    environment = {name: environ[name] for name in _KEPT if name in environ}
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module, and a fixed word
            command,
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        raise DocumentError(f"the document was not read within {seconds:g} seconds") from None
    except OSError as error:
        raise DocumentError(f"the document's reader did not start: {error.strerror}") from None
    if sys.platform != "win32" and done.returncode == -signal.SIGXCPU:
        raise DocumentError(f"the document takes more than {COMPUTING} seconds of computing")
    try:
        return parse(done.stdout)
    except Unreadable as error:
        raise DocumentError(str(error)) from None


def main(kind: str) -> None:
    """The process: limits itself, reads, writes."""
    _limit()
    data = sys.stdin.buffer.read()
    module = import_module(f"detectors.views.document.{_READERS[Kind(kind)]}")
    reader: Callable[[bytes], Iterator[Piece]] = module.pieces
    write(reader(data), sys.stdout.buffer)


def _limit() -> None:
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - there is none on Windows

        resource.setrlimit(resource.RLIMIT_CPU, (COMPUTING, COMPUTING + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if sys.platform == "linux":
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


if __name__ == "__main__":
    main(sys.argv[1])
