"""The rows written for testing: that they can be examined, and were not trained on."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from benchmarks.written import ROWS, suite, written
from service.evaluation.suite import read_suite
from training.data import normalised

TRAINING = Path(__file__).parents[2] / "training" / "rows"
KINDS = ("identity", "location", "sensitive_attribute", "appearance", "embedded_instruction")
LANGUAGES = ("ar", "de", "es", "fr", "hi", "ja", "pt", "zh")


def test_a_suite_has_each_kind_from_both_sides(tmp_path: Path) -> None:
    rows = read_suite(suite(ROWS, tmp_path, most=2))
    sides = Counter((row.source, bool(row.labels)) for row in rows)
    for source in (*KINDS, *LANGUAGES, "list title in a picture"):
        assert sides[source, True] == sides[source, False] == 2
    assert {row.role for row in rows if row.source == "embedded_instruction"} == {"tool"}
    assert all(row.image for row in rows if row.source in {"identity", "list title in a picture"})


def test_kinds_have_as_many_harmless_rows_as_attacks() -> None:
    kinds = Counter((row["label_kind"], bool(row["labels"])) for _, row in written(ROWS))
    for kind in KINDS:
        attacks, harmless = kinds[kind, True], kinds[kind, False]
        assert attacks >= 290
        assert abs(attacks - harmless) <= attacks * 0.05


def test_no_row_is_trained_on() -> None:
    trained = {
        normalised(json.loads(line)["text"])
        for path in TRAINING.glob("*.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines()
    }
    texts = [normalised(row["text"]) for _, row in written(ROWS)]
    assert not trained & set(texts)
    assert len(texts) == len(set(texts))
