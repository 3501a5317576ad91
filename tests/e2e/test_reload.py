"""Policies that are edited while real workers serve: which decided, and that all agree."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.policy.load import load
from tests.e2e.gate import START_S, Gate, running, until
from tests.e2e.serving import serving
from tests.e2e.upstream import Upstream
from tests.service.policies import configmap, policy

pytestmark = pytest.mark.timeout(180)

ASKED = b'{"model": "m", "messages": [{"role": "user", "content": "What is the capital?"}]}'
TAKEN_S = 10.0
FLIPS = 8


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("policy")
    (folder / "policy.yaml").write_text(policy("first"))
    return folder / "policy.yaml"


@pytest.fixture(scope="module")
def gate(edited: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Two workers before the sandbox, with a policy that these tests edit."""
    folder = tmp_path_factory.mktemp("gate")
    with running(folder, "--workers", "2", "--policy", str(edited)) as gate:
        yield gate


def write(path: Path, content: str) -> str:
    """Writes a policy as an editor does, by a new file in the old one's place; its hash."""
    fresh = path.with_suffix(".new")
    fresh.write_text(content)
    fresh.rename(path)
    return load(path).hash


def told(gate: Gate, path: str = "/policy") -> dict[str, Any]:
    body: dict[str, Any] = httpx.get(f"{gate.admin}{path}").json()
    return body


def hashes(gate: Gate) -> set[str]:
    """By which policies the workers decide."""
    return {worker["policy"] for worker in told(gate)["workers"]}


def said(answer: httpx.Response) -> tuple[str, str]:
    """The policy that decided by the header, and what it refused with; empty if it did not."""
    assert answer.status_code == httpx.codes.OK
    message = answer.json()["choices"][0]["message"]
    return answer.headers["x-glassgate-policy"], message.get("refusal") or ""


def test_an_edit_that_left_different_policies_in_different_workers(
    gate: Gate, edited: Path
) -> None:
    second = write(edited, policy("second"))
    until(lambda: hashes(gate) == {second}, TAKEN_S, "an edit was not taken over")
    assert {said(gate.post(ASKED)) for _ in range(8)} == {(second, "Refused by second.")}
    assert gate.counted("glassgate_policy_info", hash=second) == 2
    assert gate.counted("glassgate_policy_reloads_total", outcome="applied") == 1
    assert told(gate)["written"]["rules"][0]["id"] == "second"
    assert gate.logged(gate.post(ASKED).headers["x-glassgate-id"])["policy"] == second


def test_an_edit_that_answered_200_while_the_old_policy_ran_on(gate: Gate, edited: Path) -> None:
    for name in ("sooner", "later"):
        now = write(edited, policy(name))
        reloaded = httpx.post(f"{gate.admin}/policy/reload", timeout=TAKEN_S)
        assert (reloaded.status_code, reloaded.json()["hash"]) == (200, now)
        assert {said(gate.post(ASKED)) for _ in range(8)} == {(now, f"Refused by {name}.")}


def test_a_bad_edit_is_told_everywhere_and_changes_nothing(gate: Gate, edited: Path) -> None:
    before = hashes(gate)
    edited.write_text(policy("third", "texs > 0"))
    until(lambda: bool(told(gate)["problems"]), TAKEN_S, "a bad edit was not told")
    (problem,) = told(gate, "/readyz")["policy"]["problems"]
    assert problem.startswith(f"{edited}:7:")
    assert "did you mean `texts`?" in problem
    assert (gate.ready(), hashes(gate)) == (True, before)
    assert gate.counted("glassgate_policy_stale") == 1
    (line,) = [line for line in gate.log.splitlines() if '"policy refused"' in line]
    assert json.loads(line)["problems"] == [problem]
    answer = httpx.post(f"{gate.admin}/policy/reload", timeout=TAKEN_S)
    assert (answer.status_code, answer.json()["problems"]) == (422, [problem])
    third = write(edited, policy("third"))
    until(lambda: hashes(gate) == {third}, TAKEN_S, "the mended edit was not taken over")
    assert gate.counted("glassgate_policy_stale") == 0


