"""The servers that are measured, each a process of its own on a port of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.request import urlopen

from benchmarks.upstream import UNINSPECTED

ROOT: Final = Path(__file__).parents[1]
CHAT: Final = "/v1/chat/completions"
LITELLM: Final = "litellm[proxy]==1.106.2"
READY_S: Final = 120.0
STOP_S: Final = 15.0
INSTALL_S: Final = 900.0


class ServerError(Exception):
    """A server did not come up; the message says which, and where its log is."""


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def upstream(folder: Path) -> Iterator[int]:
    """The model's server; its port."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.upstream", str(port)]
    with _running("upstream", command, f"http://127.0.0.1:{port}/v1/models", folder):
        yield port


@contextmanager
def speaking(folder: Path) -> Iterator[int]:
    """The model's server that speaks at a pace; its port."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.speaking", str(port)]
    with _running("speaking", command, f"http://127.0.0.1:{port}/v1/models", folder):
        yield port


@contextmanager
def glassgate(folder: Path, upstream_port: int) -> Iterator[int]:
    """``glassgate serve`` with one worker and its defaults; its port.

    It guards ``CHAT`` and lets ``UNINSPECTED + CHAT`` pass as it is. Its log lines go to
    ``glassgate.log`` in the folder.
    """
    port, admin = free_port(), free_port()
    flags = ["--upstream", f"http://127.0.0.1:{upstream_port}"]
    set_here = {"GLASSGATE_PASS_THROUGH": f"POST {UNINSPECTED}{CHAT}"}
    with glassgate_with(folder, flags, port, admin, set_here):
        yield port


@contextmanager
def glassgate_with(
    folder: Path,
    flags: Sequence[str],
    port: int,
    admin: int,
    set_here: Mapping[str, str] | None = None,
) -> Iterator[int]:
    """``glassgate serve`` with these flags on these ports, from when it is ready; its process."""
    command = [sys.executable, "-m", "service.cli.main", "serve", *flags]
    command += ["--port", str(port), "--admin-port", str(admin)]
    ready = f"http://127.0.0.1:{admin}/readyz"
    with _running("glassgate", command, ready, folder, set_here) as process:
        yield process


@contextmanager
def litellm(folder: Path, upstream_port: int, program: Path) -> Iterator[int]:
    """The LiteLLM proxy with one worker, no guard, no database and no key; its port."""
    port = free_port()
    parameters = {
        "model": "openai/sandbox",
        "api_base": f"http://127.0.0.1:{upstream_port}/v1",
        "api_key": "none",
    }
    configuration = {
        "model_list": [{"model_name": "sandbox", "litellm_params": parameters}],
        "general_settings": {"dangerously_permit_weak_or_unset_master_key": True},
    }
    written = folder / "litellm.yaml"
    written.write_text(json.dumps(configuration), encoding="utf-8")
    command = [str(program), "--config", str(written), "--host", "127.0.0.1", "--port", str(port)]
    command += ["--num_workers", "1"]
    set_here = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    ready = f"http://127.0.0.1:{port}/health/liveliness"
    with _running("litellm", command, ready, folder, set_here):
        yield port


def install_litellm(folder: Path = ROOT / ".cache" / "litellm") -> Path | None:
    """The LiteLLM proxy's program, in a virtual environment that is made at the first run.

    None if it cannot be installed here.
    """
    program = folder / "bin" / "litellm"
    if not program.exists():
        venv.create(folder, with_pip=True, clear=True)
        command = [str(folder / "bin" / "pip"), "install", "--quiet", LITELLM]
        try:
            subprocess.run(command, check=True, timeout=INSTALL_S)
        except (subprocess.SubprocessError, OSError):
            return None
    return program


def litellm_version(program: Path) -> str:
    """The version that is installed beside the program."""
    asked = "from importlib.metadata import version; print(version('litellm'))"
    command = [str(program.parent / "python"), "-c", asked]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@contextmanager
def _running(
    name: str,
    command: Sequence[str],
    ready: str,
    folder: Path,
    set_here: Mapping[str, str] | None = None,
) -> Iterator[int]:
    """A process by its number, from when it is ready until the block ends.

    Its output is in ``<name>.log``.
    """
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("GLASSGATE")}
    log = folder / f"{name}.log"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=inherited | dict(set_here or {}),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            _wait(name, process, ready, log)
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(name: str, process: subprocess.Popen[bytes], ready: str, log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(ready, timeout=5) as answer:  # noqa: S310 - our own loopback address
                answer.read()
                return
        except (URLError, OSError):
            time.sleep(0.2)
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    said = lines[-1] if lines else "it said nothing"
    raise ServerError(f"{name} did not come up: {said}")
