from __future__ import annotations

import re

import pytest

from benchmarks.reload import main


@pytest.mark.timeout(600)
def test_a_short_run_flips_twice_and_no_answer_is_wrong(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status = main(["--workers", "1", "--rate", "4", "--flips", "2", "--seconds", "2"])
    requests, *lines, flips, agreement = capsys.readouterr().out.splitlines()
    told = re.fullmatch(r"requests   (\d+), (\d+) right, 0 wrong", requests)
    assert told is not None
    assert int(told[1]) == int(told[2]) > 0
    assert 1 <= len(lines) <= 2
    assert flips.startswith("flips      2, the slowest ")
    after = re.fullmatch(r"agreement  (\d+\.\d\d) s after the last edit", agreement)
    assert after is not None
    assert status == (1 if float(after[1]) > 1.0 else 0)
