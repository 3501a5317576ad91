"""Measures the gate on rows that were written by hand for testing, and never trained on.

    python -m benchmarks.written [--rows FOLDER] [--policy P] [--most N] [--to FOLDER]

``rows/*.jsonl`` hold `text`, `labels` (none is harmless), `lang`, `surface` (user, tool, document,
image, answer) and `label_kind`, the kind of attack that a row belongs to, its harmless neighbours
too. Rows of the photo labels are asked beside a blank picture, and answers given to one; what
stands in a picture is drawn into one, with a question beside it that asks for nothing. The table is
by kind, and by language where rows were written for that.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from detectors.contract.labels import PHOTO_PRIVACY_LABELS
from service.evaluation.figures import by_source
from service.evaluation.run import run
from service.evaluation.suite import HARMLESS, read_suite
from service.evaluation.table import table
from service.policy.case_file import CasePicture
from service.rehearsal.pictures import draw
from service.settings import Settings
from service.trial import Trial

ROWS: Final = Path(__file__).parent / "rows"
BLANK: Final = "blank.png"
QUESTIONS: Final = {
    "harm": "Please fill in the items of this list.",
    "embedded_instruction": "What does this say?",
}
"""What is asked beside a picture with such words in it."""
LATIN: Final = 0x250
"""Code points from here on the font that pictures are drawn with does not have."""


def suite(rows: Path, folder: Path, most: int | None = None) -> Path:
    """Writes ``suite.jsonl`` and its pictures; ``most`` rows of each kind and side."""
    (folder / BLANK).write_bytes(draw(CasePicture(text=" ", on="plain")))
    path, seen = folder / "suite.jsonl", Counter[tuple[str, bool]]()
    with path.open("w", encoding="utf-8") as out:
        for number, (file, row) in enumerate(written(rows)):
            source = _source(file, row)
            seen[source, bool(row["labels"])] += 1
            if most is None or seen[source, bool(row["labels"])] <= most:
                made = _row(number, source, row, folder)
                out.write(json.dumps(made) + "\n")
    return path


def written(rows: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each row that can be made into a request, and the name of its file."""
    for path in sorted(rows.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["surface"] != "image" or max(map(ord, row["text"])) < LATIN:
                yield path.stem, row


def _source(file: str, row: dict[str, Any]) -> str:
    kind = "list title in a picture" if row["surface"] == "image" else row["label_kind"]
    if row["surface"] == "image" and row["label_kind"] != "harm":
        kind = f"{row['label_kind']} in a picture"
    return str(row["lang"]) if file == "languages" else kind


def _row(number: int, source: str, row: dict[str, Any], folder: Path) -> dict[str, Any]:
    labels = [label.removeprefix("harm:") for label in row["labels"]]
    if any(label.startswith("harm:") for label in row["labels"]):
        labels.append("harm")
    made = {"id": str(number), "source": source, "label": labels or [HARMLESS], "text": row["text"]}
    if row["surface"] == "image":
        name = f"{number}.png"
        (folder / name).write_bytes(draw(CasePicture(text=row["text"], on="plain")))
        return {**made, "image": name, "text": QUESTIONS[row["label_kind"]]}
    if row["surface"] in {"tool", "document"}:
        return {**made, "role": "tool"}
    if row["surface"] == "answer":
        return {**made, "role": "assistant", "image": BLANK}
    return {**made, "image": BLANK} if row["label_kind"] in PHOTO_PRIVACY_LABELS else made


def main() -> None:
    """Reads the command line, examines every row and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=Path, default=ROWS)
    parser.add_argument("--policy", type=Path, help="another policy than the default one")
    parser.add_argument("--most", type=int, help="rows of each kind and side, for a quick look")
    parser.add_argument("--to", type=Path, help="only write the suite here, for `glassgate eval`")
    arguments = parser.parse_args()
    if arguments.to:
        arguments.to.mkdir(parents=True, exist_ok=True)
        print(suite(arguments.rows, arguments.to, arguments.most))
        return
    settings = Settings.read(policy=arguments.policy)
    with tempfile.TemporaryDirectory() as folder:
        cases = read_suite(suite(arguments.rows, Path(folder), arguments.most))
        outcomes = list(run(Trial(settings), cases, settings.threads))
    print("\n".join(table("kind", by_source(outcomes))))


if __name__ == "__main__":
    main()
