"""What is left when a process that writes is ended, or its disk gives no more."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.store.reader import read
from tests.service.store.offering import SMALL

ROOT = Path(__file__).parents[3]


@contextmanager
def offering(
    url: str, count: int, every_s: float, mode: str = ""
) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.service.store.offering", url, str(count), str(every_s)]
    process = subprocess.Popen(
        [*command, mode] if mode else command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def told(process: subprocess.Popen[str], most: int = sys.maxsize) -> list[tuple[int, float]]:
    """The numbers and times of the records that were taken, of ``most`` lines or up to the last."""
    assert process.stdout is not None
    taken = []
    for line in process.stdout:
        number, _, time = line.partition(" ")
        if not number.isdigit():
            break
        taken.append((int(number), float(time)))
        if len(taken) == most:
            break
    return taken


def numbers(url: str) -> set[int]:
    return {int(each.id, 16) for each in read(url)}


def test_kill_9_costs_a_second_at_most(url: str) -> None:
    with offering(url, 10_000, 0.005) as process:
        taken = told(process, 400)
        process.send_signal(signal.SIGKILL)
        taken += told(process)
        process.wait()
    kept = numbers(url)
    ended = taken[-1][1]
    lost = [time for number, time in taken if number not in kept]
    assert all(ended - time <= 1.0 for time in lost)
    assert len(kept) > 100


def test_sigterm_costs_nothing(url: str) -> None:
    with offering(url, 10_000, 0.001) as process:
        taken = told(process, 300)
        process.terminate()
        taken += told(process)
        assert process.wait(60) == 0
    assert numbers(url) == {number for number, _ in taken}


def test_a_full_disk_is_waited_for(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/audit.db"
    with offering(url, 600, 0.002, "small_files") as process:
        assert len(told(process)) == 600
        assert process.stdin is not None
        assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 4 * SMALL
        before = len(numbers(url))
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.wait(60) == 0
        assert process.stdout is not None
        assert process.stdout.read().split() == ["lost", "0"]
    assert before < 600
    assert numbers(url) == set(range(600))


def test_a_database_that_may_not_be_written_is_waited_for() -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/audit.db"
        with offering(url, 50, 0.01, "read_only") as process:
            assert len(told(process)) == 50
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.wait(60) == 0
        assert numbers(url) == set(range(50))
