"""The pieces of a file that comes in several, kept on disk until the last one is there.

An upload is one file in a folder that all workers share, found by the upload's id. It grows by its
pieces, and is always the beginning of what the client brings. Who works on it holds its lock, which
the system lifts if that process ends.

Nothing stays: what is over is deleted, and what was not finished in time. The first service that
uses a folder deletes what is left there, and so does the last one that ends.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

import structlog

from service.errors import BodyTooLarge, Conflict, Malformed, Overloaded
from service.settings import SettingsError

LASTS_S: Final = 3600
"""How long a file may be brought after it was announced."""
FILES: Final = 16
"""All uploads together may have as many bytes as so many files of the largest size."""
UPLOADS: Final = 1024
"""Uploads that may be kept at once, however small."""
SPARE: Final = 32 * 1024 * 1024
"""Bytes of the disk that are left to others: on a small one the workers' counters lie, too."""
OWN: Final = "glassgate-"
"""What a service's own temporary folder begins with."""
PIECES: Final = "pieces"
"""The folder of the pieces in it."""

NOWHERE: Final = Path(os.devnull)
"""The folder of an app without a supervisor, which makes none: no piece can be kept there."""

_IN_USE: Final = "in-use"
_ROOM: Final = "room"
_ID: Final = re.compile(r"[0-9]+-[0-9a-f]{32}")

NOT_BEGUN: Final = (
    "this upload was not begun here, or over an hour ago, or it is over: begin it again (where "
    "several gates share an address, GLASSGATE_UPLOAD_KEY must be the same for all, and for files "
    "over 8 MiB GLASSGATE_UPLOAD_FOLDER too)"
)
BUSY: Final = "another request works on this upload: wait for its answer, then ask with `query`"
FULL: Final = "files in pieces take up all the room that there is for them; try again later"
UNKEPT: Final = "the piece cannot be kept: the disk is full or out of order; try again later"

_log = structlog.get_logger("glassgate")


