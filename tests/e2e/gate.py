"""A ``glassgate serve`` process, as an operator starts it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "service.cli.main")
START_S = 60.0
END_S = 30.0


def until(true: Callable[[], bool], seconds: float, what: str) -> None:
    """Waits until it is true, or fails with what was waited for."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"after {seconds:.0f} s: {what}"
        time.sleep(0.05)


def environment(**more: str) -> dict[str, str]:
    """This process's environment without Glassgate's and Prometheus's own variables."""
    ours = ("GLASSGATE_", "PROMETHEUS_")
    return {**{k: v for k, v in os.environ.items() if not k.startswith(ours)}, **more}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A gate that is ready. ``started_s`` says after how many seconds it was."""

    process: subprocess.Popen[bytes]
    url: str
    admin: str
    folder: Path
    started_s: float

    @property
    def printed(self) -> str:
        return (self.folder / "out").read_text()

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def logged(self, call: str) -> dict[str, Any]:
        """The one line of the log about a call, by the ``x-glassgate-id`` of its reply."""
        lines = [line for line in self.log.splitlines() if f'"id": "{call}"' in line]
        assert len(lines) == 1
        found: dict[str, Any] = json.loads(lines[0])
        return found

    def ready(self) -> bool:
        """What ``/readyz`` says."""
        return httpx.get(f"{self.admin}/readyz").status_code == httpx.codes.OK

    def workers(self) -> list[int]:
        """The process numbers of the workers that live."""
        told: list[dict[str, Any]] = httpx.get(f"{self.admin}/readyz").json()["workers"]
        return [worker["pid"] for worker in told if worker["pid"] is not None]

    def counted(self, name: str, **labels: str) -> float:
        """The sum of a metric's series with these labels."""
        text = httpx.get(f"{self.admin}/metrics").text
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def post(self, body: bytes | Iterator[bytes]) -> httpx.Response:
        """These bytes, without an SDK between."""
        return httpx.post(f"{self.url}/v1/chat/completions", content=body, timeout=60)


@contextmanager
def running(folder: Path, *flags: str, **settings: str) -> Iterator[Gate]:
    """A gate on free ports, ready; ended after the block, and nothing of it left behind.

    ``settings`` are environment variables without their prefix, in lower case.
    """
    scratch = folder / "scratch"
    scratch.mkdir(parents=True)
    own = {f"GLASSGATE_{name.upper()}": value for name, value in settings.items()}
    env = environment(TMPDIR=str(scratch), HOME=str(scratch), **own)
    command = [*COMMAND, "serve", "--port", "0", "--admin-port", "0", *flags]
    begun = time.monotonic()
    with (folder / "out").open("wb") as out, (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=env, cwd=folder, stdout=out, stderr=log)
    try:
        yield _ready(process, folder, begun)
    finally:
        process.terminate()
        status = process.wait(END_S)
    assert status == 0, (folder / "log").read_text()
    assert list(scratch.iterdir()) == []


def _ready(process: subprocess.Popen[bytes], folder: Path, begun: float) -> Gate:
    addresses: list[str] = []

    def told() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        addresses[:] = re.findall(r"http://127\.0\.0\.1:\d+(?=  )", (folder / "out").read_text())
        return len(addresses) > 1

    until(told, START_S, "the gate did not say that it is ready")
    url, admin = addresses[:2]
    gate = Gate(
        process=process, url=url, admin=admin, folder=folder, started_s=time.monotonic() - begun
    )
    assert gate.ready()
    return gate
