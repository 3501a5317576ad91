import json
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import pytest

from service.policy.cases import Outcome, files, run, uncovered
from service.policy.fields import Language
from service.policy.load import load
from service.policy.model import Action
from service.policy.resolve import resolve
from service.policy.schema import schema
from service.policy.tongue import language

POLICIES = Path(__file__).parents[2] / "policies"
SHIPPED = sorted(POLICIES.glob("*.yaml"))
PLAIN = {"default", "mask", "strict", "monitor"}
PRIVACY = [path for path in SHIPPED if path.stem not in PLAIN]
OUTCOMES = [outcome for path in files(POLICIES / "cases") for outcome in run(path)]


def cases_of(policy: Path) -> list[Outcome]:
    """The cases of the policy and of those that it extends, whose rules it takes over."""
    names = {path.name for path in resolve(policy).files}
    return [outcome for outcome in OUTCOMES if outcome.path.name in names]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda each: f"{each.path.stem}: {each.case}")
def test_case(outcome: Outcome) -> None:
    assert outcome.passed, str(outcome)


def test_the_default_policy_ships() -> None:
    assert POLICIES / "default.yaml" in SHIPPED


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_rule_has_a_case(path: Path) -> None:
    assert uncovered(load(path), cases_of(path)) == ()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_policy_has_cases_of_its_own_and_says_what_it_is(path: Path) -> None:
    assert [outcome for outcome in OUTCOMES if outcome.path.name == path.name]
    first, *head = path.read_text(encoding="utf-8").splitlines()
    assert first == "# yaml-language-server: $schema=schema.json"
    assert head[0].startswith("# ")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_bundle_says_what_it_does_what_it_costs_and_when_to_use_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for question in ("# What it does: ", "# What it costs: ", "# When to use it: "):
        assert text.count(question) == 1


def test_strict_refuses_all_that_the_default_refuses(tmp_path: Path) -> None:
    cases = (POLICIES / "cases" / "default.yaml").read_text(encoding="utf-8")
    path = tmp_path / "strict.yaml"
    path.write_text(cases.replace("../default.yaml", str(POLICIES / "strict.yaml")), "utf-8")
    outcomes = run(path)
    assert len(outcomes) == len(cases_of(POLICIES / "default.yaml"))
    for outcome in outcomes:
        assert outcome.decided["action"] in {outcome.expected["action"], "refuse"}, outcome.case
        assert {*rules_of(outcome.expected)} <= {*rules_of(outcome.decided)}, outcome.case


def rules_of(decided: Mapping[str, object]) -> list[str]:
    rules = decided["rules"]
    assert isinstance(rules, list)
    return rules


@pytest.mark.parametrize("path", PRIVACY, ids=lambda path: path.stem)
def test_photo_privacy_speaks_nine_languages(path: Path) -> None:
    languages = set(get_args(Language))
    spoken = [rule for rule in load(path).written.rules if isinstance(rule.message, dict)]
    assert spoken
    for rule in spoken:
        message = rule.message
        assert isinstance(message, dict)
        assert message.keys() == languages
        assert {told: language(text) for told, text in message.items()} == {
            told: told for told in languages
        }


def test_the_schema_that_ships_is_that_of_the_model() -> None:
    shipped = (POLICIES / "schema.json").read_text(encoding="utf-8")
    assert shipped == schema(), "python -m service.policy.schema > policies/schema.json"


def test_the_schema_says_where_a_variable_may_stand() -> None:
    made = json.loads(schema())
    tables = [made, *made["$defs"].values()]
    fields = [each for table in tables for each in table.get("properties", {}).items()]
    told = {name for name, field in fields if "${NAME}" in field.get("description", "")}
    assert told == {"message", "contact"}
    assert all(f"`{name}`" in made["description"] for name in told)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_policy_refuses_what_was_not_inspected(path: Path) -> None:
    rules = load(path).written.rules
    closed = {rule.stage for rule in rules if rule.when == "!complete" and rule.on is None}
    assert {rule.action for rule in rules if rule.when == "!complete"} == {Action.REFUSE}
    assert {stage.value for stage in closed} == {"request", "response"}


def test_every_rule_of_the_default_is_tagged_and_says_no_more_than_was_refused() -> None:
    for rule in load(POLICIES / "default.yaml").written.rules:
        assert rule.tags, rule.id
        message = str(rule.message or "").lower()
        telling = ("score", "threshold", "classifier", "detector", "ocr", "label")
        assert not [word for word in telling if f" {word}" in message], rule.id
