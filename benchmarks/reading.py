"""How much hidden text is found, class by class, and how often other looks fire on harmless ones.

    python -m benchmarks.reading --seeds 1 2 3 [--count N] [--images DIR] [--every N] [--out FILE]

Each picture of ``benchmarks/attacks.py`` goes through pin as ``gpt-4o`` is shown it, then through
the view ``ocr``. A line counts as found where a stretch of what was read is like it by 0.8 (2 x
common characters / both lengths, white space and case aside). ``DIR`` is as for
``benchmarks.pictures``: its photos carry every second attack, and all its pictures are harmless.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
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


def find(ocr: Ocr, seeds: Sequence[int], count: int, photos: Sequence[Image.Image]) -> list[str]:
    """A row for each class of attacks, and one for all."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    for seed in seeds:
        for attack in attacks(seed, count, photos):
            texts, ms = revealed(ocr, attack.data)
            by = [one.method for one in texts if likeness(attack.line, one.text) >= FOUND]
            for tally in (tallies[attack.name], tallies["all"]):
                tally.seen += 1
                tally.found += bool(by)
                tally.ms.append(ms)
                tally.methods.update(method for method in by if method)
    everything = tallies.pop("all")
    return [tally.row(name) for name, tally in tallies.items()] + [everything.row("all")]


def fired(ocr: Ocr, pictures: Sequence[tuple[str, bytes]]) -> list[str]:
    """A row for each source of harmless pictures: in how many another look found something."""
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
    return [tally.row(f"harmless: {name}") for name, tally in tallies.items()]


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=[1])
    parser.add_argument("--count", type=int, default=20, help="pictures of a class and seed")
    parser.add_argument("--images", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take every Nth harmless picture")
    parser.add_argument("--out", type=Path, help="write the table here too")
    arguments = parser.parse_args()
    harmless, photos = [], []
    if folder := arguments.images:
        manifest = (folder / "manifest.jsonl").read_text("utf-8").splitlines()
        for row in [json.loads(line) for line in manifest][:: arguments.every]:
            harmless.append((row["source"], (folder / row["image"]).read_bytes()))
            if not row.get("text_dense"):
                photos.append(Image.open(folder / row["image"]))
    ocr = Ocr.load()
    lines = [
        "| pictures | n | found | 95 % | ms p50 / p95 | by |",
        "| --- | --- | --- | --- | --- | --- |",
        *(find(ocr, arguments.seeds, arguments.count, photos) if arguments.seeds else ()),
        *fired(ocr, harmless),
    ]
    print("\n".join(lines))
    if arguments.out:
        arguments.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
