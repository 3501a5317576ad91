"""Scopes: for whom they are, and what is in force there."""

import pytest

from service.policy.model import NOBODY, Action, Caller
from tests.service.policy.exchanges import (
    FORWARD,
    PARTS,
    QUESTION,
    REFUSE,
    Written,
    exchange_of,
    found,
    inspection_of,
    rule,
)

RULES = "thresholds: {harm: 0.8}\nrules:\n" + rule("harm", "harm >= threshold.harm", REFUSE)
ACME = Caller(tenant="acme-eu", key_group="staff", path="/v1/chat/completions")


def scope(fields: str, name: str = "narrow") -> str:
    return f"  - {{id: {name}, description: d, {fields}}}\n"


@pytest.mark.parametrize(
    ("patterns", "caller", "matches"),
    [
        ("tenants: [acme-*]", ACME, True),
        ("tenants: [acme]", ACME, False),
        ("tenants: ['*']", NOBODY, True),
        ("tenants: [acme.eu]", ACME, False),
        ("tenants: [other, acme-eu]", ACME, True),
        ("tenants: [acme-*], key_groups: [staff]", ACME, True),
        ("tenants: [acme-*], key_groups: [guests]", ACME, False),
        ("paths: [/v1/chat/*]", ACME, True),
        ("paths: [/v1/chat/*]", NOBODY, False),
        ("models: [a-*]", NOBODY, True),
        ("models: [A-*]", NOBODY, False),
    ],
)
def test_a_scope_is_for_those_whom_its_patterns_match(
    written: Written, patterns: str, caller: Caller, *, matches: bool
) -> None:
    policy = written(RULES + "select:\n" + scope(f"{patterns}, thresholds: {{harm: 0.2}}"))
    inspection = inspection_of([found(QUESTION, "harm", 0.5)], parts=PARTS)
    decision = policy.decide(exchange_of(PARTS), inspection, caller)
    assert decision.scope == ("narrow" if matches else "")
    assert decision.action is (Action.REFUSE if matches else Action.FORWARD)


def test_the_first_scope_that_matches_is_in_force(written: Written) -> None:
    select = scope("tenants: [acme-*], sensitivity: high", "first")
    select += scope("tenants: [acme-eu], thresholds: {harm: 0.1}", "second")
    policy = written(RULES + "select:\n" + select)
    inspection = inspection_of([found(QUESTION, "harm", 0.5)], parts=PARTS)
    decision = policy.decide(exchange_of(PARTS), inspection, ACME)
    assert (decision.scope, decision.action) == ("first", Action.FORWARD)


@pytest.mark.parametrize(
    "stricter",
    [
        "thresholds: {harm: 0.8}",
        "thresholds: {harm: 0.1}",
        "sensitivity: high",
        "override: [{id: watched, mode: enforce}]",
        "override: [{id: watched, action: refuse, message: No.}]",
        "override: [{id: watched, sample: 1.0}]",
        "override: [{id: harm, message: Not here., severity: high, tags: [a], description: e}]",
        "rules: [{id: own, description: d, stage: request, when: images > 3, action: forward}]",
    ],
)
def test_a_scope_may_be_stricter(written: Written, stricter: str) -> None:
    watched = rule("watched", "complete", FORWARD + ", mode: shadow, sample: 0.5")
    policy = written(RULES + watched + "select:\n" + scope(f"tenants: [a], {stricter}"))
    assert [each.id for each in policy.written.select] == ["narrow"]


@pytest.mark.parametrize(
    ("name", "looser"),
    [
        ("harm", "disable: [two]"),
        ("two", "disable: [two]"),
        ("harm", "thresholds: {harm: 0.9}"),
        ("two", "override: [{id: two, when: harm > 0.99}]"),
    ],
)
def test_a_scope_may_loosen_what_the_policy_names(written: Written, name: str, looser: str) -> None:
    text = RULES + rule("two", "harm > 0.3", REFUSE) + "select:\n"
    text += scope(f"tenants: [a], {looser}") + f"may_loosen: [{name}, two]\n"
    policy = written(text)
    inspection = inspection_of([found(QUESTION, "harm", 0.85)], parts=PARTS)
    inside = policy.decide(exchange_of(PARTS), inspection, Caller(tenant="a"))
    outside = policy.decide(exchange_of(PARTS), inspection, Caller(tenant="b"))
    assert len(inside.rules) < len(outside.rules) == 2
