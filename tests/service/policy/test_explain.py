from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.contract.exchange import CallRef
from detectors.contract.finding import Finding, Gap
from service.policy.engine import Policy
from service.policy.explain import drawn, explain
from service.policy.terms import leaves, sides
from tests.service.policy.exchanges import (
    INSTRUCT,
    MASK,
    NOTE,
    PARTS,
    PHOTO,
    QUESTION,
    REFUSE,
    TOOL,
    Written,
    exchange_of,
    found,
    inspection_of,
    rule,
)

RULES = (
    rule("user-harm", "images > 0 && harm >= threshold.harm", f"on: [user], {REFUSE}")
    + rule("pictures", "harm >= (characters > 5 ? 0.9 : 0.5)", f"on: [ocr], {REFUSE}")
    + rule("either", "hate > 0.5 || !(harm < 0.25)", f"{REFUSE}, mode: shadow")
    + rule("guarded", "size(gaps) > 0 && gaps[0] == ''audio''", REFUSE)
)
THRESHOLDS = "thresholds: {harm: 0.8}\nrules:\n"
SCORES = st.sampled_from([0.0, 0.25, 0.3, 0.5, 0.51, 0.8, 0.9, 1.0])
FINDINGS = st.lists(
    st.builds(found, st.sampled_from(PARTS), st.sampled_from(["harm", "hate"]), SCORES), max_size=6
)


@pytest.fixture
def policy(written: Written) -> Policy:
    return written(THRESHOLDS + RULES)


def tree(policy: Policy, findings: Sequence[Finding], gaps: Sequence[Gap] = ()) -> list[str]:
    return drawn(explain(policy, exchange_of(PARTS), inspection_of(findings, gaps))).splitlines()


def test_the_tree_shows_which_terms_held_and_by_how_much(policy: Policy) -> None:
    lines = tree(policy, [found(QUESTION, "harm", 0.93)])
    assert lines[0] == "refuse by user-harm, either (shadow)"
    assert lines[1] == "  request in openai_chat, model a-model, 4/4 parts inspected whole"
    assert lines[2:7] == [
        "├─ user-harm: held, refuse",
        "│  ├─ /0 (user): held",
        "│  │  └─ ✓ all of",
        "│  │     ├─ ✓ images > 0   [1 > 0, 1 apart]",
        "│  │     └─ ✓ harm >= threshold.harm   [0.93 >= 0.8, 0.13 apart]",
    ]


@pytest.mark.parametrize(
    ("findings", "gaps", "line"),
    [
        ([found(NOTE, "harm", 0.6)], [], "[0.6 >= 0.9, 0.3 apart]"),
        ([found(QUESTION, "harm", 0.2)], [], "✓ harm < 0.25   [0.2 < 0.25, 0.05 apart]"),
        ([found(QUESTION, "harm", 0.2)], [], "✗ not"),
        ([], [Gap(part=PHOTO.key, kind="audio", reason="")], "not inspected whole: /1 (audio)"),
        ([], [Gap(part=PHOTO.key, kind="audio", reason="")], "├─ ✓ size(gaps) > 0   [gaps is [au"),
    ],
)
def test_a_line_of_the_tree(
    policy: Policy, findings: list[Finding], gaps: list[Gap], line: str
) -> None:
    lines = tree(policy, findings, gaps)
    assert any(line in each for each in lines), "\n".join(lines)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (CallRef(id="c1", name="look"), "/3 (third_party, by look (c1)): held"),
        (CallRef(id="c1"), "/3 (third_party, by a tool (c1)): held"),
        (CallRef(name="look"), "/3 (third_party, by look): held"),
    ],
)
def test_the_tree_names_the_call_that_brought_a_part(
    written: Written, call: CallRef, said: str
) -> None:
    parts = [replace(TOOL, call=call)]
    policy = written("rules:\n" + rule("tools", "harm > 0.5", f"on: [third_party], {REFUSE}"))
    inspection = inspection_of([found(TOOL, "harm", 0.9)], parts=parts)
    assert said in drawn(explain(policy, exchange_of(parts), inspection))


def test_the_tree_names_the_edits(written: Written) -> None:
    text = rule("a", "harm > 0.5", MASK) + rule("b", "harm > 0.5", INSTRUCT)
    lines = tree(written("rules:\n" + text), [found(NOTE, "harm", 0.9)])
    assert lines[0] == "rewrite by a, b"
    assert lines[2:4] == [f"  mask_text: {NOTE.key}", "  instruct: the request"]


def test_a_rule_for_parts_that_are_not_there_says_so(written: Written) -> None:
    policy = written("rules:\n" + rule("codes", "harm > 0.5", f"on: [qr], {REFUSE}"))
    assert tree(policy, [])[2:] == ["└─ codes: did not hold", "   └─ no part is from qr"]


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)
@given(findings=FINDINGS)
def test_what_is_explained_is_what_is_decided(policy: Policy, findings: list[Finding]) -> None:
    explained = explain(policy, exchange_of(PARTS), inspection_of(findings))
    decision = policy.decide(exchange_of(PARTS), inspection_of(findings))
    assert explained.decision == decision
    held = {each.rule.id for each in explained.rules if each.held}
    assert held == {*decision.rules, *decision.shadow}
    for each in explained.rules:
        for look in each.looks:
            assert look.term.held in {look.held, None}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("harm > 0.5", ["harm > 0.5"]),
        ("(a && (b || !c)) && d", ["a", "b", "c", "d"]),
        ("x ? y || z : !(w)", ["x", "y", "z", "w"]),
        ("model == 'a && b' || stream", ["model == 'a && b'", "stream"]),
        ("gaps.exists(g, g == 'x' || g == 'y')", ["gaps.exists(g, g == 'x' || g == 'y')"]),
        ("(a) || (b)", ["a", "b"]),
    ],
)
def test_the_leaves_of_a_condition(text: str, expected: list[str]) -> None:
    assert list(leaves(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a >= b", ("a ", ">=", " b")),
        ("a > (b == c ? 1 : 2)", ("a ", ">", " (b == c ? 1 : 2)")),
        ("gaps.exists(g, g == 'x')", None),
        ("model == '>='", ("model ", "==", " '>='")),
        ("complete", None),
    ],
)
def test_the_sides_of_a_comparison(text: str, expected: tuple[str, str, str] | None) -> None:
    assert sides(text) == expected