def test_a_rollback_a_signal_and_a_command(gate: Gate, edited: Path) -> None:
    (before,) = hashes(gate)
    fourth = write(edited, policy("fourth"))
    reloaded = httpx.post(f"{gate.admin}/policy/reload", timeout=TAKEN_S)
    assert (reloaded.status_code, reloaded.json()["hash"]) == (200, fourth)
    assert hashes(gate) == {fourth}
    back = httpx.post(f"{gate.admin}/policy/rollback", timeout=TAKEN_S)
    assert (back.status_code, back.json()["hash"]) == (200, before)
    assert said(gate.post(ASKED)) == (before, "Refused by third.")
    gate.process.send_signal(signal.SIGHUP)
    until(lambda: hashes(gate) == {fourth}, TAKEN_S, "SIGHUP was not heard")
    assert said(gate.post(ASKED)) == (fourth, "Refused by fourth.")


def test_a_trial_decides_a_share_of_the_requests(gate: Gate, edited: Path) -> None:
    (before,) = hashes(gate)
    trial = write(edited, policy("trial", more="rollout: 50%\n"))
    httpx.post(f"{gate.admin}/policy/reload", timeout=TAKEN_S).raise_for_status()
    seen = Counter(said(gate.post(ASKED)) for _ in range(60))
    assert set(seen) == {(before, "Refused by fourth."), (trial, "Refused by trial.")}
    assert min(seen.values()) >= 12  # of 60 by a fair coin: fewer happens once in a million
    counted = "glassgate_policy_decisions_total"
    assert gate.counted(counted, policy=trial) == seen[trial, "Refused by trial."]
    assert {each["trial"] for each in told(gate)["workers"]} == {trial}
    write(edited, policy("trial"))
    until(lambda: hashes(gate) == {trial}, TAKEN_S, "the trial did not become the policy")


def test_a_worker_started_anew_decides_by_the_last_edit(gate: Gate, edited: Path) -> None:
    fifth = write(edited, policy("fifth"))
    until(lambda: hashes(gate) == {fifth}, TAKEN_S, "an edit was not taken over")
    os.kill(gate.workers()[0], signal.SIGKILL)
    until(lambda: not gate.ready(), TAKEN_S, "nobody noticed that a worker was killed")
    sixth = write(edited, policy("sixth"))
    until(lambda: sixth in hashes(gate), TAKEN_S, "an edit waited for a worker that loads")
    until(gate.ready, START_S, "the worker was not started anew")
    until(lambda: hashes(gate) == {sixth}, TAKEN_S, "a new worker missed an edit")
    answers = {said(gate.post(ASKED)) for _ in range(10)}  # of either worker
    assert answers == {(sixth, "Refused by sixth.")}


def test_flips_under_load(gate: Gate, edited: Path) -> None:
    """Each answer is wholly one policy's, its header says which, and no answer fails."""
    one, two = policy("one"), policy("two", "texts > 999")
    by_hash = {write(edited, two): "", write(edited, one): "Refused by one."}
    httpx.post(f"{gate.admin}/policy/reload", timeout=TAKEN_S).raise_for_status()
    over = threading.Event()

    def ask() -> list[tuple[str, str]]:
        url = f"{gate.url}/v1/chat/completions"
        with httpx.Client(timeout=60) as client:
            return [said(client.post(url, content=ASKED)) for _ in iter(over.is_set, True)]

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        try:
            for number in range(FLIPS):
                last = write(edited, (two, one)[number % 2])
                httpx.post(f"{gate.admin}/policy/reload", timeout=TAKEN_S).raise_for_status()
            until(lambda: hashes(gate) == {last}, 1.0, "the workers do not agree")
        finally:
            over.set()
        seen = Counter(pair for each in asking for pair in each.result())
    assert set(seen) == set(by_hash.items())
    assert gate.counted("glassgate_rejected_total") == 0


def test_a_call_ends_on_the_policy_of_its_beginning(tmp_path: Path) -> None:
    """Its answer comes after the switch, and is judged as its request was."""
    configmap(tmp_path, "1", policy("first", "texts > 999"))
    before = load(tmp_path / "policy.yaml").hash
    upstream = Upstream()
    flags = ("--policy", str(tmp_path / "policy.yaml"))
    with serving(upstream) as url, running(tmp_path / "gate", "--upstream", url, *flags) as gate:
        with upstream.answering(after_s=4.0), ThreadPoolExecutor(1) as pool:
            answer = pool.submit(gate.post, ASKED)
            until(lambda: bool(upstream.received), TAKEN_S, "the model was not asked")
            answers = policy("second").replace("stage: request", "stage: response")
            configmap(tmp_path, "2", answers)
            after = load(tmp_path / "policy.yaml").hash
            until(lambda: hashes(gate) == {after}, TAKEN_S, "the link's swap was not noticed")
            assert not answer.done()
            assert said(answer.result()) == (before, "")
        assert said(gate.post(ASKED)) == (after, "Refused by second.")
