"""Time to read a picture, beside ``rapidocr`` as it comes, over the same pictures in one run.

    python -m benchmarks.beside_rapidocr [--images DIR] [--every N] [--drawn N] [--threads 2]

Ours is all that is revealed of a picture: every view that the base install brings, with all looks
of ``ocr``; not the faces of the extra. Theirs is text alone, in a process and a virtual environment
of its own, which is made at the first run. Both get the picture as ``gpt-4o`` is shown it, up to
``MOST_PIXELS``, one after the other in random order. ``DIR`` is as for ``benchmarks.pictures``.
The aim: our median and
our 95th percentile are no more than ``MOST`` of theirs.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from subprocess import PIPE
from typing import Final

import numpy as np

from benchmarks.aims import ended
from benchmarks.attacks import attacks
from benchmarks.requests import JPEG_QUALITY, menu, photo
from benchmarks.servers import ROOT
from detectors.catalogue import views
from detectors.contract.exchange import ImagePart, Origin
from detectors.media.canonical import canonicalise
from detectors.media.decode import MediaError
from detectors.media.sizes import bound_for
from detectors.views.faces import Faces
from detectors.views.ocr import EMBEDDED, Ocr

MOST: Final = 0.25
MOST_PIXELS: Final = 1_000_000
PERCENTILES: Final = (50, 95)
SEED: Final = 7

RAPIDOCR: Final = "rapidocr==3.10.0"
READER: Final = Path(__file__).with_name("rapidocr_reader.py")
INSTALL_S: Final = 600.0

Time = Callable[[ImagePart], float]
"""Reads a picture; the milliseconds that it took."""


class BenchmarkError(Exception):
    """What is to be measured cannot be; the message says why."""


@dataclass(frozen=True, slots=True)
class Timed:
    """Milliseconds for one picture: ours and theirs."""

    ours: float
    theirs: float


def pictures(folder: Path | None, every: int, drawn: int) -> Iterator[bytes]:
    """Files: those of the folder, and so many drawn photos, menus and rounds of all attacks."""
    if folder:
        rows = (folder / "manifest.jsonl").read_text("utf-8").splitlines()[::every]
        yield from ((folder / json.loads(row)["image"]).read_bytes() for row in rows)
    for number in range(drawn):
        for image in (photo(number), menu(number)):
            out = io.BytesIO()
            image.save(out, "JPEG", quality=JPEG_QUALITY)
            yield out.getvalue()
        yield from (file for attack in attacks(SEED + number, 1) for file in attack.files)


def sent(data: bytes) -> ImagePart | None:
    """The picture as the model is shown it; None if it is too large for this, or broken."""
    try:
        pinned = canonicalise(data, "image/png", bound=bound_for("gpt-4o", None))
    except MediaError:
        return None
    if pinned.width * pinned.height > MOST_PIXELS:
        return None
    return ImagePart(
        pointer="",
        origin=Origin.USER,
        data=pinned.data,
        media_type=pinned.media_type,
        original=None if pinned.data == data else data,
    )


def ours(threads: int) -> Time:
    """All views of pictures, each network on so many threads."""
    every = [
        Ocr.load(EMBEDDED, threads) if name == Ocr.name else make()
        for name, make in views().items()
        if name != Faces.name
    ]

    def timed(part: ImagePart) -> float:
        begun = time.perf_counter()
        for view in every:
            if view.applies(part):
                view.reveal(part)
        return 1000 * (time.perf_counter() - begun)

    return timed


@contextmanager
def theirs(program: Path, threads: int) -> Iterator[Time]:
    """``rapidocr`` with its own settings, but for its threads; its own milliseconds."""
    command = [str(program), "-I", str(READER), str(threads)]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True) as process,
    ):
        shown = Path(folder) / "picture"

        def timed(part: ImagePart) -> float:
            shown.write_bytes(part.data)
            print(shown, file=process.stdin, flush=True)
            said = process.stdout.readline() if process.stdout else ""
            if not said:
                raise BenchmarkError("rapidocr broke down; what it said stands above")
            return float(said)

        try:
            yield timed
        finally:
            process.kill()


def installed(folder: Path = ROOT / ".cache" / "rapidocr") -> Path:
    """The interpreter beside which ``rapidocr`` is installed, and the runtime that we use.

    Raises ``BenchmarkError``.
    """
    program = folder / "bin" / "python"
    wanted = [RAPIDOCR, f"onnxruntime=={version('onnxruntime')}"]
    try:
        if not program.exists():
            venv.create(folder, with_pip=True, clear=True)
        command = [str(program), "-m", "pip", "install", "--quiet", *wanted]
        subprocess.run(command, check=True, timeout=INSTALL_S)
    except (subprocess.SubprocessError, OSError) as error:
        raise BenchmarkError(f"{RAPIDOCR} could not be installed in {folder}: {error}") from None
    return program


def measure(parts: Sequence[ImagePart], threads: int) -> list[Timed]:
    """Times each picture; the first is read once before, to warm up. Raises ``BenchmarkError``."""
    with theirs(installed(), threads) as their:
        ways: dict[str, Time] = {"ours": ours(threads), "theirs": their}
        for way in ways.values():
            way(parts[0])
        chance, timed = random.Random(SEED), []
        for part in parts:
            order = chance.sample(sorted(ways), len(ways))
            timed.append(Timed(**{name: ways[name](part) for name in order}))
        return timed


def ratios(timed: Sequence[Timed]) -> list[tuple[int, float, float, float]]:
    """For each percentile: it, ours, theirs, and ours by theirs."""
    rows = []
    for percentile in PERCENTILES:
        our = float(np.percentile([one.ours for one in timed], percentile))
        their = float(np.percentile([one.theirs for one in timed], percentile))
        rows.append((percentile, our, their, our / their))
    return rows


def table(timed: Sequence[Timed]) -> str:
    """The percentiles in Markdown."""
    lines = [
        f"| ms, {len(timed)} pictures | Glassgate | rapidocr | ours by theirs |",
        "| --- | ---: | ---: | ---: |",
    ]
    lines += [
        f"| p{p} | {our:.0f} | {their:.0f} | {by:.2f} |" for p, our, their, by in ratios(timed)
    ]
    return "\n".join(lines)


def missed(timed: Sequence[Timed]) -> Iterator[str]:
    """The percentiles that are more than they may be."""
    for percentile, _, _, by in ratios(timed):
        if by > MOST:
            yield f"p{percentile} is {by:.2f} of rapidocr's: {MOST} may be"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints the table; exit status 1 if it could not, or if the aim was missed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.beside_rapidocr", description=__doc__
    )
    parser.add_argument("--images", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take every Nth picture of DIR")
    parser.add_argument("--drawn", type=int, default=1, help="rounds of drawn pictures")
    parser.add_argument("--most", type=int, help="pictures in all, for a quick look")
    parser.add_argument("--threads", type=int, default=2, help="of each network")
    given = parser.parse_args(arguments)
    files = pictures(given.images, given.every, given.drawn)
    parts = [part for part in map(sent, files) if part is not None][: given.most]
    try:
        timed = measure(parts, given.threads)
    except BenchmarkError as error:
        print(f"benchmarks.beside_rapidocr: {error}", file=sys.stderr)
        return 1
    print(table(timed))
    return ended("beside_rapidocr", missed(timed))


if __name__ == "__main__":
    sys.exit(main())
