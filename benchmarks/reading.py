"""How much hidden text is found, class by class, and how often other looks fire on harmless ones.

    python -m benchmarks.reading --seeds 1 2 3 [--count N] [--images DIR] [--every N] [--out FILE]

Each picture of ``benchmarks/attacks.py`` goes through pin as ``gpt-4o`` is shown it, then through
the view ``ocr``. A line counts as found where a stretch of what was read is like it by 0.8 (2 x
common characters / both lengths, white space and case aside). ``DIR`` is as for
``benchmarks.pictures``: its photos carry every second attack, and all its pictures are harmless.

The aims: ``LEAST_ALL`` of all lines are found and ``LEAST`` of every class, and other looks find
something in no more than ``MOST_FIRED`` of the harmless pictures.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.attacks import attacks
from detectors.contract.exchange import ImagePart, Origin, TextPart
from detectors.media.canonical import canonicalise
from detectors.media.decode import MediaError
from detectors.media.sizes import bound_for
from detectors.views.ocr import Ocr
from service.evaluation.statistics import wilson

FOUND = 0.8
LEAST_ALL, LEAST = 0.97, 0.9
MOST_FIRED = 0.25


@dataclass
class Tally:
    """Pictures of one kind: how many, how many whose line was found, by which method, how long."""

    seen: int = 0
    found: int = 0
    methods: Counter[str] = field(default_factory=Counter)
    ms: list[float] = field(default_factory=list)

    def row(self, name: str) -> str:
        low, high = wilson(self.found, self.seen)
        p50, p95 = np.percentile(self.ms, [50, 95])
        methods = ", ".join(f"{method} {n}" for method, n in self.methods.most_common())
        return (
            f"| {name} | {self.seen} | {self.found / self.seen:.1%} | {low:.1%} to {high:.1%} | "
            f"{p50:.0f} / {p95:.0f} | {methods} |"
        )


def likeness(line: str, text: str) -> float:
    """How much the stretch of the text that is most like the line is like it: 0 to 1."""
    wanted, read = ("".join(one.lower().split()) for one in (line, text))
    blocks = SequenceMatcher(None, read, wanted, autojunk=False).get_matching_blocks()
    starts = {max(0, block.a - block.b) for block in blocks}
    stretches = (read[start : start + len(wanted)] for start in starts)
    return max(
        SequenceMatcher(None, stretch, wanted, autojunk=False).ratio() for stretch in stretches
    )


def revealed(ocr: Ocr, data: bytes) -> tuple[list[TextPart], float]:
    """What is read of a picture as it is sent, and in how many ms. Raises ``MediaError``."""
    pinned = canonicalise(data, "image/png", bound=bound_for("gpt-4o", None))
    part = ImagePart(
        pointer="",
        origin=Origin.USER,
        data=pinned.data,
        media_type=pinned.media_type,
        original=None if pinned.data == data else data,
    )
    begun = time.perf_counter()
    parts = ocr.reveal(part)
    ms = (time.perf_counter() - begun) * 1000
    return [one for one in parts if isinstance(one, TextPart)], ms


def find(
    ocr: Ocr, seeds: Sequence[int], count: int, photos: Sequence[Image.Image]
) -> dict[str, Tally]:
    """A tally for each class of attacks; none of all together."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    for seed in seeds:
        for attack in attacks(seed, count, photos):
            texts, ms = revealed(ocr, attack.data)
            by = [one.method for one in texts if likeness(attack.line, one.text) >= FOUND]
            tally = tallies[attack.name]
            tally.seen += 1
            tally.found += bool(by)
            tally.ms.append(ms)
            tally.methods.update(method for method in by if method)
    return tallies


def together(tallies: Iterable[Tally]) -> Tally:
    """All of them as one."""
    whole = Tally()
    for tally in tallies:
        whole.seen += tally.seen
        whole.found += tally.found
        whole.ms += tally.ms
        whole.methods += tally.methods
    return whole


def fired(ocr: Ocr, pictures: Sequence[tuple[str, bytes]]) -> dict[str, Tally]:
    """A tally for each source of harmless pictures: in how many another look found something."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    for source, data in pictures:
        try:
            texts, ms = revealed(ocr, data)
        except MediaError:
            continue
        others = {one.method for one in texts if one.method and ":" in one.method}
        tally = tallies[source]
        tally.seen += 1
        tally.found += bool(others)
        tally.ms.append(ms)
        tally.methods.update(others)
    return tallies


def missed(attacked: Mapping[str, Tally], harmless: Mapping[str, Tally]) -> Iterator[str]:
    """The aims that were not reached, each with its figures."""
    for name, tally in attacked.items():
        if tally.found < LEAST * tally.seen:
            yield f"{name}: {tally.found} of {tally.seen} found, {LEAST:.0%} are to be"
    found = together(attacked.values())
    if found.found < LEAST_ALL * found.seen:
        yield f"all: {found.found} of {found.seen} found, {LEAST_ALL:.0%} are to be"
    others = together(harmless.values())
    if others.found > MOST_FIRED * others.seen:
        yield f"other looks fire on {others.found} of {others.seen} harmless pictures"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints the table; exit status 1 if an aim was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=[1])
    parser.add_argument("--count", type=int, default=20, help="pictures of a class and seed")
    parser.add_argument("--images", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take every Nth harmless picture")
    parser.add_argument("--out", type=Path, help="write the table here too")
    given = parser.parse_args(arguments)
    harmless, photos = [], []
    if folder := given.images:
        manifest = (folder / "manifest.jsonl").read_text("utf-8").splitlines()
        for row in [json.loads(line) for line in manifest][:: given.every]:
            harmless.append((row["source"], (folder / row["image"]).read_bytes()))
            if not row.get("text_dense"):
                photos.append(Image.open(folder / row["image"]))
    ocr = Ocr.load()
    attacked = find(ocr, given.seeds, given.count, photos)
    fires = fired(ocr, harmless)
    lines = [
        "| pictures | n | found | 95 % | ms p50 / p95 | by |",
        "| --- | --- | --- | --- | --- | --- |",
        *(tally.row(name) for name, tally in attacked.items()),
        *([together(attacked.values()).row("all")] if attacked else ()),
        *(tally.row(f"harmless: {name}") for name, tally in fires.items()),
    ]
    print("\n".join(lines))
    if given.out:
        given.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    wrong = list(missed(attacked, fires))
    for what in wrong:
        print(f"benchmarks.reading: {what}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
