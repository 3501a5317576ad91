"""The supervisor and its workers, as real processes: start, several workers, faults, the end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.settings import DEFAULT_POLICY
from tests.e2e.gate import COMMAND, END_S, START_S, Gate, environment, running, until
from tests.e2e.serving import free_port, serving
from tests.e2e.upstream import Upstream

pytestmark = pytest.mark.timeout(180)

HELLO = (
    b'{"model": "m", "messages": [{"role": "user", "content": "What is the capital of France?"}]}'
)
REQUESTS, ERRORS = "glassgate_requests_total", "glassgate_rejected_total"


def alive(pid: int) -> bool:
    """Whether the process runs; one that only waits to be reaped does not."""
    try:
        return re.search(r"\) ([A-Z])", Path(f"/proc/{pid}/stat").read_text())[1] != "Z"  # type: ignore[index]
    except OSError:
        return False


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def asked(gate: Gate, times: int) -> list[int]:
    """Asks so many times over four connections at once; the statuses."""
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda _: gate.post(HELLO), range(times))
        return [answer.status_code for answer in answers]


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Two workers before the sandbox; the ports of the environment, one of them overridden."""
    folder = tmp_path_factory.mktemp("gate")
    flags = ("--workers", "2", "--demo", str(folder / "demo"))
    with running(folder / "gate", *flags, port="1", workers="7", log_level="warning") as gate:
        yield gate


def test_flags_win_over_the_environment(gate: Gate) -> None:
    assert len(gate.workers()) == 2
    assert not gate.url.endswith(":1")


def test_it_prints_what_a_newcomer_needs(gate: Gate) -> None:
    lines = gate.printed.splitlines()
    assert len(lines) <= 10
    assert lines[0] == f"Glassgate  {gate.url}  ->  sandbox"
    assert lines[1].startswith(f"admin      {gate.admin}  ")
    assert "policies/default.yaml" in lines[2]
    tries = [line.removeprefix("try").strip() for line in lines if line.startswith("try")]
    answers: list[dict[str, Any]] = []
    for line in tries:
        body = Path(line.partition("@")[2]).read_bytes()
        assert line.startswith(f"curl -s {gate.url}/v1/chat/completions -d @")
        answers.append(gate.post(body).json()["choices"][0]["message"])
    harmless, attack = answers
    assert "What was the total?" in harmless["content"]
    assert attack["refusal"]


def test_the_counters_of_all_workers_are_one_sum(gate: Gate) -> None:
    before = gate.counted(REQUESTS, action="forward"), gate.counted(ERRORS)
    assert asked(gate, 24) == [200] * 24
    assert gate.post(b"{").status_code == 400
    assert gate.counted(REQUESTS, action="forward") == before[0] + 24
    assert gate.counted(ERRORS) == before[1] + 1
    assert gate.counted("glassgate_workers_ready") == gate.counted("glassgate_workers") == 2
    assert gate.counted("glassgate_model_info", detector="ocr") == 2
    assert gate.counted("glassgate_policy_info") == 2


def test_a_worker_that_is_killed_comes_back_and_is_not_missed(gate: Gate) -> None:
    first, second = gate.workers()
    before = gate.counted(REQUESTS, action="forward")
    os.kill(first, signal.SIGKILL)
    until(lambda: not gate.ready(), 10, "nobody noticed that a worker was killed")
    assert httpx.get(f"{gate.admin}/healthz").status_code == 200
    assert asked(gate, 8) == [200] * 8
    until(gate.ready, START_S, "the worker was not started anew")
    third, fourth = gate.workers()
    assert (fourth, third != first) == (second, True)
    assert asked(gate, 8) == [200] * 8
    assert gate.counted(REQUESTS, action="forward") == before + 16
    assert gate.counted("glassgate_workers_ready") == 2


