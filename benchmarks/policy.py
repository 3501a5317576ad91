"""Measures what deciding costs: p50, p95 and p99 of one decision, by the number of rules.

    python -m benchmarks.policy [--rules 20 100] [--decisions 5000]

The aim is 0.3 ms for the 99th percentile of 100 rules. The rules look at every kind of place (the
exchange, the user's parts, third parties', pictures' texts), and the exchange is a chat with a
picture: the benign one scores low everywhere, the harmful one matches a tenth of the rules. Time is
the thread's own, so that what else the machine does is not counted.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from detectors.contract.exchange import (
    Exchange,
    ImagePart,
    Message,
    Origin,
    Part,
    Role,
    Stage,
    TextPart,
)
from detectors.contract.finding import Coverage, Finding, Inspection
from detectors.contract.labels import CLASSIFIER_LABELS
from service.policy.engine import Policy
from service.policy.load import load

WARM: Final = 200
PLACES: Final = ("", "    on: [user]\n", "    on: [third_party]\n", "    on: [ocr]\n")


def policy_of(rules: int, folder: Path) -> Policy:
    """A policy of so many rules, over all labels and places in turn."""
    text = "version: 1\ndescription: a benchmark\nthresholds: {low: 0.5, high: 0.9}\nrules:\n"
    for number in range(rules):
        label = CLASSIFIER_LABELS[number % len(CLASSIFIER_LABELS)]
        threshold = "threshold.low" if number % 10 == 0 else "threshold.high"
        extra = (
            "images > 0",
            "complete",
            "stream == false",
            "model != 'none'",
            "score.third_party.harm < 1.0",
        )
        text += (
            f"  - id: rule-{number}\n    description: one of many\n    stage: request\n"
            f"{PLACES[number % len(PLACES)]}"
            f"    when: {extra[number % len(extra)]} && {label} >= {threshold}\n"
            "    action: refuse\n    message: No.\n"
        )
    path = folder / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def exchange_of(score: float) -> tuple[Exchange, Inspection]:
    """A chat of three messages and a picture with text; every label scores so much in each text."""
    system = TextPart(pointer="/0", origin=Origin.OPERATOR, text="Be kind.")
    before = TextPart(pointer="/1", origin=Origin.MODEL, text="How can I help?")
    question = TextPart(pointer="/2/0", origin=Origin.USER, text="What does the sign say?")
    photo = ImagePart(pointer="/2/1", origin=Origin.USER, data=b"", media_type="image/png")
    read = TextPart(
        pointer="/2/1", origin=Origin.THIRD_PARTY, parent="/2/1", method="ocr", text="No parking"
    )
    both = TextPart(
        pointer="/2/0", origin=Origin.USER, parent="/2/0", method="joined", text="What No parking"
    )
    parts: tuple[Part, ...] = (system, before, question, photo, read, both)
    findings = tuple(
        Finding(label=label, score=score, part=part.key, detector="classifier")
        for part in parts
        if isinstance(part, TextPart)
        for label in CLASSIFIER_LABELS
    )
    exchange = Exchange(
        dialect="openai_chat",
        model="a-model",
        stage=Stage.REQUEST,
        messages=(
            Message(role=Role.SYSTEM, parts=(system,)),
            Message(role=Role.ASSISTANT, parts=(before,)),
            Message(role=Role.USER, parts=(question, photo)),
        ),
    )
    coverage = Coverage(seen=4, inspected=4)
    return exchange, Inspection(parts=parts, findings=findings, runs=(), coverage=coverage)


def measured(policy: Policy, score: float, decisions: int) -> tuple[float, float, float]:
    """Milliseconds of one decision: p50, p95, p99."""
    exchange, inspection = exchange_of(score)
    for _ in range(WARM):
        policy.decide(exchange, inspection)
    spent = np.empty(decisions)
    for index in range(decisions):
        begun = time.thread_time_ns()
        policy.decide(exchange, inspection)
        spent[index] = (time.thread_time_ns() - begun) / 1e6
    p50, p95, p99 = np.percentile(spent, (50, 95, 99)).tolist()
    return p50, p95, p99


def table(sizes: Sequence[int], decisions: int) -> Iterator[str]:
    """The lines of a table: a row for each number of rules and each exchange."""
    yield "| rules | exchange | p50 ms | p95 ms | p99 ms |"
    yield "| ---: | --- | ---: | ---: | ---: |"
    for rules in sizes:
        with tempfile.TemporaryDirectory() as folder:
            policy = policy_of(rules, Path(folder))
        for name, score in (("benign", 0.02), ("harmful", 0.7)):
            found = " | ".join(f"{value:.3f}" for value in measured(policy, score, decisions))
            yield f"| {rules} | {name} | {found} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rules", type=int, nargs="+", default=[20, 100])
    parser.add_argument("--decisions", type=int, default=5000)
    given = parser.parse_args(arguments)
    for row in table(given.rules, given.decisions):
        print(row)
    return 0


if __name__ == "__main__":
    sys.exit(main())
