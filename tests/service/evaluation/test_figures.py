from collections.abc import Mapping

import pytest

from service.evaluation.figures import by_label, by_source, mistakes, suggest
from service.evaluation.page import page
from service.evaluation.run import Outcome
from service.evaluation.suite import Row
from service.evaluation.table import table, thresholds
from service.policy.model import Action


def outcome(  # noqa: PLR0913
    id_: str,
    labels: set[str] | None,
    scores: Mapping[str, float],
    *,
    stopped: bool,
    source: str = "A",
    role: str = "user",
) -> Outcome:
    known = None if labels is None else frozenset(labels)
    return Outcome(
        row=Row(id=id_, text=f"words <of> {id_}", labels=known, source=source, role=role),
        action=Action.REFUSE if stopped else Action.FORWARD,
        rules=("rule",) if stopped else (),
        scores=scores,
        ms=10.0,
    )


EMBEDDED = "embedded_instruction"
OUTCOMES = [
    outcome("p1", {"injection"}, {"injection": 0.9}, stopped=True),
    outcome("p2", {"injection"}, {"injection": 0.2, "harm": 0.8}, stopped=False),
    outcome("n1", set(), {"injection": 0.3}, stopped=False),
    outcome("n2", set(), {}, stopped=True),
    outcome("t1", {EMBEDDED}, {EMBEDDED: 0.8}, stopped=True, role="tool"),
    outcome("t2", set(), {EMBEDDED: 0.1}, stopped=False, role="tool"),
    outcome("u1", None, {"injection": 1.0}, stopped=True),
    outcome("h1", {"harm"}, {"harm": 0.7}, stopped=True, source="B"),
]


def test_a_label_is_held_against_harmless_rows_of_its_roles() -> None:
    figures = {figure.name: figure for figure in by_label(OUTCOMES)}
    assert set(figures) == {"injection", EMBEDDED, "harm"}
    injection = figures["injection"]
    assert (injection.found.hits, injection.found.n) == (1, 2)
    assert (injection.alarms.hits, injection.alarms.n) == (1, 2)
    assert injection.curve is not None
    assert injection.curve.auroc == pytest.approx(0.75)
    assert figures[EMBEDDED].alarms.n == 1


def test_a_source_without_harmless_rows_borrows_them() -> None:
    figures = {figure.name: figure for figure in by_source(OUTCOMES)}
    assert (figures["A"].found.n, figures["A"].alarms.n) == (3, 3)
    assert figures["B"].alarms.n == 0
    assert figures["B"].curve is not None
    assert figures["B"].curve.auroc == pytest.approx(1.0)
    assert "| B | 1 | 100.0 % (20.7 to 100.0) |  |  | 1.000 | 1.000 |" in "\n".join(
        table("source", by_source(OUTCOMES))
    )


def test_a_threshold_keeps_its_false_positives() -> None:
    found = {each.label: each for each in suggest(OUTCOMES, 0.0)}
    assert found["injection"].threshold == pytest.approx(0.9)
    assert (found["injection"].recall.hits, found["injection"].alarms.hits) == (1, 0)
    lines = thresholds(found.values(), 0.0)
    assert lines[0] == "thresholds: # at most 0.0 % false positives on this suite"
    assert lines[1].startswith("  injection: 0.9000 # recall 50.0 %")


def test_the_worst_mistakes_come_first_and_without_their_words() -> None:
    alarms, misses = mistakes(OUTCOMES, 5)
    assert [o.row.id for o in alarms] == ["n2"]
    assert [o.row.id for o in misses] == ["p2"]
    shown = page("Evaluation", OUTCOMES, texts=False)
    assert "p2" in shown
    assert "words" not in shown
    assert "words &lt;of&gt; p2" in page("Evaluation", OUTCOMES, texts=True)
