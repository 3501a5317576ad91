"""How much memory a worker holds after many pictures of random sizes: the curve, and its peak.

    python -m benchmarks.memory [--pictures 2000] [--users 2]

``glassgate serve`` with its defaults and one worker is sent pictures that nobody sent before:
photos with and without words, as PNG, JPEG and WebP, their sides from ``SIDES``, for models that
are shown little of a picture and for one that is shown all of it. The aim: never more than
``MOST_MB``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Final

import httpx
import numpy as np
from PIL import ImageDraw, ImageFont

from benchmarks import servers
from benchmarks.aims import ended
from benchmarks.brush import procedural
from benchmarks.requests import text
from benchmarks.servers import CHAT, ServerError

MOST_MB: Final = 1200.0
SIDES: Final = (64, 3000)
"""Pixels of the long side, drawn evenly by their logarithm, and the short one from a third up."""
MODELS: Final = ("gpt-4o", "gpt-4o", "claude-sonnet-4", "gemini-2.5-pro")
FORMS: Final = ("PNG", "JPEG", "WEBP")
POINTS: Final = 20
"""Rows of the curve."""
BAR: Final = 40
"""Characters of a bar that stands for ``MOST_MB``."""


@dataclass(frozen=True, slots=True)
class Point:
    """After so many pictures: megabytes that the worker holds, and the most it ever held."""

    pictures: int
    now: float
    peak: float


@dataclass(slots=True)
class Curve:
    """What was measured; ``statuses`` are those of the answers."""

    points: list[Point] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)


def body(number: int) -> bytes:
    """A request with a picture that no other number gives."""
    rng = np.random.default_rng(number)
    low, high = np.log(SIDES)
    long = float(np.exp(rng.uniform(low, high)))
    sides = [round(long), max(16, round(long * rng.uniform(1 / 3, 1)))]
    width, height = sides if rng.integers(2) else sides[::-1]
    picture = procedural(number, (width, height))
    if rng.integers(2):
        font = ImageFont.load_default(max(10, height // 16))
        words = "\n".join(text(number, 300).split(". "))
        ImageDraw.Draw(picture).multiline_text((width // 20, height // 20), words, "black", font)
    form = FORMS[int(rng.integers(len(FORMS)))]
    out = BytesIO()
    picture.save(out, form)
    url = f"data:image/{form.lower()};base64,{b64encode(out.getvalue()).decode()}"
    content = [
        {"type": "text", "text": f"What is in picture {number}?"},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    model = MODELS[int(rng.integers(len(MODELS)))]
    return json.dumps({"model": model, "messages": [{"role": "user", "content": content}]}).encode()


def held(pid: int, what: str) -> float:
    """Megabytes of a process: ``VmRSS``, what it holds, or ``VmHWM``, the most it ever held."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (kilobytes,) = re.findall(rf"{what}:\s+(\d+) kB", status)
    return int(kilobytes) / 1024


async def send(url: str, worker: int, pictures: int, users: int) -> Curve:
    """Sends them all, so many at once. Raises ``httpx.HTTPError``."""
    curve, numbers = Curve(), iter(range(pictures))
    stops = {round(pictures * (point + 1) / POINTS) for point in range(POINTS)}

    async def user(client: httpx.AsyncClient) -> None:
        for number in numbers:
            drawn = await asyncio.to_thread(body, number)
            answer = await client.post(url, content=drawn)
            curve.statuses[answer.status_code] += 1
            done = curve.statuses.total()
            if done in stops:
                curve.points.append(Point(done, held(worker, "VmRSS"), held(worker, "VmHWM")))

    async with httpx.AsyncClient(timeout=120) as client:
        await asyncio.gather(*(user(client) for _ in range(users)))
    return curve


def measure(pictures: int, users: int) -> Curve:
    """Starts the gate and sends. Raises ``ServerError``, ``httpx.HTTPError``."""
    with tempfile.TemporaryDirectory(prefix="glassgate-bench-") as folder:
        port, admin = servers.free_port(), servers.free_port()
        flags = ["--upstream", "sandbox", "--workers", "1"]
        with servers.glassgate_with(Path(folder), flags, port, admin):
            told = httpx.get(f"http://127.0.0.1:{admin}/readyz").json()["workers"]
            url = f"http://127.0.0.1:{port}{CHAT}"
            return asyncio.run(send(url, told[0]["pid"], pictures, users))


def shown(curve: Curve) -> str:
    """The curve in Markdown: a bar is what the worker held then."""
    lines = ["| pictures | held MB | most so far MB | |", "| ---: | ---: | ---: | --- |"]
    for point in curve.points:
        bar = "#" * round(BAR * point.now / MOST_MB)
        lines.append(f"| {point.pictures} | {point.now:.0f} | {point.peak:.0f} | `{bar}` |")
    return "\n".join(lines)


def missed(curve: Curve) -> Iterator[str]:
    """What went wrong, and the aim if it was not reached."""
    others = {status: count for status, count in curve.statuses.items() if status != httpx.codes.OK}
    if others:
        yield f"not all were answered: {others}"
    peak = max(point.peak for point in curve.points)
    if peak > MOST_MB:
        yield f"the worker held {peak:.0f} MB: {MOST_MB:.0f} may be"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints the curve; exit status 1 if it could not, or if the aim was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--users", type=int, default=2, help="who send one at a time each")
    given = parser.parse_args(arguments)
    try:
        curve = measure(given.pictures, given.users)
    except (ServerError, httpx.HTTPError, OSError) as error:
        print(f"benchmarks.memory: {error}", file=sys.stderr)
        return 1
    print(shown(curve))
    return ended("memory", missed(curve))


if __name__ == "__main__":
    sys.exit(main())
