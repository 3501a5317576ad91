"""Pieces of uploads on a real disk: which are taken, and that nothing of them stays."""

from __future__ import annotations

import resource
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import pytest

from service.errors import BodyTooLarge, Conflict, GlassgateError, Malformed, Overloaded
from service.pipeline import spool
from service.pipeline.spool import FILES, LASTS_S, Spool, clear, clear_left, in_use
from service.settings import SettingsError

LIMIT: Final = 1024 * 1024
NEVER: Final = f"1-{'0' * 32}"


class Clock:
    """A clock that is set by hand."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kept(tmp_path: Path, clock: Clock) -> Spool:
    return Spool(tmp_path, LIMIT, clock)


def files(folder: Path) -> dict[str, int]:
    """The sizes of what is kept there."""
    return {path.name: path.stat().st_size for path in folder.iterdir() if path.name[0].isdigit()}


def whole(kept: Spool, upload: str, offset: int | None, piece: bytes) -> bytes:
    """The file that ends with this piece; what was kept stays."""
    data, before = kept.last(upload, offset, piece)
    if before is not None:
        before.close()
    return data


def test_pieces_make_the_file(kept: Spool, tmp_path: Path) -> None:
    upload = kept.begin()
    assert kept.received(upload) == 0
    kept.add(upload, 0, b"one ")
    kept.add(upload, 4, b"two ")
    assert kept.received(upload) == 8
    assert [path.stat().st_mode & 0o777 for path in tmp_path.glob("1000000-*")] == [0o600]
    data, before = kept.last(upload, 8, b"three")
    assert data == b"one two three"
    assert kept.received(kept.begin()) == 0
    assert before is not None
    before.delete()
    before.close()
    assert kept.received(upload) == 0
    assert files(tmp_path) == {}


def test_what_comes_in_one_piece_is_never_kept(kept: Spool, tmp_path: Path) -> None:
    assert kept.last(kept.begin(), 0, b"all") == (b"all", None)
    assert list(tmp_path.iterdir()) == []


def test_the_last_piece_may_come_again_until_the_file_is_deleted(kept: Spool) -> None:
    upload = kept.begin()
    kept.add(upload, 0, b"one ")
    for _ in range(2):
        assert whole(kept, upload, 4, b"two") == b"one two"
    assert whole(kept, upload, None, b"") == b"one "


Take = Callable[[Spool, str], object]
WRONG: dict[str, tuple[Take, type[GlassgateError], str]] = {
    "a gap": (lambda kept, it: kept.add(it, 5, b"x"), Malformed, "is 5, and 4 bytes"),
    "a piece again": (lambda kept, it: kept.add(it, 0, b"one "), Malformed, "is 0, and 4 bytes"),
    "a last one too far on": (lambda kept, it: kept.last(it, 5, b"x"), Malformed, "4 bytes"),
    "a last one at the beginning": (lambda kept, it: kept.last(it, 0, b"x"), Malformed, "4 bytes"),
    "of an unknown one": (lambda kept, _: kept.add(NEVER, 4, b"x"), Malformed, "not begun"),
    "the last of an unknown one": (lambda kept, _: kept.last(NEVER, 4, b""), Malformed, "begun"),
    "all of an unknown one": (lambda kept, _: kept.last(NEVER, None, b""), Malformed, "begun"),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_piece_that_is_not_the_next_one_is_told_so(
    kept: Spool, tmp_path: Path, wrong: tuple[Take, type[GlassgateError], str]
) -> None:
    upload = kept.begin()
    kept.add(upload, 0, b"one ")
    take, error, why = wrong
    with pytest.raises(error, match=why):
        take(kept, upload)
    assert files(tmp_path) == {upload: 4}
    assert whole(kept, upload, 4, b"two") == b"one two"


def test_a_file_over_the_limit_is_deleted(kept: Spool, tmp_path: Path) -> None:
    with pytest.raises(BodyTooLarge, match=f"{LIMIT} bytes"):
        kept.begin(LIMIT + 1)
    for take in (kept.add, kept.last):
        upload = kept.begin(LIMIT)
        kept.add(upload, 0, bytes(LIMIT))
        with pytest.raises(BodyTooLarge, match=f"{LIMIT} bytes"):
            take(upload, LIMIT, b"x")
        assert files(tmp_path) == {}


def test_all_uploads_together_have_a_bound(kept: Spool, tmp_path: Path) -> None:
    first = kept.begin()
    kept.add(first, 0, bytes(LIMIT - 1))
    for _ in range(FILES - 1):
        kept.add(kept.begin(), 0, bytes(LIMIT))
    before = files(tmp_path)
    with pytest.raises(Overloaded, match="room"):
        kept.add(kept.begin(), 0, b"xx")
    assert files(tmp_path) == before
    kept.add(first, LIMIT - 1, b"x")
    kept.cancel(first)
    kept.add(kept.begin(), 0, b"xx")


def test_so_has_their_number(kept: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "UPLOADS", 2)
    uploads = [kept.begin() for _ in range(3)]
    for upload in uploads[:2]:
        kept.add(upload, 0, b"")
    with pytest.raises(Overloaded, match="room"):
        kept.add(uploads[2], 0, b"")
    assert set(files(tmp_path)) == set(uploads[:2])
    kept.add(uploads[0], 0, b"x")


def test_the_last_of_a_disk_is_left_to_others(kept: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "SPARE", 2**60)
    with pytest.raises(Overloaded, match="room"):
        kept.add(kept.begin(), 0, b"x")


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The system writes no more than that to a file of this process, as where a disk is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_no_half_piece(
    kept: Spool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    upload, late = kept.begin(), kept.begin()
    kept.add(upload, 0, bytes(1000))
    with files_of_at_most(1500):
        for each, offset, size in ((upload, 1000, 1000), (late, 0, 2000)):
            with pytest.raises(Overloaded, match="disk"):
                kept.add(each, offset, bytes(size))
            assert files(tmp_path) == {upload: 1000}
    kept.add(upload, 1000, bytes(1000))
    told = "".join(capsys.readouterr())
    assert "EFBIG" in told
    assert upload not in told


def test_only_one_request_works_on_an_upload(kept: Spool, tmp_path: Path) -> None:
    upload = kept.begin()
    kept.add(upload, 0, b"one ")
    _, held = kept.last(upload, 4, b"two")
    assert held is not None
    other = Spool(tmp_path, LIMIT)
    takes: list[Callable[[], object]] = [
        lambda: other.add(upload, 4, b"two"),
        lambda: other.last(upload, 4, b"two"),
        lambda: other.received(upload),
        lambda: other.cancel(upload),
    ]
    for take in takes:
        with pytest.raises(Conflict, match="another request"):
            take()
    held.close()
    assert other.received(upload) == 4


def _brings(folder: Path, upload: str, byte: bytes) -> tuple[int, int]:
    """Brings pieces until half a megabyte is there: how many were taken, and how many were not."""
    kept, taken, refused = Spool(folder, LIMIT), 0, 0
    while True:
        try:
            if (offset := kept.received(upload)) >= LIMIT // 2:
                return taken, refused
            kept.add(upload, offset, byte * 4096)
            taken += 1
        except (Conflict, Malformed):
            refused += 1


def test_processes_that_bring_the_same_upload_at_once_do_not_mix_it(tmp_path: Path) -> None:
    kept = Spool(tmp_path, LIMIT)
    upload = kept.begin()
    kept.add(upload, 0, b"")
    with get_context("spawn").Pool(3) as pool:
        told = pool.starmap(_brings, [(tmp_path, upload, byte) for byte in (b"a", b"b", b"c")])
    data = whole(kept, upload, None, b"")
    assert len(data) == sum(taken for taken, _ in told) * 4096
    pieces = [data[at : at + 4096] for at in range(0, len(data), 4096)]
    assert all(piece == piece[:1] * 4096 for piece in pieces)


def test_threads_that_bring_different_uploads_at_once_keep_to_the_bound(
    kept: Spool, tmp_path: Path
) -> None:
    def bring(_: int) -> bool:
        try:
            kept.add(kept.begin(), 0, bytes(LIMIT))
        except Overloaded:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(bring, range(2 * FILES))) == FILES
    assert sum(files(tmp_path).values()) == FILES * LIMIT


def test_what_is_not_finished_in_time_is_deleted(kept: Spool, clock: Clock, tmp_path: Path) -> None:
    (tmp_path / "another.txt").write_text("not ours")
    old = kept.begin()
    clock.now += LASTS_S - 1
    new = kept.begin()
    for upload in (old, new):
        kept.add(upload, 0, b"x")
    kept.sweep()
    assert set(files(tmp_path)) == {old, new}
    clock.now += 1
    kept.sweep()
    assert set(files(tmp_path)) == {new}
    assert (tmp_path / "another.txt").exists()
    Spool(tmp_path / "nowhere", LIMIT, clock).sweep()


def test_a_cancelled_one_is_deleted_once_or_twice(kept: Spool, tmp_path: Path) -> None:
    upload = kept.begin()
    kept.add(upload, 0, b"x")
    for _ in range(2):
        kept.cancel(upload)
        assert files(tmp_path) == {}


def test_the_first_service_and_the_last_delete_what_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "of" / "pieces"
    kept = Spool(folder, LIMIT)
    with in_use(folder):
        assert folder.stat().st_mode & 0o777 == 0o700
        kept.add(kept.begin(), 0, b"x")
        with in_use(folder):
            assert len(files(folder)) == 1
        clear(folder)
        assert len(files(folder)) == 1
    assert files(folder) == {}
    kept.add(kept.begin(), 0, b"left by one that was killed")
    (folder / "another.txt").write_text("not ours")
    with in_use(folder):
        assert files(folder) == {}
    assert (folder / "another.txt").exists()


def test_what_a_killed_service_left_in_a_folder_of_its_own_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    killed, alive, other = (
        tmp_path / name / "pieces" for name in ("glassgate-a", "glassgate-b", "c")
    )
    for folder in (killed, alive, other):
        folder.mkdir(parents=True)
    with in_use(alive):
        for folder in (killed, alive, other):
            kept = Spool(folder, LIMIT)
            kept.add(kept.begin(), 0, b"x")
        clear_left()
        assert [len(files(folder)) for folder in (killed, alive, other)] == [0, 1, 1]


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(SettingsError, match=r"GLASSGATE_UPLOAD_FOLDER: .* cannot be used"),
        in_use(tmp_path / "file"),
    ):
        pass


def test_without_a_folder_only_whole_files_are_taken() -> None:
    kept = Spool(spool.NOWHERE, LIMIT)
    assert kept.last(kept.begin(), 0, b"all") == (b"all", None)
    with pytest.raises(Malformed, match="not begun"):
        kept.add(kept.begin(), 0, b"x")
