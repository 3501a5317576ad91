"""Cases that are requests, at an edit: a worker that serves inspects them, then it takes effect."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.gate import Gate, running, until
from tests.service.policies import policy

pytestmark = pytest.mark.timeout(180)

ASKED = b'{"model": "m", "messages": [{"role": "user", "content": "What is the capital?"}]}'
TAKEN_S = 20.0
STRICT, LOOSE = ("images > 0 && 'ocr' in methods", "images > 9 && 'ocr' in methods")
OTHERS = "images == 1 && 'ocr' in methods"
PICTURE = """
  - id: drawn-{number}
    request: {{picture: {{text: "Platform {number}"}}}}
    expect: {{action: refuse, rules: [drawn]}}
"""


@pytest.fixture
def asking(tmp_path: Path) -> Callable[..., Path]:
    """Writes a policy whose cases are so many pictures; its file."""

    def write(pictures: int) -> Path:
        path = tmp_path / "policy.yaml"
        path.write_text(policy("drawn", STRICT))
        cases = tmp_path / "cases" / "asked.yaml"
        cases.parent.mkdir()
        drawn = "".join(PICTURE.format(number=number) for number in range(pictures))
        cases.write_text(f"policy: ../policy.yaml\ncases:{drawn}")
        return path

    return write


def told(gate: Gate) -> dict[str, Any]:
    body: dict[str, Any] = httpx.get(f"{gate.admin}/readyz").json()["policy"]
    return body


def applied(gate: Gate) -> float:
    return gate.counted("glassgate_policy_reloads_total", outcome="applied")


def test_an_edit_that_no_longer_refuses_a_picture_is_refused(
    asking: Callable[..., Path], tmp_path: Path
) -> None:
    path = asking(2)
    with running(tmp_path / "gate", "--workers", "2", "--policy", str(path)) as gate:
        before = told(gate)["hash"]
        path.write_text(policy("drawn", LOOSE))
        until(lambda: bool(told(gate)["problems"]), TAKEN_S, "the edit was not refused")
        one, other = told(gate)["problems"]
        cases = path.parent / "cases" / "asked.yaml"
        assert one.startswith(f"{cases}: drawn-0: failed\n    - action: refuse\n    + action: fo")
        assert other.startswith(f"{cases}: drawn-1: failed")
        assert (told(gate)["hash"], gate.ready()) == (before, True)
        assert gate.counted("glassgate_policy_stale") == 1
        assert gate.counted("glassgate_policy_reloads_total", outcome="refused") == 1
        (line,) = [line for line in gate.log.splitlines() if '"policy refused"' in line]
        assert json.loads(line)["problems"] == [one, other]
        path.write_text(policy("drawn", OTHERS))
        until(lambda: applied(gate) == 1, TAKEN_S, "the mended edit was not taken over")
        (line,) = [line for line in gate.log.splitlines() if '"policy applied"' in line]
        assert json.loads(line)["cases"] == 2
        assert gate.counted("glassgate_policy_stale") == 0


def test_requests_are_answered_while_cases_are_asked(
    asking: Callable[..., Path], tmp_path: Path
) -> None:
    path = asking(12)
    with running(tmp_path / "gate", "--policy", str(path), cases_budget_s="120") as gate:
        path.write_text(policy("drawn", OTHERS))
        answered = []
        while not applied(gate):
            assert not told(gate)["problems"]
            answered.append(gate.post(ASKED).status_code)
        assert set(answered) == {200}
        assert len(answered) > 4  # they did not wait for all of them


def test_an_edit_whose_cases_take_too_long_is_refused(
    asking: Callable[..., Path], tmp_path: Path
) -> None:
    path = asking(3)
    gate_s = {"cases_budget_s": "0.05"}
    with running(tmp_path / "gate", "--policy", str(path), **gate_s) as gate:
        path.write_text(policy("drawn", OTHERS))
        until(lambda: bool(told(gate)["problems"]), TAKEN_S, "the edit was not refused")
        (problem,) = told(gate)["problems"]
        assert "drawn-0: the cases with a `request` take longer than 0.05 s together" in problem
        assert applied(gate) == 0


def test_a_stop_does_not_wait_for_cases(asking: Callable[..., Path], tmp_path: Path) -> None:
    path = asking(60)
    with running(tmp_path / "gate", "--policy", str(path), cases_budget_s="600") as gate:
        path.write_text(policy("drawn", OTHERS))
        url = f"{gate.admin}/policy/reload"
        waiting = threading.Thread(target=lambda: httpx.post(url, timeout=60), daemon=True)
        waiting.start()
        time.sleep(1.5)
        assert waiting.is_alive()
        gate.process.terminate()
        begun = time.monotonic()
        assert gate.process.wait(30) == 0
        assert time.monotonic() - begun < 8
        assert "the service is being stopped" in gate.log