class Kept:
    """What was kept of one upload. Until it is closed, nobody else works on it."""

    def __init__(self, path: Path, *, create: bool) -> None:
        """Opens it.

        Raises:
            FileNotFoundError: nothing was kept.
            Conflict: another request works on it.
        """
        self._path = path
        flags = os.O_RDWR | (os.O_CREAT if create else 0)
        self._file = os.fdopen(os.open(path, flags, 0o600), "r+b", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.fstat(self._file.fileno()).st_nlink:  # deleted while it was opened
                raise FileNotFoundError(path)
        except OSError as error:
            self._file.close()
            if isinstance(error, BlockingIOError):
                raise Conflict(BUSY) from None
            raise

    def close(self) -> None:
        self._file.close()

    @property
    def size(self) -> int:
        """How many bytes were kept."""
        return os.fstat(self._file.fileno()).st_size

    def read(self) -> bytes:
        """All that was kept."""
        self._file.seek(0)
        return self._file.readall()

    def add(self, piece: bytes) -> None:
        """Keeps a piece more; after an ``OSError``, perhaps only its beginning."""
        self._file.seek(0, os.SEEK_END)
        left = memoryview(piece)
        while left:
            left = left[self._file.write(left) or 0 :]

    def cut(self, size: int) -> None:
        """Keeps no more than so many bytes, and no empty file."""
        self._file.truncate(size)
        if not size:
            self.delete()

    def delete(self) -> None:
        """Deletes it, or leaves it to ``Spool.sweep`` where the disk does not let it go."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("what was kept of an upload cannot be deleted", error=_why(error))


class Spool:
    """What was kept of all uploads in a folder. It blocks on the disk, so ask it in a thread.

    ``limit`` is how many bytes a file may have. Whoever serves makes the folder (``in_use``).
    """

    def __init__(self, folder: Path, limit: int, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._limit = limit
        self._clock = clock

    def begin(self, length: int | None = None) -> str:
        """The id of a new upload, which says when it began. Nothing is kept yet.

        Raises ``BodyTooLarge`` if its file is said to have more bytes than one may.
        """
        if length is not None and length > self._limit:
            raise self._too_large()
        return f"{int(self._clock())}-{secrets.token_hex(16)}"

    def add(self, upload: str, offset: int, piece: bytes) -> None:
        """Keeps a piece that begins at this offset.

        Raises:
            Malformed: the upload is not known, or another number of bytes was kept.
            BodyTooLarge: the file is over the limit; nothing of it is kept any more.
            Conflict: another request works on it.
            Overloaded: there is no room; what was kept before still is.
        """
        with _disk(), closing(self._opened(upload, create=not offset)) as kept:
            _expect(offset, kept)
            if offset + len(piece) > self._limit:
                kept.delete()
                raise self._too_large()
            try:
                with self._room(len(piece)):
                    kept.add(piece)
            except (Overloaded, OSError):
                kept.cut(offset)
                raise

    def last(self, upload: str, offset: int | None, piece: bytes) -> tuple[bytes, Kept | None]:
        """The whole file with its last piece, which begins at this offset.

        What was kept of it, if anything was, still is, and is to be deleted or closed. None as the
        offset stands for all that was kept. Raises as ``add`` does.
        """
        with _disk(), ExitStack() as opened:
            try:
                kept = opened.enter_context(closing(self._opened(upload)))
            except Malformed:
                if offset == 0:
                    return piece, None
                raise
            if offset is not None:
                _expect(offset, kept)
            if kept.size + len(piece) > self._limit:
                kept.delete()
                raise self._too_large()
            whole = kept.read() + piece
            opened.pop_all()
        return whole, kept

    def received(self, upload: str) -> int:
        """How many bytes were kept. Raises ``Conflict`` as ``add`` does."""
        with _disk(), suppress(Malformed), closing(self._opened(upload)) as kept:
            return kept.size
        return 0

    def cancel(self, upload: str) -> None:
        """Deletes what was kept. Raises ``Conflict`` as ``add`` does."""
        with _disk(), suppress(Malformed), closing(self._opened(upload)) as kept:
            kept.delete()

    def sweep(self) -> None:
        """Deletes what was not finished in time."""
        with suppress(OSError):
            for path in _uploads(self._folder):
                if int(path.name.partition("-")[0]) + LASTS_S <= self._clock():
                    path.unlink(missing_ok=True)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"the file has more than {self._limit} bytes, the limit here")

    def _opened(self, upload: str, *, create: bool = False) -> Kept:
        """Raises ``Malformed`` where nothing was kept."""
        try:
            return Kept(self._folder / upload, create=create)
        except (FileNotFoundError, NotADirectoryError):
            raise Malformed(NOT_BEGUN) from None

    @contextmanager
    def _room(self, more: int) -> Iterator[None]:
        """Around the keeping of so many bytes more: one request at a time, so that all fit.

        Raises ``Overloaded`` if they do not.
        """
        with _locked(self._folder / _ROOM, fcntl.LOCK_EX):
            sizes = list(map(_size, _uploads(self._folder)))
            disk = os.statvfs(self._folder)
            if (
                len(sizes) > UPLOADS
                or sum(sizes) + more > FILES * self._limit
                or disk.f_bavail * disk.f_frsize - more < SPARE
            ):
                raise Overloaded(FULL)
            yield


@contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """Around a service that keeps pieces in this folder, alone or with others.

    Raises ``SettingsError`` if it cannot be used.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        clear(folder)
        lock = _locked(folder / _IN_USE, fcntl.LOCK_SH)
    except OSError as error:
        raise SettingsError(
            f"GLASSGATE_UPLOAD_FOLDER: {folder} cannot be used ({error.strerror}); name a folder "
            "in which this user may write and lock files, or leave it out"
        ) from None
    try:
        yield
    finally:
        lock.close()
        with suppress(OSError):
            clear(folder)


def clear(folder: Path) -> None:
    """Deletes all that was kept in this folder, unless a service uses it."""
    with suppress(BlockingIOError), _locked(folder / _IN_USE, fcntl.LOCK_EX | fcntl.LOCK_NB):
        for path in _uploads(folder):
            path.unlink(missing_ok=True)


def clear_left() -> None:
    """Deletes what services that were killed left in folders of their own."""
    for folder in Path(tempfile.gettempdir()).glob(f"{OWN}*/{PIECES}"):
        with suppress(OSError):
            if folder.parent.lstat().st_uid == os.getuid():  # nobody else's, not by a link either
                clear(folder)


def _locked(path: Path, lock: int) -> BinaryIO:
    """A file that is locked until it is closed. Raises as ``flock`` does."""
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
    try:
        fcntl.flock(file, lock)
    except OSError:
        file.close()
        raise
    return file


def _uploads(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if _ID.fullmatch(path.name))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # it was over just now
        return 0


def _expect(offset: int, kept: Kept) -> None:
    """Raises ``Malformed`` unless a piece that begins at this offset is the next one."""
    if offset != kept.size:
        raise Malformed(
            f"X-Goog-Upload-Offset is {offset}, and {kept.size} bytes of the file were kept: bring "
            "what follows them (X-Goog-Upload-Command: query tells how many they are)"
        )


@contextmanager
def _disk() -> Iterator[None]:
    """Tells the operator why the disk does not do what is asked of it, and the client that."""
    try:
        yield
    except OSError as error:
        _log.warning("a piece of an upload cannot be kept", error=_why(error))
        raise Overloaded(UNKEPT) from None


def _why(error: OSError) -> str:
    """The name of the system's error, which holds no path."""
    return errno.errorcode.get(error.errno or 0, "unknown")
