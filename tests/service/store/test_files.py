from __future__ import annotations

from multiprocessing import get_context
from pathlib import Path

import pytest

from service.store.database import StoreError
from service.store.files import LONGEST, Files, Turn
from service.store.record import Record
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
    assert files.turns("turn:a", NOW) == []
    files.remember("file:a", NOW, record())
    talk(files, "turn:a")


def talk(files: Files, *names: str, detectors: str = NOW) -> list[Record]:
    """A conversation of these turns, and its records."""
    said = [record(number) for number in range(2 * len(names))]
    for number, name in enumerate(names):
        asked, answered = said[2 * number : 2 * number + 2]
        before = names[number - 1] if number else ""
        files.remember_turn(name, detectors, Turn(asked=asked, answered=answered, before=before))
    return said


def test_a_turn_is_known_with_all_before_it_by_what_inspected_them(tmp_path: Path) -> None:
    files = Files(tmp_path / "uploads")
    said = talk(files, "turn:a", "turn:b", "turn:c")
    assert Files(tmp_path / "uploads").turns("turn:c", NOW) == said
    assert files.turns("turn:a", NOW) == said[:2]
    assert files.turns("turn:c", BEFORE) == files.turns("turn:d", NOW) == []
    assert files.known({"turn:a"}, NOW) == {}
    assert SECRET.encode() not in (tmp_path / "uploads").read_bytes()


def test_what_goes_on_from_an_unknown_turn_is_not_known(tmp_path: Path) -> None:
    files = Files(tmp_path / "uploads", most_turns=2)
    talk(files, "turn:a", detectors=BEFORE)
    said = talk(files, "turn:b", "turn:c")
    assert files.turns("turn:c", NOW) == said
    files.remember_turn(
        "turn:d", NOW, Turn(asked=said[0], answered=said[1], before="turn:elsewhere")
    )
    assert files.turns("turn:d", NOW) == []
    assert files.turns("turn:c", NOW) == []  # its first turn was the oldest
    talk(files, "turn:e", "turn:e")
    assert files.turns("turn:e", NOW) == []  # it goes on from itself, without a beginning


def test_a_conversation_that_is_too_long_is_not_known(tmp_path: Path) -> None:
    files = Files(tmp_path / "uploads")
    held = LONGEST // len(record().to_json()) // 2
    said = talk(files, *(f"turn:{number}" for number in range(held + 2)))
    assert files.turns(f"turn:{held - 1}", NOW) == said[: 2 * held]
    assert files.turns(f"turn:{held + 1}", NOW) == []


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="GLASSGATE_FILES") as caught:
        Files(tmp_path)
    assert str(tmp_path) in str(caught.value)