def test_a_worker_started_anew_decides_as_its_siblings_do(tmp_path: Path) -> None:
    """A half-finished edit of the policy file must not wait for the next crash to take effect."""
    policy = tmp_path / "policy.yaml"
    policy.write_bytes(DEFAULT_POLICY.read_bytes())
    with running(tmp_path / "gate", "--policy", str(policy)) as gate:
        (before,) = httpx.get(f"{gate.admin}/readyz").json()["workers"]
        policy.write_text("rules: [")
        os.kill(before["pid"], signal.SIGKILL)
        until(lambda: not gate.ready(), 10, "nobody noticed that the worker was killed")
        until(gate.ready, START_S, "the worker was not started anew")
        (after,) = httpx.get(f"{gate.admin}/readyz").json()["workers"]
    assert (after["policy"], after["pid"] != before["pid"]) == (before["policy"], True)


def test_a_stop_lets_what_is_under_way_end(tmp_path: Path) -> None:
    upstream = Upstream()
    with serving(upstream) as model, running(tmp_path / "gate", "--upstream", model) as gate:
        workers = gate.workers()
        with upstream.answering(after_s=1.5), ThreadPoolExecutor(1) as pool:
            answer = pool.submit(gate.post, HELLO)
            until(lambda: bool(upstream.received), 10, "the model was not asked")
            gate.process.send_signal(signal.SIGTERM)
            assert answer.result().status_code == 200
        assert gate.process.wait(END_S) == 0
        assert not any(alive(worker) for worker in workers)
        with pytest.raises(httpx.ConnectError):
            gate.post(HELLO)


def test_ctrl_c_ends_a_start_without_a_word(tmp_path: Path) -> None:
    """A terminal sends it to the supervisor and to the workers, who are loading their models."""
    command = [*COMMAND, "serve", "--port", "0", "--admin-port", str(port := free_port())]
    with subprocess.Popen(
        command,
        env=environment(TMPDIR=str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), START_S, "no admin listener")
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=END_S)
    assert (process.returncode, said) == (0, b"")


def test_workers_end_with_their_supervisor(tmp_path: Path) -> None:
    env = environment(TMPDIR=str(tmp_path))
    command = [*COMMAND, "serve", "--port", "0", "--admin-port", str(port := free_port())]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"Glassgate")
        (worker,) = httpx.get(f"http://127.0.0.1:{port}/readyz").json()["workers"]
        assert alive(worker["pid"])
        process.kill()
        until(lambda: not alive(worker["pid"]), END_S, "an orphan runs on")


def start(*flags: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A start that is expected to fail."""
    own = {f"GLASSGATE_{name.upper()}": value for name, value in settings.items()}
    ports = ("--port", "0", "--admin-port", "0")
    return subprocess.run(
        [*COMMAND, "serve", *ports, *flags],
        env=environment(**own),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("kind", ["", "admin-"])
def test_a_port_that_is_taken_is_named(kind: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ended = start(f"--{kind}port", str(port))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"glassgate: 127.0.0.1:{port} cannot be listened on (Address already in use); "
        f"choose another --{kind}port or --{kind}host\n"
    )


def test_a_host_that_is_not_there_is_named() -> None:
    ended = start("--host", "no.such.host.invalid")
    assert ended.returncode == 2
    assert "no.such.host.invalid" in ended.stderr
    assert "--host" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_folder_for_the_demo_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = start("--demo", str(tmp_path / "file" / "demo"))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"glassgate: {tmp_path}/file/demo cannot be written: ")


RULE = """version: 1
description: a test
rules:
  - id: one
    description: d
    stage: request
    when: embeded_instruction > 0.5
    action: refuse
    message: no
"""


def test_a_wrong_policy_ends_the_start_with_file_line_and_fix(tmp_path: Path) -> None:
    policy = tmp_path / "wrong.yaml"
    policy.write_text(RULE)
    ended = start("--policy", str(policy))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"{policy}:7:" in ended.stderr
    assert "did you mean `embedded_instruction`?" in ended.stderr
    assert "Traceback" not in ended.stderr
