import pytest

from benchmarks.policy import main


def test_a_short_run_fills_a_row_for_each_size_and_exchange(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--rules", "4", "60", "--decisions", "10"]) == 0
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split(" | ")[:2] for row in rows] == [
        ["| 4", "benign"],
        ["| 4", "harmful"],
        ["| 60", "benign"],
        ["| 60", "harmful"],
    ]
    assert all(float(row.split(" | ")[2]) > 0.0 for row in rows)
