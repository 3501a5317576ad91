"""Measures what the guard costs: latency and throughput, beside no guard and beside a peer.

``python -m benchmarks.latency [--seconds N] [--concurrency 1 4] [--out docs/performance.md]``

Every way is a real process on a real socket, asked by the same load generator. A round visits all
ways at each load, in an order of its own, so that noise of the machine falls on all alike.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import cycle, islice
from pathlib import Path
from typing import Final

import uvloop

from benchmarks import servers
from benchmarks.load import LoadError, Slice, drive, message
from benchmarks.report import (
    BEGIN,
    END,
    ENOUGH_FOR_P99,
    Key,
    Way,
    cell,
    load_table,
    replaced,
    short_table,
    stream_table,
    verb_table,
)
from benchmarks.requests import LOADS, STREAM, Load, bodies
from benchmarks.servers import CHAT, ServerError
from benchmarks.upstream import UNINSPECTED, WORD_S

SETTLE: Final = 40  # requests to each server before anything is measured
PATHS: Final = {Way.OFF: UNINSPECTED + CHAT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured. ``seconds`` and ``least`` requests are for one row of a table.

    ``known`` requests are sent again and again, and so many warm a server up before its turn.
    """

    seconds: float
    least: int
    users: tuple[int, ...]
    rounds: int
    known: int = 8

    def cells(self) -> Iterator[tuple[Load, int]]:
        """Every load with every number of users; streams with the first number alone."""
        for load in LOADS:
            for users in self.users:
                yield load, users
        yield STREAM, self.users[0]


@dataclass(slots=True)
class Bench:
    """The servers under test, and what was measured so far."""

    plan: Plan
    ports: dict[Way, int]
    log: Path
    slices: dict[Key, list[Slice]] = field(default_factory=dict)
    spent: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    fresh: dict[str, Iterator[bytes]] = field(default_factory=dict)
    known: dict[str, list[bytes]] = field(default_factory=dict)

    async def measure(self) -> None:
        """All rounds. Raises ``LoadError``."""
        for load in (*LOADS, STREAM):
            self.fresh[load.name] = bodies(load)
            self.known[load.name] = list(islice(self.fresh[load.name], self.plan.known))
            for users in self.plan.users:
                for way in self.ports:
                    self.slices[load.name, users, way] = []
        for way in self.ports:
            await self._send(way, cycle(self.known[LOADS[0].name]), 1, least=SETTLE)
        for number in range(self.plan.rounds):
            for load, users in self.plan.cells():
                order = random.Random(f"{number} {load.name} {users}")
                for way in order.sample(list(self.ports), len(self.ports)):
                    await self._slice(load, users, way)
            print(f"round {number + 1} of {self.plan.rounds} is done", file=sys.stderr)

    async def _slice(self, load: Load, users: int, way: Way) -> None:
        """Warms up, then measures. New content is made ahead, so that it costs no measured time."""
        seconds = self.plan.seconds / self.plan.rounds
        least = math.ceil(self.plan.least / self.plan.rounds)
        fresh = self.fresh[load.name]
        sent: Iterator[bytes] = cycle(self.known[load.name])
        known = self.plan.known
        if way is Way.NEW:
            warm = await self._send(way, islice(fresh, known), users, least=known)
            wanted = max(2 * seconds * len(warm.timings) / warm.seconds, 2 * least)
            sent = iter(list(islice(fresh, math.ceil(wanted))))
        else:
            await self._send(way, islice(sent, known), users, least=known)
        written = self.log.stat().st_size
        measured = await self._send(way, sent, users, seconds=seconds, least=least)
        self.slices[load.name, users, way].append(measured)
        if way is Way.NEW and users == self.plan.users[0] and not load.streamed:
            self.spent.setdefault(load.name, []).extend(spent_since(self.log, written))

    async def _send(
        self, way: Way, sent: Iterator[bytes], users: int, *, seconds: float = 0, least: int
    ) -> Slice:
        path = PATHS.get(way, CHAT)
        messages = (message(path, body) for body in sent)
        return await drive(self.ports[way], messages, users=users, seconds=seconds, least=least)


def spent_since(log: Path, offset: int) -> list[dict[str, float]]:
    """Milliseconds by verb of each request that Glassgate logged after so many bytes."""
    with log.open("rb") as lines:
        lines.seek(offset)
        events = [json.loads(line) for line in lines if line.startswith(b"{")]
    return [event["ms"] for event in events if event["event"] == "request"]


