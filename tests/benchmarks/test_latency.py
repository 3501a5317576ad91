import json
from pathlib import Path

import pytest

from benchmarks.latency import Plan, main, run, spent_since
from benchmarks.report import Way
from benchmarks.requests import LOADS


def test_log_lines_are_read_from_where_the_measurement_began(tmp_path: Path) -> None:
    def line(event: str, total: float) -> str:
        return json.dumps({"event": event, "ms": {"total": total}}) + "\n"

    log = tmp_path / "glassgate.log"
    log.write_text("Glassgate listens\n" + line("request", 1.0), encoding="utf-8")
    begun = log.stat().st_size
    with log.open("a", encoding="utf-8") as more:
        more.write(line("request", 2.0) + line("reload", 9.0) + "words\n" + line("request", 3.0))
    assert [ms["total"] for ms in spent_since(log, begun)] == [2.0, 3.0]


def test_a_plan_visits_every_load_and_streams_once() -> None:
    plan = Plan(seconds=1, least=1, users=(1, 4), rounds=1)
    visited = [(load.name, users) for load, users in plan.cells()]
    assert len(visited) == len(set(visited)) == 2 * len(LOADS) + 1
    assert visited[-1] == ("200 characters, streamed", 1)


@pytest.mark.timeout(300)
def test_a_short_run_fills_every_table() -> None:
    measured = run(Plan(seconds=0.1, least=1, users=(1,), rounds=1, known=1), with_litellm=False)
    for way in Way:
        rows = measured.count(f"| {way.value} |")
        assert rows >= 0 if way is Way.LITELLM else rows >= len(LOADS) + 1
    for load in LOADS:
        assert f"### {load.name[0].upper()}{load.name[1:]}" in measured
    assert "LiteLLM left out" in measured


@pytest.mark.parametrize(("page", "said"), [(None, "page.md"), ("no marks", "must hold")])
def test_a_page_that_cannot_take_the_tables_is_found_before_they_are_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], page: str | None, said: str
) -> None:
    path = tmp_path / "page.md"
    if page is not None:
        path.write_text(page, encoding="utf-8")
    assert main(["--seconds", "3600", "--no-litellm", "--out", str(path)]) == 1
    assert said in capsys.readouterr().err
