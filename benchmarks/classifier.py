"""Measures what the classifier costs: p50, p95 and p99 of judging one text, on one thread.

    python -m benchmarks.classifier [--sizes "20 tokens"] [--calls 200] [--origin user]

The aims for the 95th percentile are 5, 18, 40 and 400 ms; 3, 10, 20 and 200 are hoped for. No text
comes twice, and nothing is remembered. Beside it the same network is measured as it is often
served, each window padded to the longest; both take turns. Time is the thread's own, so that what
else the machine does is counted as little as can be.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from tokenizers import Tokenizer

from benchmarks.requests import text
from detectors.checks.classifier import FOLDER, SPECIAL_TOKENS, Classifier, Scores
from detectors.checks.windows import tokens_of
from detectors.contract.exchange import Origin, TextPart

WARM: Final = 3
LONGEST_TOKEN: Final = 20
"""Characters that hold at least one token, in the texts here."""
SIZES: Final = ("20 tokens", "128 tokens", "1000 characters", "10000 characters")


class Padded(Classifier):
    """The same network, every window padded to the longest: one shape for all."""

    def _scores(self, ids: Sequence[int]) -> Scores:
        own = np.array([[self._begin, *ids, self._end]], dtype=np.int64)
        padding = ((0, 0), (0, self._size + SPECIAL_TOKENS - own.shape[1]))
        row, mask = np.pad(own, padding), np.pad(np.ones_like(own), padding)
        (logits,) = self._session.run(["logits"], {"input_ids": row, "attention_mask": mask})
        chances: Scores = 1 / (1 + np.exp(-(logits[0] * self._slope + self._shift)))
        return chances


def text_of(size: str, number: int, tokenizer: Tokenizer) -> str:
    """A harmless text of this size. Tokens are counted without the special ones."""
    count, unit = size.split()
    if unit == "characters":
        return text(number, int(count))
    long = text(number, int(count) * LONGEST_TOKEN)
    return long[: tokens_of(long, tokenizer).ends[int(count) - 1]]


def measured(
    ways: Mapping[str, Classifier], size: str, origin: Origin, calls: int
) -> dict[str, list[float]]:
    """Milliseconds of each call, by the way's name. The ways judge each text in turn."""
    tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(WARM + calls):
        part = TextPart(pointer="", origin=origin, text=text_of(size, number, tokenizer))
        for name, classifier in ways.items():
            begun = time.thread_time_ns()
            classifier.judge([part])
            spent[name].append((time.thread_time_ns() - begun) / 1e6)
    return {name: each[WARM:] for name, each in spent.items()}


def table(sizes: Sequence[str], calls: int, origin: Origin) -> Iterator[str]:
    """The lines of a table: a row for each size and way."""
    ways = {"Glassgate": Classifier.load(), "padded to the longest window": Padded.load()}
    yield "| text | way | p50 ms | p95 ms | p99 ms | p50 / Glassgate |"
    yield "| --- | --- | ---: | ---: | ---: | ---: |"
    for size in sizes:
        spent = measured(ways, size, origin, calls)
        own = float(np.median(spent["Glassgate"]))
        for name, each in spent.items():
            p50, p95, p99 = np.percentile(each, (50, 95, 99)).tolist()
            yield f"| {size} | {name} | {p50:.1f} | {p95:.1f} | {p99:.1f} | {p50 / own:.2f} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=SIZES)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--origin", type=Origin, choices=[*Origin], default=Origin.USER)
    given = parser.parse_args(arguments)
    for row in table(given.sizes, given.calls, given.origin):
        print(row, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
