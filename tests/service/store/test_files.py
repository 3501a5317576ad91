from __future__ import annotations

from multiprocessing import get_context
from pathlib import Path

import pytest

from service.store.database import StoreError
from service.store.files import Files
from tests.service.store.samples import SECRET, record

NOW, BEFORE = "detectors of now", "detectors of before"


def test_an_upload_is_known_by_its_name_and_by_what_inspected_it(tmp_path: Path) -> None:
    files = Files(tmp_path / "uploads")
    files.remember("file:a", NOW, record(1))
    files.remember("file:b", BEFORE, record(2))
    files.remember("file:a", BEFORE, record(3))
    names = {"file:a", "file:b", "batch:a", "file:elsewhere"}
    assert files.known(names, NOW) == {"file:a": record(1)}
    assert files.known(names, BEFORE) == {"file:a": record(3), "file:b": record(2)}


def test_an_upload_that_is_inspected_again_is_known_as_it_was_last(tmp_path: Path) -> None:
    files = Files(tmp_path / "uploads")
    for number in range(3):
        files.remember("file:a", NOW, record(number))
    assert files.known({"file:a"}, NOW) == {"file:a": record(2)}


def test_the_oldest_uploads_are_forgotten(tmp_path: Path) -> None:
    files = Files(tmp_path / "uploads", most=3)
    for number in range(5):
        files.remember(f"file:{number}", NOW, record(number))
    assert set(files.known({f"file:{n}" for n in range(5)}, NOW)) == {
        "file:2",
        "file:3",
        "file:4",
    }


def test_nothing_of_what_was_uploaded_is_kept(tmp_path: Path) -> None:
    Files(tmp_path / "uploads").remember("file:a", NOW, record())
    assert SECRET.encode() not in (tmp_path / "uploads").read_bytes()


def _remember(path: Path, first: int) -> None:
    files = Files(path)
    for number in range(first, first + 20):
        files.remember(f"file:{number}", NOW, record(number))


def test_what_one_worker_inspected_all_know(tmp_path: Path) -> None:
    path = tmp_path / "uploads"
    workers = [
        get_context("spawn").Process(target=_remember, args=(path, first)) for first in (0, 20)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    known = Files(path).known({f"file:{n}" for n in range(40)}, NOW)
    assert known == {f"file:{n}": record(n) for n in range(40)}


@pytest.mark.parametrize("broken", ["no row", "no database"])
def test_what_cannot_be_read_is_not_known(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "uploads"
    files = Files(path)
    files.remember("file:a", NOW, record())
    if broken == "no database":
        path.write_bytes(b"no database" * 999)
    else:
        path.unlink()
    assert files.known({"file:a"}, NOW) == {}
    files.remember("file:a", NOW, record())


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="GLASSGATE_FILES") as caught:
        Files(tmp_path)
    assert str(tmp_path) in str(caught.value)
