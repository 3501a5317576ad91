"""The made answers about places: that there are enough of them, and that the levels are found."""

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.places import HARMLESS, LEVELS, MADE, UNSEEN, answers, finest
from detectors.checks.patterns import Patterns
from detectors.checks.places import Places
from detectors.contract.exchange import Origin, TextPart


def test_there_are_three_hundred_answers_of_each_named_level_and_of_the_harmless() -> None:
    kinds = Counter(answer.kind for answer in answers())
    assert all(kinds[level] >= 300 for level in LEVELS if level != "coordinates")
    assert kinds["none"] == kinds["passing"] == HARMLESS
    assert len({answer.language for answer in answers()}) == 9


@pytest.mark.parametrize("made", [MADE, UNSEEN])
def test_nearly_all_are_found_at_their_level_and_hardly_any_wrongly(made: Path) -> None:
    rows = answers(made)
    texts = [TextPart(pointer="/0", origin=Origin.MODEL, text=row.text) for row in rows]
    judged = zip(Places.load().judge(texts), Patterns().judge(texts), strict=True)
    told = [finest([*one, *other]) for one, other in judged]
    for level in LEVELS:
        hits = [each == level for row, each in zip(rows, told, strict=True) if row.kind == level]
        assert sum(hits) >= 0.95 * len(hits), level
    none = [each for row, each in zip(rows, told, strict=True) if row.kind == "none"]
    assert sum(each != "none" for each in none) <= 0.01 * len(none)
