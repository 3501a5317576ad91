from pathlib import Path

import pytest

from service.policy.cases import Outcome, files, run, uncovered
from service.policy.load import load
from service.policy.model import Action

POLICIES = Path(__file__).parents[2] / "policies"
SHIPPED = sorted(POLICIES.glob("*.yaml"))
OUTCOMES = [outcome for path in files(POLICIES / "cases") for outcome in run(path)]


def cases_of(policy: Path) -> list[Outcome]:
    return [outcome for outcome in OUTCOMES if outcome.path.name == policy.name]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda each: f"{each.path.stem}: {each.case}")
def test_case(outcome: Outcome) -> None:
    assert outcome.passed, str(outcome)


def test_the_default_policy_ships() -> None:
    assert POLICIES / "default.yaml" in SHIPPED


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_rule_has_a_case(path: Path) -> None:
    assert uncovered(load(path), cases_of(path)) == ()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_policy_refuses_what_was_not_inspected(path: Path) -> None:
    rules = load(path).written.rules
    closed = {rule.stage for rule in rules if rule.when == "!complete" and rule.on is None}
    assert {rule.action for rule in rules if rule.when == "!complete"} == {Action.REFUSE}
    assert {stage.value for stage in closed} == {"request", "response"}


def test_every_rule_of_the_default_is_tagged_and_says_no_more_than_was_refused() -> None:
    for rule in load(POLICIES / "default.yaml").written.rules:
        assert rule.tags, rule.id
        message = (rule.message or "").lower()
        telling = ("score", "threshold", "classifier", "detector", "ocr", "label")
        assert not [word for word in telling if f" {word}" in message], rule.id
