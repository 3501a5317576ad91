"""Reads the public and the project's rows, gives each its targets, and splits them by group."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from training.sources import RULES, Targets, made_targets

DEV_SHARE: Final = 0.07
WRITTEN: Final = Path(__file__).parents[1] / "benchmarks" / "rows"
"""Rows written by hand for testing."""
_TRANSLATED: Final = ("h4_photo_privacy_multi", "h7_multilingual")


@dataclass(frozen=True, slots=True)
class Example:
    """One text and what is known of it. Rows of one ``group`` stay on one side of the split.

    ``always`` rows are shown in every round, of the others a share.
    """

    text: str
    targets: Targets
    source: str
    surface: str = "user"
    lang: str = "en"
    group: str = ""
    weight: float = 1.0
    always: bool = False


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a ``.jsonl`` or ``.jsonl.gz`` file. Raises ValueError naming the line."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(f"{path.name}, line {number}: not JSON: {error.msg}") from error


def normalised(text: str) -> str:
    """The text without case, spacing and punctuation: what counts as the same row."""
    return re.sub(r"[\W_]+", "", text.casefold())


def share(key: str) -> float:
    """A fixed number in 0..1 for a key: draws that depend on nothing but the key."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") / 2**32


def public_examples(rows: Iterator[dict[str, Any]]) -> list[Example]:
    """The public training rows that ``RULES`` use, near-duplicates of eval rows left out."""
    kept: dict[tuple[str, str], list[Example]] = defaultdict(list)
    for row in rows:
        key = (row["source"], row["class"])
        rule, sub = RULES.get(key), row.get("sub") or ""
        if rule is None or row.get("near_eval") or not rule.wants(sub):
            continue
        text = row["text"].strip()
        kept[key].append(
            Example(
                text=text,
                targets=rule.targets_of(sub),
                source=row["source"],
                surface=rule.surface,
                lang=row.get("lang") or "en",
                group=f"{row['source']}:{normalised(text)[:200]}",
                weight=rule.weight,
                always=rule.always,
            )
        )
    return [
        example
        for key, examples in sorted(kept.items())
        for example in sorted(examples, key=lambda e: share(e.group))[: RULES[key].cap]
    ]


def made_examples(folder: Path) -> list[Example]:
    """The rows written by hand in a folder of ``.jsonl`` files. Raises ValueError naming a row."""
    examples = []
    for path in sorted(folder.glob("*.jsonl")):
        seen: dict[tuple[str, str], int] = defaultdict(int)
        for number, row in enumerate(read_rows(path), 1):
            try:
                targets = made_targets(row["labels"], row["surface"])
                group, lang, text = row["group"], row["lang"], row["text"].strip()
            except (KeyError, ValueError) as error:
                raise ValueError(f"{path.name}, row {number}: {error}") from error
            if path.stem in _TRANSLATED:  # one scenario in each language, in the same order
                seen[group, lang] += 1
                group = f"{group}-{seen[group, lang]}"
            if group.startswith("join-"):
                group = "join"
            examples.append(
                Example(
                    text=text,
                    targets=targets,
                    source=path.stem,
                    surface=row["surface"],
                    lang=lang,
                    group=f"{path.stem}:{group}",
                    always=True,
                )
            )
    return examples


@dataclass(frozen=True, slots=True)
class Corpus:
    """What is trained on, and what is held out to calibrate and to choose thresholds."""

    train: list[Example]
    dev: list[Example]


def load_corpus(data: Path, rows: Path, dev_share: float = DEV_SHARE) -> Corpus:
    """Every usable row of ``data`` and ``rows``, none of them equal to one that is measured on."""
    measured = (data / "text" / "eval.jsonl.gz", *WRITTEN.glob("*.jsonl"))
    held = {normalised(row["text"]) for path in measured for row in read_rows(path)}
    examples = [
        *public_examples(read_rows(data / "text" / "train.jsonl.gz")),
        *made_examples(data / "made"),
        *made_examples(rows),
    ]
    train: list[Example] = []
    dev: list[Example] = []
    seen: set[str] = set()
    for example in examples:
        key = normalised(example.text)
        if not key or key in held or key in seen:
            continue
        seen.add(key)
        (dev if share(example.group) < dev_share else train).append(example)
    return Corpus(train=train, dev=dev)
