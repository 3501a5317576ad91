"""Flips the policy under load, and sees whether every answer is wholly one policy's.

    python -m benchmarks.reload [--workers 4] [--rate 200] [--flips 50] [--seconds 60]

Requests leave on a fixed beat, whether the earlier ones were answered or not. The two policies
differ in that one refuses what the other forwards. The aim: no answer fails, none is of another
policy than its header names, and after the last flip every worker agrees within a second.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Final

import httpx

from benchmarks.servers import CHAT, free_port, glassgate_with
from service.policy.load import load

ASKED: Final = {"model": "m", "messages": [{"role": "user", "content": "What is the capital?"}]}
REFUSED: Final = "This is the policy that refuses."
POLICY: Final = """version: 1
description: One of two that are flipped.
rules:
  - id: flip
    description: Tells the two apart.
    stage: request
    when: texts > {least}
    action: refuse
    message: {message}
"""
WAIT_S: Final = 60.0


@dataclass(slots=True)
class Seen:
    """What became of the requests: how many by policy, how many wrong and why, seconds of each."""

    decided: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    flips: list[float] = field(default_factory=list)
    agreed: float = 0.0


async def ask(client: httpx.AsyncClient, url: str, refuses: Mapping[str, bool], seen: Seen) -> None:
    """One request; ``refuses`` says of each policy's hash whether it refuses."""
    try:
        answer = await client.post(url, json=ASKED)
    except httpx.HTTPError as error:
        seen.wrong[type(error).__name__] += 1
        return
    by = answer.headers.get("x-glassgate-policy", "")
    if answer.status_code != HTTPStatus.OK:
        seen.wrong[f"status {answer.status_code}"] += 1
    elif by not in refuses:
        seen.wrong["the header names neither policy"] += 1
    elif (REFUSED in answer.text) != refuses[by]:
        seen.wrong["the answer is not of the policy that its header names"] += 1
    else:
        seen.decided[by] += 1


async def load_on(url: str, refuses: Mapping[str, bool], rate: float, seen: Seen) -> None:
    """Sends at this rate until cancelled; then waits for what is under way."""
    begun, sent, under_way = time.monotonic(), 0, set[asyncio.Task[None]]()
    async with httpx.AsyncClient(timeout=WAIT_S, limits=httpx.Limits(max_connections=None)) as own:
        with suppress(asyncio.CancelledError):
            while True:
                while sent < (time.monotonic() - begun) * rate:
                    task = asyncio.create_task(ask(own, url, refuses, seen))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
                    sent += 1
                await asyncio.sleep(0.5 / rate)
        await asyncio.gather(*under_way)


async def flip(admin: str, policy: Path, wanted: Sequence[str], beat_s: float, seen: Seen) -> None:
    """Puts one text after the other into the policy's place; each is in force before the next."""
    async with httpx.AsyncClient(timeout=WAIT_S, base_url=admin) as client:
        begun = time.monotonic()
        for text in wanted:
            await asyncio.sleep(max(0.0, begun + beat_s - time.monotonic()))
            begun = time.monotonic()
            _put(policy, text)
            (await client.post("/policy/reload")).raise_for_status()
            seen.flips.append(time.monotonic() - begun)
        last = load(policy).hash
        async for by in _workers(client):
            if by == {last}:
                break
        seen.agreed = time.monotonic() - begun


async def _workers(client: httpx.AsyncClient) -> AsyncIterator[set[str]]:
    """By which policies the workers decide, again and again."""
    while True:
        told = (await client.get("/policy")).json()
        yield {each["policy"] for each in told["workers"]}


def _put(policy: Path, text: str) -> None:
    fresh = policy.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.rename(policy)


async def measure(given: argparse.Namespace, folder: Path) -> Seen:
    """Starts the service, and flips its policy under load."""
    policy, seen = folder / "policy.yaml", Seen()
    texts = [POLICY.format(least=least, message=REFUSED) for least in (0, 999)]
    refuses: dict[str, bool] = {}
    for text in texts:
        _put(policy, text)
        refuses[load(policy).hash] = text == texts[0]
    port, admin = free_port(), free_port()
    flags = ["--upstream", "sandbox", "--workers", str(given.workers), "--policy", str(policy)]
    with glassgate_with(folder, flags, port, admin):
        url = f"http://127.0.0.1:{port}{CHAT}"
        loading = asyncio.create_task(load_on(url, refuses, given.rate, seen))
        wanted = [texts[number % 2] for number in range(given.flips)]
        beat_s = given.seconds / given.flips
        try:
            await flip(f"http://127.0.0.1:{admin}", policy, wanted, beat_s, seen)
        finally:
            loading.cancel()
            await loading
    return seen


def told(seen: Seen) -> Iterator[str]:
    """The lines of the report."""
    right, wrong = seen.decided.total(), seen.wrong.total()
    yield f"requests   {right + wrong}, {right} right, {wrong} wrong"
    for what, count in [*seen.wrong.most_common(), *seen.decided.most_common()]:
        yield f"           {count} {what}"
    yield f"flips      {len(seen.flips)}, the slowest {max(seen.flips):.2f} s"
    yield f"agreement  {seen.agreed:.2f} s after the last edit"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints the report; exit status 1 if the aim was missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--flips", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        seen = asyncio.run(measure(given, Path(folder)))
    for line in told(seen):
        print(line)
    return 1 if seen.wrong or seen.agreed > 1.0 else 0


if __name__ == "__main__":
    sys.exit(main())
