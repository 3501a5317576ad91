"""Waits for files to change."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

EVERY_S: Final = 0.5


def changes(
    paths: Callable[[], Iterable[Path]], wait: Callable[[float], None] = time.sleep
) -> Iterator[None]:
    """Yields at once, and again whenever a file has changed, come or gone.

    ``paths`` says anew which files are watched, each time that they are looked at.
    """
    before = None
    while True:
        now = {path: _stamp(path) for path in paths()}
        if now != before:
            before = now
            yield
        else:
            wait(EVERY_S)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Tells one content from the next; None where there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
