"""Measures what guarding a stream costs: time to the first text, time in all, CPU a stream.

``python -m benchmarks.streams [--tokens 1000] [--rate 50] [--streams 1 50] [--modes hold ...]``

A model's server speaks so many tokens at so many a second. It is asked directly, through a gate
that lets the path pass uninspected, and through a gate for each mode of guarding.

The aims, for ``hold``: with the fewest streams it adds no more than ``MOST_ADDED`` to the time in
all, and shows its first text once the model has said a window and that was judged; with the most,
text comes no later in the second half of an answer than in the first, but for a window's time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

import httpx

from benchmarks import servers
from benchmarks.aims import ended
from benchmarks.servers import CHAT, ServerError
from benchmarks.speaking import PER_TOKEN
from benchmarks.upstream import UNINSPECTED
from service.policy.model import Streaming
from service.settings import DEFAULT_POLICY

MODES: Final = ("hold", "buffer", "monitor")
HOLD: Final = MODES[0]
MOST_ADDED: Final = 0.05
"""Of the time in all: what holding back may add."""
JUDGED: Final = 5
"""Answers as long as a window, by which the time of one judgement is measured."""
WINDOW: Final = Streaming().window
TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One stream: seconds to its first text and to its end, and the characters it said.

    ``behind`` is by how many seconds its text came later than the model said it, at most: in the
    first half, and in the second up to its last window, which waits for the whole to be judged.
    """

    first: float
    last: float
    characters: int
    behind: tuple[float, float] = (0.0, 0.0)


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

    @property
    def falls_behind(self) -> float:
        """Seconds by which text comes later in the second half than in the first, at most."""
        return max(one.behind[1] - one.behind[0] for one in self.heard)


async def listen(client: httpx.AsyncClient, url: str, tokens: int, rate: float, seed: int) -> Heard:
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
    came: list[tuple[int, float]] = []
    async with client.stream("POST", url, json=body) as answer:
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            if line.startswith("data: {"):
                delta = json.loads(line[6:])["choices"][0]["delta"]
                if text := delta.get("content"):
                    said = (came[-1][0] if came else 0) + len(text)
                    came.append((said, time.perf_counter() - begun))
    last = time.perf_counter() - begun
    if not came:
        return Heard(first=last, last=last, characters=0)
    return Heard(first=came[0][1], last=last, characters=came[-1][0], behind=lags(came, rate))


def lags(came: Sequence[tuple[int, float]], rate: float) -> tuple[float, float]:
    """By how much text came later than it was said: as ``Heard.behind``.

    ``came`` holds after how many seconds how many characters were there.
    """
    whole = came[-1][0]
    late = [(said, at - (said / PER_TOKEN - 1) / rate) for said, at in came]
    first = max((lag for said, lag in late if said <= whole / 2), default=0.0)
    second = [lag for said, lag in late if whole / 2 < said <= whole - WINDOW]
    return first, max(second, default=first)


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

    def judgement(self, url: str) -> float:
        """Seconds that one judgement of a window takes, at most of a few.

        An answer of just a window is shown when it was said and judged.
        """
        tokens = WINDOW // PER_TOKEN
        heard = [asyncio.run(self._listen(url, tokens, 1))[0] for _ in range(JUDGED)]
        return max(one.first for one in heard) - (tokens - 1) / self.plan.rate

    async def _listen(self, url: str, tokens: int, streams: int) -> list[Heard]:
        rate, limits = self.plan.rate, httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(timeout=600, limits=limits) as client:
            asked = (listen(client, url, tokens, rate, next(self.numbers)) for _ in range(streams))
            return await asyncio.gather(*asked)


def run(plan: Plan) -> tuple[list[Row], float]:
    """Starts the servers and measures each way; the rows, and the seconds of one judgement.

    Raises ``ServerError``, ``httpx.HTTPError``.
    """
    bench, judgement = Bench(plan), 0.0
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="glassgate-bench-")))
        port = stack.enter_context(servers.speaking(folder))
        bench.warm_up(f"http://127.0.0.1:{port}{CHAT}")
        bench.measure("direct", f"http://127.0.0.1:{port}{CHAT}")
        for mode in plan.modes:
            with guarding(folder, port, mode) as (base, process):
                bench.warm_up(base + CHAT)
                if mode == plan.modes[0]:
                    bench.measure("passed through", base + UNINSPECTED + CHAT, process)
                if mode == HOLD:
                    judgement = bench.judgement(base + CHAT)
                bench.measure(mode, base + CHAT, process)
    return bench.rows, judgement


@contextmanager
def guarding(folder: Path, upstream_port: int, mode: str) -> Iterator[tuple[str, int]]:
    """A gate with one worker that guards streams so; its base URL and its process."""
    policy = folder / f"{mode}.yaml"
    written = DEFAULT_POLICY.read_text(encoding="utf-8")
    policy.write_text(f"{written}\nstreaming: {{mode: {mode}}}\n", encoding="utf-8")
    port, admin = servers.free_port(), servers.free_port()
    flags = ["--policy", str(policy), "--upstream", f"http://127.0.0.1:{upstream_port}"]
    passing = {"GLASSGATE_PASS_THROUGH": f"POST {UNINSPECTED}{CHAT}"}
    with servers.glassgate_with(folder, flags, port, admin, passing) as process:
        yield f"http://127.0.0.1:{port}", process


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


def missed(rows: Sequence[Row], plan: Plan, judgement: float) -> Iterator[str]:
    """The aims that were not reached, each with its figures; ``judgement`` as from ``run``."""
    if {one.characters for row in rows for one in row.heard} != {plan.tokens * PER_TOKEN}:
        yield "an answer did not come whole"
    ways = {(row.way, row.streams): row for row in rows}
    if HOLD not in plan.modes:
        return
    few, many = min(plan.streams), max(plan.streams)
    held, direct = ways[HOLD, few], ways["direct", few]
    added = (held.last - direct.last) / direct.last
    if added > MOST_ADDED:
        yield f"holding back adds {100 * added:.1f} % to the time in all"
    window_s = WINDOW / PER_TOKEN / plan.rate
    if held.first - direct.first > window_s + judgement:
        late = held.first - direct.first
        yield f"the first text comes after {late:.2f} s: {window_s:.2f} and {judgement:.2f} may be"
    if ways[HOLD, many].falls_behind > window_s:
        behind = ways[HOLD, many].falls_behind
        yield f"of {many} streams at once one falls behind by {behind:.2f} s in its second half"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 1 if it could not measure, or if an aim was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.streams", description=__doc__)
    parser.add_argument("--tokens", type=int, default=1000, help="of each answer")
    parser.add_argument("--rate", type=float, default=50, help="tokens a second")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 50], help="at once")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    given = parser.parse_args(arguments)
    plan = Plan(
        tokens=given.tokens,
        rate=given.rate,
        streams=tuple(given.streams),
        modes=tuple(given.modes),
    )
    try:
        rows, judgement = run(plan)
    except (ServerError, httpx.HTTPError, OSError) as error:
        print(f"benchmarks.streams: {error}", file=sys.stderr)
        return 1
    print(table(rows))
    print(f"\nOne judgement of a window: {1000 * judgement:.0f} ms.")
    return ended("streams", missed(rows, plan, judgement))


if __name__ == "__main__":
    sys.exit(main())
