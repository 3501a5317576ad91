"""Measures what guarding a stream costs: time to the first text, time in all, CPU a stream.

``python -m benchmarks.streams [--tokens 1000] [--rate 50] [--streams 1 50] [--modes hold ...]``

A model's server speaks so many tokens at so many a second. It is asked directly, through a gate
that lets the path pass uninspected, and through a gate for each mode of guarding.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

import httpx
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from benchmarks import servers
from benchmarks.requests import text
from benchmarks.servers import CHAT, ServerError
from benchmarks.upstream import UNINSPECTED
from service.settings import DEFAULT_POLICY

MODES: Final = ("hold", "buffer", "monitor")
PER_TOKEN: Final = 4  # characters, as in English
TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One stream: seconds to its first text and to its end, and the characters it said."""

    first: float
    last: float
    characters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """All streams of one way. ``cpu`` is the gate's processor time a stream, in seconds."""

    way: str
    streams: int
    heard: Sequence[Heard]
    cpu: float | None

    @property
    def first(self) -> float:
        return statistics.median(one.first for one in self.heard)

    @property
    def last(self) -> float:
        return statistics.median(one.last for one in self.heard)


def model() -> FastAPI:
    """The model's server: the request's ``max_tokens`` at its ``rate``, under both addresses."""
    app = FastAPI()

    @app.get("/v1/models")
    def models() -> dict[str, list[str]]:
        return {"data": []}

    @app.post(CHAT)
    @app.post(UNINSPECTED + CHAT)
    async def chat(request: Request) -> StreamingResponse:
        asked = await request.json()
        events = _spoken(asked["max_tokens"], asked["metadata"]["rate"], asked["seed"])
        return StreamingResponse(events, media_type="text/event-stream")

    return app


async def _spoken(tokens: int, rate: float, seed: int) -> AsyncIterator[str]:
    words = text(seed, tokens * PER_TOKEN)
    begun = time.perf_counter()
    for number in range(tokens):
        await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
        yield _event({"content": words[number * PER_TOKEN : (number + 1) * PER_TOKEN]}, None)
    yield _event({}, "stop")
    yield "data: [DONE]\n\n"


def _event(delta: dict[str, str], reason: str | None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return f"data: {json.dumps({**head, 'choices': [choice]})}\n\n"


async def listen(url: str, tokens: int, rate: float, seed: int) -> Heard:
    """Asks, and reads the stream to its end. Raises ``httpx.HTTPError``."""
    body = {
        "model": "m",
        "stream": True,
        "messages": [{"role": "user", "content": f"Tell me story number {seed}."}],
        "max_tokens": tokens,
        "metadata": {"rate": rate},
        "seed": seed,
    }
    begun = time.perf_counter()
    first, said = 0.0, 0
    async with (
        httpx.AsyncClient(timeout=600) as client,
        client.stream("POST", url, json=body) as answer,
    ):
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            if line.startswith("data: {"):
                delta = json.loads(line[6:])["choices"][0]["delta"]
                said += len(delta.get("content", ""))
                first = first or (time.perf_counter() - begun if said else 0.0)
    return Heard(first=first, last=time.perf_counter() - begun, characters=said)


def spent(process: int) -> float:
    """Processor seconds of a process and of all that it started, as Linux counts them."""
    total, waiting = 0.0, [process]
    while waiting:
        pid = waiting.pop()
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / TICKS  # utime and stime
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            waiting += [int(child) for child in children.read_text(encoding="ascii").split()]
    return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured: tokens of an answer, tokens a second, streams at once, modes."""

    tokens: int
    rate: float
    streams: tuple[int, ...]
    modes: tuple[str, ...]


@dataclass(slots=True)
class Bench:
    """What was measured so far; each question has a number, so that none is asked twice."""

    plan: Plan
    rows: list[Row] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    def measure(self, way: str, url: str, gate: int | None = None) -> None:
        """So many streams at once as the plan says; ``gate`` is the gate's process."""
        for streams in self.plan.streams:
            before = spent(gate) if gate else 0.0
            heard = asyncio.run(self._listen(url, self.plan.tokens, streams))
            cpu = (spent(gate) - before) / streams if gate else None
            self.rows.append(Row(way=way, streams=streams, heard=heard, cpu=cpu))

    def warm_up(self, url: str) -> None:
        """One short stream."""
        asyncio.run(self._listen(url, 20, 1))

    async def _listen(self, url: str, tokens: int, streams: int) -> list[Heard]:
        rate = self.plan.rate
        asked = (listen(url, tokens, rate, next(self.numbers)) for _ in range(streams))
        return await asyncio.gather(*asked)


def run(plan: Plan) -> list[Row]:
    """Starts the servers and measures each way. Raises ``ServerError``, ``httpx.HTTPError``."""
    bench = Bench(plan)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="glassgate-bench-")))
        port = stack.enter_context(speaking(folder))
        bench.measure("direct", f"http://127.0.0.1:{port}{CHAT}")
        for mode in plan.modes:
            with guarding(folder, port, mode) as (base, process):
                bench.warm_up(base + CHAT)
                if mode == plan.modes[0]:
                    bench.measure("passed through", base + UNINSPECTED + CHAT, process)
                bench.measure(mode, base + CHAT, process)
    return bench.rows


