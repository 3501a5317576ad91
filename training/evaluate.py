"""Measures the gate on the eval rows: ``python -m training.evaluate --data DIR --card CARD.md``.

The rows become a suite of ``glassgate eval`` and are examined as that command does it, by the
default policy. The table per source is printed, and put between the marks of a card.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from PIL import Image

from service.evaluation.figures import by_label, by_source
from service.evaluation.run import run
from service.evaluation.suite import HARMLESS, read_suite
from service.evaluation.table import table
from service.settings import Settings
from service.trial import Trial
from training.data import read_rows

LABELS: Final[Mapping[str, str]] = {
    "harmful": "harm",
    "jailbreak": "jailbreak",
    "injection": "injection",
    "injection_in_context": "embedded_instruction",
    "identity_or_pii": "identity",
    "toxic_text": "harm",
}
"""Class of an offence → the label that it ought to get; ``benign…`` classes are harmless."""
BESIDE_A_PICTURE: Final = frozenset({"benign_vqa", "identity_or_pii"})
IN_DOCUMENT: Final = "injection_in_context"
DOCUMENT: Final = "benign_document"
QUESTIONS: Final = "questions of harmless pictures"
BLANK: Final = "blank.png"
_MARK: Final = "<!-- figures -->"

Written = dict[str, Any]


def suite(data: Path, seed: int = 7) -> Iterator[Written]:
    """The rows of a suite: every eval row that has a side, and the harmless pictures' questions."""
    rows = list(read_rows(data / "text" / "eval.jsonl.gz"))
    documents = [row["text"] for row in rows if row["class"] == DOCUMENT]
    rng = random.Random(seed)
    for number, row in enumerate(rows):
        kind, text = row["class"], row["text"]
        if kind not in LABELS and not kind.startswith("benign"):
            continue
        if kind == IN_DOCUMENT:
            lines = rng.choice(documents).split("\n")
            lines.insert(rng.randint(0, len(lines)), text)
            text = "\n".join(lines)
        yield _row(f"{number}", row["source"], kind, text)
    for picture, row in enumerate(read_rows(data / "images" / "manifest.jsonl")):
        for number, question in enumerate(row["question"]):
            yield _row(f"q{picture}-{number}", QUESTIONS, "benign_vqa", question)


def _row(id_: str, source: str, kind: str, text: str) -> Written:
    written = {
        "id": id_,
        "source": source,
        "text": text,
        "label": LABELS.get(kind, HARMLESS),
        "role": "tool" if kind in {IN_DOCUMENT, DOCUMENT} else "user",
    }
    return {**written, "image": BLANK} if kind in BESIDE_A_PICTURE else written


def bounded(rows: Iterable[Written], most: int | None) -> Iterator[Written]:
    """The first ``most`` rows of each source and label; all of them where it is None."""
    seen: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        seen[row["source"], row["label"]] += 1
        if most is None or seen[row["source"], row["label"]] <= most:
            yield row


def write_suite(rows: Iterable[Written], folder: Path) -> Path:
    """Writes ``suite.jsonl`` and the blank picture that stands for a row's own."""
    Image.new("RGB", (64, 64), "white").save(folder / BLANK)
    path = folder / "suite.jsonl"
    with path.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(row) + "\n" for row in rows)
    return path


def write_into(card: Path, lines: Sequence[str]) -> None:
    """Puts the table between the marks of a card. Raises ValueError if they are not there."""
    parts = card.read_text(encoding="utf-8").split(_MARK)
    if len(parts) != 3:  # noqa: PLR2004
        raise ValueError(f"{card.name} must hold the mark {_MARK} twice: before and after figures")
    middle = "\n".join(lines)
    card.write_text(f"{parts[0]}{_MARK}\n{middle}\n{_MARK}{parts[2]}", encoding="utf-8")


def main() -> None:
    """Reads the command line, examines every row and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--policy", type=Path, help="another policy than the default one")
    parser.add_argument("--card", type=Path, help="a page to write the table into")
    parser.add_argument("--most", type=int, help="rows of each source, for a quick look")
    parser.add_argument("--to", type=Path, help="only write the suite here, for `glassgate eval`")
    arguments = parser.parse_args()
    rows = bounded(suite(arguments.data), arguments.most)
    if arguments.to:
        arguments.to.mkdir(parents=True, exist_ok=True)
        print(write_suite(rows, arguments.to))
        return
    settings = Settings.read(policy=arguments.policy).model_copy(update={"cache": 0})
    with tempfile.TemporaryDirectory() as folder:
        cases = read_suite(write_suite(rows, Path(folder)))
        outcomes = list(run(Trial(settings), cases, settings.threads))
    lines = [*table("label", by_label(outcomes)), "", *table("source", by_source(outcomes))]
    print("\n".join(lines))
    if arguments.card:
        write_into(arguments.card, lines)


if __name__ == "__main__":
    main()
