"""The admin listener over a real socket, beside a worker process that counts."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import httpx
import pytest
import uvicorn

from service.admin.app import WorkerState, admin
from service.admin.policy import NoFormerPolicy, PolicyState

READY = WorkerState(
    index=0, pid=41, ready=True, policy="aa", models=MappingProxyType({"ocr": "6"}), error=""
)
LOADING = WorkerState(index=1, pid=42, ready=False, policy="", models={}, error="")
BROKEN = WorkerState(
    index=1, pid=None, ready=False, policy="", models={}, error="ocr: model file is missing"
)
COUNTED = """
from service.telemetry import metrics
metrics.expect(["openai_chat"])
metrics.SEEN.inc(5)
"""


class Crew:
    """A fleet whose workers a test decides."""

    def __init__(self) -> None:
        self.states: Sequence[WorkerState] = ()

    def workers(self) -> Sequence[WorkerState]:
        return self.states


class Policies:
    """Policies whose fate a test decides."""

    def __init__(self) -> None:
        self.now = PolicyState(
            file="policy.yaml",
            hash="aa",
            since="2026-01-01T00:00:00+00:00",
            reloads={"applied": 3, "refused": 1},
        )
        self.next = self.now

    def state(self) -> PolicyState:
        return self.now

    def written(self) -> Mapping[str, object]:
        return {"description": "d"}

    def reload(self) -> PolicyState:
        self.now = self.next
        return self.now

    def roll_back(self) -> PolicyState:
        if not self.now.former:
            raise NoFormerPolicy("there is none")
        self.now = replace(self.now, hash=self.now.former, former="")
        return self.now


@pytest.fixture
def crew() -> Crew:
    return Crew()


@pytest.fixture
def policies() -> Policies:
    return Policies()


@pytest.fixture
def client(
    crew: Crew, policies: Policies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[httpx.Client]:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    config = uvicorn.Config(admin(crew, policies), port=0, ws="none", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        yield client
    server.should_exit = True
    thread.join(10)


@pytest.mark.parametrize(
    ("workers", "status", "ready"),
    [
        ((), 503, False),
        ((READY,), 200, True),
        ((READY, LOADING), 503, False),
        ((READY, BROKEN), 503, False),
        ((READY, READY), 200, True),
    ],
    ids=["none", "one", "one loads", "one broke", "two"],
)
def test_a_readyz_that_was_a_constant(
    workers: tuple[WorkerState, ...], status: int, *, ready: bool, client: httpx.Client, crew: Crew
) -> None:
    crew.states = workers
    answer = client.get("/readyz")
    assert answer.status_code == status
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["ready"] is ready
    assert len(answer.json()["workers"]) == len(workers)


def test_readiness_tells_each_worker(client: httpx.Client, crew: Crew) -> None:
    crew.states = (READY, BROKEN)
    assert client.get("/readyz").json()["workers"] == [
        {
            "index": 0,
            "pid": 41,
            "ready": True,
            "policy": "aa",
            "trial": "",
            "models": {"ocr": "6"},
            "error": "",
        },
        {
            "index": 1,
            "pid": None,
            "ready": False,
            "policy": "",
            "trial": "",
            "models": {},
            "error": "ocr: model file is missing",
        },
    ]


SHOWN = {
    "file": "policy.yaml",
    "hash": "aa",
    "since": "2026-01-01T00:00:00+00:00",
    "trial": "",
    "share": 0.0,
    "former": "",
    "problems": [],
}
WRONG = "policy.yaml:3:1: `ruels` is no field of a policy\n    Fix: did you mean `rules`?"


def test_the_policy_is_told_whole_and_for_each_worker(client: httpx.Client, crew: Crew) -> None:
    crew.states = (READY, LOADING)
    answer = client.get("/policy")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    decide = [{"index": 0, "policy": "aa", "trial": ""}, {"index": 1, "policy": "", "trial": ""}]
    assert answer.json() == {**SHOWN, "workers": decide, "written": {"description": "d"}}


def test_a_bad_edit_is_told_and_ready_stays_ready(
    client: httpx.Client, crew: Crew, policies: Policies
) -> None:
    crew.states = (READY,)
    policies.next = replace(policies.now, problems=(WRONG,))
    assert client.get("/readyz").json()["policy"] == SHOWN
    answer = client.post("/policy/reload")
    assert (answer.status_code, answer.json()) == (422, {**SHOWN, "problems": [WRONG]})
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["policy"]["problems"]) == (200, [WRONG])
    assert "glassgate_policy_stale 1.0" in client.get("/metrics").text.splitlines()


def test_a_reload_answers_with_what_is_in_force(client: httpx.Client, policies: Policies) -> None:
    policies.next = replace(policies.now, hash="bb", former="aa", trial="cc", share=0.25)
    answer = client.post("/policy/reload")
    assert answer.status_code == 200
    assert answer.json() == {**SHOWN, "hash": "bb", "former": "aa", "trial": "cc", "share": 0.25}
    lines = client.get("/metrics").text.splitlines()
    assert "glassgate_policy_trial_share 0.25" in lines
    assert "glassgate_policy_stale 0.0" in lines
    assert 'glassgate_policy_reloads_total{outcome="applied"} 3.0' in lines


def test_a_rollback_needs_a_policy_before(client: httpx.Client, policies: Policies) -> None:
    policies.now = replace(policies.now, hash="bb", former="aa")
    assert client.post("/policy/rollback").json() == SHOWN
    again = client.post("/policy/rollback")
    assert (again.status_code, again.json()) == (409, {**SHOWN, "problems": ["there is none"]})


@pytest.mark.parametrize("path", ["/policy/reload", "/policy/rollback"])
def test_a_page_in_a_browser_cannot_change_the_policy(
    path: str, client: httpx.Client, policies: Policies
) -> None:
    policies.now = policies.next = replace(policies.now, former="zz")
    assert client.post(path, headers={"origin": "https://example.org"}).status_code == 403
    assert client.get(path).status_code == 405
    assert policies.now.hash == "aa"


def test_health_is_the_supervisors_own(client: httpx.Client, crew: Crew) -> None:
    crew.states = (BROKEN,)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"alive": True})


@pytest.mark.parametrize(
    ("accept", "media_type", "ending"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8", "\n"),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text", "# EOF\n"),
    ],
)
def test_metrics_are_those_of_the_workers(
    accept: str, media_type: str, ending: str, client: httpx.Client, crew: Crew
) -> None:
    crew.states = (READY, LOADING)
    subprocess.run([sys.executable, "-c", COUNTED], check=True)
    answer = client.get("/metrics", headers={"accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(media_type)
    lines = answer.text.splitlines()
    assert "glassgate_workers 2.0" in lines
    assert "glassgate_workers_ready 1.0" in lines
    assert "glassgate_parts_seen_total 5.0" in lines
    assert 'glassgate_requests_total{action="refuse",dialect="openai_chat"} 0.0' in lines
    assert answer.text.endswith(ending)


@pytest.mark.parametrize("path", ["/", "/docs", "/redoc", "/openapi.json", "/v1/models"])
def test_there_is_nothing_else(path: str, client: httpx.Client) -> None:
    assert client.get(path).status_code == 404


def test_without_a_folder_of_metrics_it_does_not_start(
    crew: Crew, policies: Policies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    with pytest.raises(ValueError, match="PROMETHEUS_MULTIPROC_DIR is not set"):
        admin(crew, policies)