@contextmanager
def speaking(folder: Path) -> Iterator[int]:
    """The model's server; its port."""
    port = servers.free_port()
    command = [sys.executable, "-m", "benchmarks.streams", "--serve", str(port)]
    with _running("model", command, f"http://127.0.0.1:{port}/v1/models", folder, {}):
        yield port


@contextmanager
def guarding(folder: Path, upstream_port: int, mode: str) -> Iterator[tuple[str, int]]:
    """A gate with one worker that guards streams so; its base URL and its process."""
    policy = folder / f"{mode}.yaml"
    written = DEFAULT_POLICY.read_text(encoding="utf-8")
    policy.write_text(f"{written}\nstreaming: {{mode: {mode}}}\n", encoding="utf-8")
    port, admin = servers.free_port(), servers.free_port()
    command = [sys.executable, "-m", "service.cli.main", "serve", "--policy", str(policy)]
    command += ["--upstream", f"http://127.0.0.1:{upstream_port}"]
    command += ["--port", str(port), "--admin-port", str(admin)]
    passing = {"GLASSGATE_PASS_THROUGH": f"POST {UNINSPECTED}{CHAT}"}
    with _running(mode, command, f"http://127.0.0.1:{admin}/readyz", folder, passing) as process:
        yield f"http://127.0.0.1:{port}", process


@contextmanager
def _running(
    name: str, command: Sequence[str], ready: str, folder: Path, set_here: Mapping[str, str]
) -> Iterator[int]:
    """A server, from when it is ready until the block ends; its process number."""
    log = folder / f"{name}.log"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            command, cwd=servers.ROOT, env=os.environ | set_here, stdout=out, stderr=out
        ) as process,
    ):
        try:
            deadline = time.monotonic() + servers.READY_S
            while not _answers(ready):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise ServerError(f"{name} did not come up: {log.read_text()[-300:]}")
                time.sleep(0.2)
            yield process.pid
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def table(rows: Sequence[Row]) -> str:
    """The rows in Markdown; what is added is beside the direct way with as many streams."""
    lines = [
        "| way | streams | first text ms | added | whole s | added | added % | CPU s a stream |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    direct = {row.streams: row for row in rows if row.way == "direct"}
    for row in rows:
        beside = direct[row.streams]
        late = row.last - beside.last
        cells = [
            row.way,
            str(row.streams),
            f"{1000 * row.first:.0f}",
            f"{1000 * (row.first - beside.first):.0f}",
            f"{row.last:.2f}",
            f"{late:.2f}",
            f"{100 * late / beside.last:.1f}",
            "-" if row.cpu is None else f"{row.cpu:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 1 if it could not measure, or if a stream did not come whole."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.streams", description=__doc__)
    parser.add_argument("--tokens", type=int, default=200, help="of each answer")
    parser.add_argument("--rate", type=float, default=50, help="tokens a second")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 4], help="at once")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--serve", type=int, metavar="PORT", help="be the model's server")
    given = parser.parse_args(arguments)
    if given.serve:
        uvicorn.run(model(), host="127.0.0.1", port=given.serve, log_level="error", ws="none")
        return 0
    plan = Plan(
        tokens=given.tokens,
        rate=given.rate,
        streams=tuple(given.streams),
        modes=tuple(given.modes),
    )
    try:
        rows = run(plan)
    except (ServerError, httpx.HTTPError, OSError) as error:
        print(f"benchmarks.streams: {error}", file=sys.stderr)
        return 1
    print(table(rows))
    whole = {one.characters for row in rows for one in row.heard}
    if whole != {plan.tokens * PER_TOKEN}:
        print("benchmarks.streams: an answer did not come whole", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