def run(plan: Plan, *, with_litellm: bool = True) -> str:
    """Starts the servers, measures, and returns the tables with what they were measured on.

    Raises:
        ServerError, LoadError: a server did not start, or did not answer as it should.
    """
    program = servers.install_litellm() if with_litellm else None
    peer = "LiteLLM could not be installed" if with_litellm else "LiteLLM left out"
    load_before = os.getloadavg()[0]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="glassgate-bench-")))
        model = stack.enter_context(servers.upstream(folder))
        gate = stack.enter_context(servers.glassgate(folder, model))
        ports = {Way.DIRECT: model, Way.OFF: gate, Way.NEW: gate, Way.SEEN: gate}
        if program:
            ports[Way.LITELLM] = stack.enter_context(servers.litellm(folder, model, program))
            peer = f"LiteLLM {servers.litellm_version(program)}"
        bench = Bench(plan, ports, folder / "glassgate.log")
        uvloop.run(bench.measure())
    return "\n\n".join([machine(peer, load_before), how(plan), *tables(bench)])


def tables(bench: Bench) -> Iterator[str]:
    """The tables, each under its title."""
    cells = {key: cell(slices) for key, slices in bench.slices.items() if slices}
    first = bench.plan.users[0]
    few = "1 user" if first == 1 else f"{first} users"
    names = [load.name for load in LOADS]
    yield f"### In short: medians with {few}"
    yield short_table(cells, names, first)
    for name in names:
        yield f"### {name[0].upper()}{name[1:]}"
        yield load_table(cells, name)
    yield f"### {STREAM.name}, {few}"
    yield (
        f"The model's server writes a word each {1000 * WORD_S:.0f} ms. Glassgate holds a stream "
        "back by a window of 200 characters: what came leaves once what follows was judged with it."
    )
    yield stream_table(cells, STREAM.name, first)
    yield f"### Where the time goes: guard on, new content, {few}"
    yield (
        "From Glassgate's own log lines. `pin` decodes the picture, `reveal` reads its text, "
        "`judge` classifies all texts of the request and of the answer, `send` waits for the "
        "model's server."
    )
    yield verb_table(bench.spent)


def machine(peer: str, load: float) -> str:
    """What it was measured on, with the system's load just before."""
    model = "unknown processor"
    with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
        named = (line.partition(":")[2] for line in lines if line.startswith("model name"))
        model = next(named, model).strip()
    busy = (
        " Another job used the cores during the run, so a quiet machine does better, above all "
        "with several users and new content."
    )
    parts = [f"{name} {version(name)}" for name in ("glassgate", "onnxruntime", "uvicorn")]
    return (
        f"**Machine.** {len(os.sched_getaffinity(0))} cores of {model}, no GPU; all servers and "
        f"the load generator share them. System load before the run: {load:.1f}."
        f"{busy if load >= 1 else ''} "
        f"{platform.system()}, Python {platform.python_version()}, {', '.join(parts)}, {peer}."
    )


def how(plan: Plan) -> str:
    """How it was measured."""
    return (
        f"**Run.** Closed loop, {' or '.join(map(str, plan.users))} users at once, each with one "
        f"connection; {plan.rounds} rounds through all ways in random order, {plan.known} requests "
        f"of warm-up before each turn; each row at least {plan.seconds:g} seconds and {plan.least} "
        "requests. Round brackets: what the way adds to the same percentile of the direct way. "
        f"A dash: fewer than {ENOUGH_FOR_P99} answers, so no 99th percentile."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 1 if it could not measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__)
    parser.add_argument("--seconds", type=float, default=12, help="of each row, at least")
    parser.add_argument("--requests", type=int, default=100, help="of each row, at least")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 4], help="users at once")
    parser.add_argument("--rounds", type=int, default=4, help="through all ways")
    parser.add_argument("--out", type=Path, help="page whose measured part is replaced")
    parser.add_argument("--no-litellm", action="store_true", help="leave the peer out")
    given = parser.parse_args(arguments)
    plan = Plan(
        seconds=given.seconds,
        least=given.requests,
        users=tuple(given.concurrency),
        rounds=given.rounds,
    )
    try:
        page = given.out.read_text(encoding="utf-8") if given.out else f"{BEGIN}{END}"
        replaced(page, "")  # a page that cannot take the tables is found before they are measured
        measured = run(plan, with_litellm=not given.no_litellm)
        print(measured)
        if given.out:
            given.out.write_text(replaced(page, measured), encoding="utf-8")
    except (ServerError, LoadError, OSError, ValueError) as error:
        print(f"benchmarks.latency: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
