import ast
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest

from detectors.contract.exchange import CallRef, Origin, Part, Stage, TextPart
from detectors.contract.finding import Gap
from service.policy import engine
from service.policy.model import Action, Decision, Reason, Refusal
from tests.service.policy.exchanges import (
    FAINT,
    FORWARD,
    INSTRUCT,
    JOINED,
    MASK,
    NOTE,
    PHOTO,
    PLAIN,
    QUESTION,
    REFUSE,
    SYSTEM,
    TOOL,
    Written,
    decide,
    found,
    rule,
)


@pytest.mark.parametrize(
    ("on", "part", "holds"),
    [
        ("user", QUESTION, True),
        ("user", JOINED, True),
        ("user", NOTE, False),
        ("operator", SYSTEM, True),
        ("operator", QUESTION, False),
        ("third_party", NOTE, True),
        ("third_party", TOOL, True),
        ("third_party", JOINED, False),
        ("model", QUESTION, False),
        ("ocr", NOTE, True),
        ("ocr", FAINT, True),
        ("ocr", PLAIN, True),
        ("ocr", JOINED, False),
        ("ocr", TOOL, False),
        ("'ocr:faint'", FAINT, True),
        ("'ocr:faint'", NOTE, False),
        ("normalised", PLAIN, True),
        ("joined", JOINED, True),
        ("joined", QUESTION, False),
        ("user, operator", SYSTEM, True),
    ],
)
def test_on_selects_parts(written: Written, on: str, part: Part, holds: bool) -> None:
    policy = written("rules:\n" + rule("one", "harm > 0.5", f"on: [{on}], {REFUSE}"))
    decision = decide(policy, [found(part, "harm", 0.9)])
    assert decision.rules == (("one",) if holds else ())


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ("harm > 0.8", True),
        ("harm > 0.9", False),
        ("hate > 0.3 && harm > 0.8", True),
        ("jailbreak == 0.0", True),
        ("complete", False),
        ("size(gaps) == 1", True),
        ('"audio" in gaps', True),
        ('"file" in gaps', False),
        ("images == 1", True),
        ('dialect == "openai_chat" && model.startsWith("a-")', True),
        ("stream", False),
    ],
)
def test_variables_of_the_exchange(written: Written, when: str, holds: bool) -> None:
    policy = written("rules:\n" + rule("one", when, REFUSE))
    findings = [found(NOTE, "harm", 0.9), found(QUESTION, "harm", 0.2), found(TOOL, "hate", 0.4)]
    decision = decide(policy, findings, [Gap(part="/9", kind="audio", reason="none")])
    assert decision.rules == (("one",) if holds else ())


@pytest.mark.parametrize(
    ("when", "parts"),
    [
        ("harm > 0.5", {NOTE.key}),
        ("harm < 0.5 && hate > 0.3", {TOOL.key}),
        ("harm > 0.5 && hate > 0.3", set()),
        ('origin == "operator"', {SYSTEM.key}),
        ('method == "ocr:faint"', {FAINT.key}),
        ("joined", {JOINED.key}),
        ("images == 1 && harm > 0.5", {NOTE.key}),
    ],
)
def test_variables_of_a_part(written: Written, when: str, parts: set[str]) -> None:
    rest = f"on: [user, operator, third_party], {REFUSE}"
    decision = decide(
        written("rules:\n" + rule("one", when, rest)),
        [found(NOTE, "harm", 0.9), found(TOOL, "hate", 0.4)],
    )
    assert {reason.part for reason in decision.reasons} == parts
    assert decision.rules == (("one",) if parts else ())


THOUGHT = TextPart(pointer="/5", origin=Origin.MODEL, text="hm", thinking=True)
UNDISGUISED = TextPart(
    pointer="/5", origin=Origin.MODEL, parent=THOUGHT.key, method="normalised", text="hm"
)
SAID = TextPart(pointer="/6", origin=Origin.MODEL, text="no")


@pytest.mark.parametrize(
    ("on", "when", "parts"),
    [
        ("thinking", "harm > 0.5", {THOUGHT.key, UNDISGUISED.key}),
        ("model", "harm > 0.5", {THOUGHT.key, UNDISGUISED.key, SAID.key}),
        ("normalised", "harm > 0.5", {UNDISGUISED.key}),
        ("model", "harm > 0.5 && !thinking", {SAID.key}),
        ("model", "harm > (thinking ? 0.95 : 0.5)", {SAID.key}),
    ],
)
def test_thoughts_are_told_from_what_is_said(
    written: Written, on: str, when: str, parts: set[str]
) -> None:
    every = [THOUGHT, UNDISGUISED, SAID]
    policy = written("rules:\n" + rule("one", when, f"on: [{on}], {REFUSE}"))
    decision = decide(policy, [found(part, "harm", 0.9) for part in every], parts=every)
    assert {reason.part for reason in decision.reasons} == parts


@pytest.mark.parametrize(
    ("score", "severity", "tags"),
    [
        (0.1, None, ()),
        (0.3, "low", ("b",)),
        (0.6, "critical", ("b", "a")),
        (0.9, "critical", ("b", "a", "c")),
    ],
)
def test_a_decision_tells_the_severity_and_the_tags_of_what_matched(
    written: Written, score: float, severity: str | None, tags: tuple[str, ...]
) -> None:
    rules = rule("watched", "harm > 0.2", f"{FORWARD}, mode: shadow, severity: low, tags: [b]")
    rules += rule("worst", "harm > 0.5", f"{FORWARD}, severity: critical, tags: [a, b]")
    rules += rule("last", "harm > 0.8", f"{REFUSE}, tags: [c]")
    decision = decide(written("rules:\n" + rules), [found(QUESTION, "harm", score)])
    assert (decision.severity, decision.tags) == (severity, tags)


@pytest.mark.parametrize(
    ("rules", "action", "message"),
    [
        ([("a", FORWARD), ("b", FORWARD)], Action.FORWARD, ""),
        ([("a", FORWARD), ("b", INSTRUCT)], Action.REWRITE, ""),
        ([("a", INSTRUCT), ("b", REFUSE), ("c", FORWARD)], Action.REFUSE, "No."),
        ([("a", REFUSE), ("b", "action: refuse, message: Never.")], Action.REFUSE, "No."),
    ],
)
def test_the_strictest_action_wins(
    written: Written, rules: list[tuple[str, str]], action: Action, message: str
) -> None:
    text = "rules:\n" + "".join(rule(name, "complete", rest) for name, rest in rules)
    decision = decide(written(text))
    assert (decision.action, decision.message) == (action, message)
    assert decision.rules == tuple(name for name, _ in rules)
    assert bool(decision.edits) is (action is Action.REWRITE)


def test_nothing_held_is_forwarded(written: Written) -> None:
    policy = written("rules:\n" + rule("one", "!complete", REFUSE))
    assert decide(policy) == Decision(action=Action.FORWARD, policy=policy.hash)


def test_a_rule_holds_at_its_stage_only(written: Written) -> None:
    text = "rules:\n" + rule("a", "complete", REFUSE) + rule("b", "complete", REFUSE, "response")
    assert decide(written(text)).rules == ("a",)
    assert decide(written(text), stage=Stage.RESPONSE).rules == ("b",)


def test_a_shadow_rule_is_listed_apart_and_never_acts(written: Written) -> None:
    text = "rules:\n" + rule("a", "complete", REFUSE + ", mode: shadow")
    decision = decide(written(text + rule("b", "complete", INSTRUCT)))
    assert (decision.action, decision.rules, decision.shadow) == (Action.REWRITE, ("b",), ("a",))
    assert decision.message == ""
    assert [reason.rule for reason in decision.reasons] == ["a", "b"]


def test_thresholds_are_variables(written: Written) -> None:
    text = "thresholds: {harm: 0.7}\nrules:\n" + rule("one", "harm >= threshold.harm", REFUSE)
    policy = written(text)
    assert decide(policy, [found(NOTE, "harm", 0.7)]).rules == ("one",)
    assert decide(policy, [found(NOTE, "harm", 0.69)]).rules == ()


def test_the_refusal_is_the_files(written: Written) -> None:
    rules = "rules:\n" + rule("one", "complete", REFUSE)
    assert decide(written(rules)).refusal is Refusal.REFUSAL
    assert decide(written("refusal: error\n" + rules)).refusal is Refusal.ERROR


def test_reasons_name_part_label_and_score(written: Written) -> None:
    text = "rules:\n" + rule("one", "harm > 0.5 || hate > 0.5", f"on: [ocr], {REFUSE}")
    findings = [
        found(NOTE, "harm", 0.6),
        found(NOTE, "harm", 0.9),
        found(NOTE, "jailbreak", 1.0),
        found(FAINT, "hate", 0.8),
    ]
    assert decide(written(text), findings).reasons == (
        Reason(rule="one", part=NOTE.key, label="harm", score=0.9),
        Reason(rule="one", part=FAINT.key, label="hate", score=0.8),
    )


def test_reasons_of_an_exchange_name_where_the_maximum_and_the_gaps_are(written: Written) -> None:
    policy = written(
        "rules:\n"
        + rule("a", "harm > 0.5", REFUSE)
        + rule("b", "!complete", REFUSE)
        + rule("c", "images > 0", REFUSE)
    )
    gaps = [Gap(part="/9", kind="audio", reason="none")]
    decision = decide(policy, [found(NOTE, "harm", 0.9), found(TOOL, "harm", 0.3)], gaps)
    assert decision.reasons == (
        Reason(rule="a", part=NOTE.key, label="harm", score=0.9),
        Reason(rule="b", part="/9"),
        Reason(rule="c"),
    )


def test_reasons_name_the_call_that_brought_the_part(written: Written) -> None:
    look, read = CallRef(id="c1", name="look"), CallRef(id="c2", name="read")
    photo, note = replace(PHOTO, call=read), replace(NOTE, call=read)
    parts: list[Part] = [SYSTEM, replace(TOOL, call=look), photo, note]
    policy = written(
        "rules:\n"
        + rule("a", "harm > 0.5", REFUSE)
        + rule("b", "hate > 0.5", f"on: [third_party], {REFUSE}, mode: shadow")
        + rule("c", "!complete", REFUSE)
    )
    findings = [found(TOOL, "hate", 0.9), found(NOTE, "harm", 0.9)]
    gaps = [Gap(part=PHOTO.key, kind="failed", reason="none")]
    decision = decide(policy, findings, gaps, parts=parts)
    assert [(reason.rule, reason.call) for reason in decision.reasons] == [
        ("a", read),
        ("b", look),
        ("c", read),
    ]
    assert decision.calls == (read,)  # what is only counted is not told
    assert decision.told["calls"] == [{"id": "c2", "name": "read"}]
    assert "calls" not in decide(policy, findings).told


@pytest.mark.parametrize("score", [math.nan, math.inf, -1.0, 7.0])
def test_what_is_no_score_counts_as_one(written: Written, score: float) -> None:
    policy = written("rules:\n" + rule("one", "harm > 0.99", f"on: [ocr], {REFUSE}"))
    decision = decide(policy, [found(NOTE, "harm", 0.2), found(NOTE, "harm", score)])
    assert decision.reasons == (Reason(rule="one", part=NOTE.key, label="harm", score=1.0),)


def test_a_condition_that_cannot_be_evaluated_counts_as_held(written: Written) -> None:
    policy = written("rules:\n" + rule("one", 'images == 0 || gaps[0] == "a"', REFUSE))
    decision = decide(policy)
    assert decision.action is Action.REFUSE
    assert decision.reasons == (Reason(rule="one", failed=True),)


def test_decide_is_pure(written: Written) -> None:
    policy = written("rules:\n" + rule("one", "harm > 0.5", MASK))
    findings = [found(NOTE, "harm", 0.9, (0, 5))]
    assert [decide(policy, findings) for _ in range(3)] == [decide(policy, findings)] * 3


PURE = (
    *("engine", "variant", "facts", "condition", "model", "fields", "tongue", "spelling", "allow"),
    *("edits", "floors", "terms"),
)


def test_the_engine_imports_no_clock_and_no_io() -> None:
    allowed = {"cel_expr_python", "collections", "dataclasses", "detectors", "__future__"}
    allowed |= {"difflib", "enum", "hashlib", "operator", "pydantic", "re", "service", "typing"}
    allowed |= {"datetime", "functools"}
    folder = Path(engine.__file__).parent
    imported: set[str] = set()
    for name in PURE:
        code = (folder / f"{name}.py").read_text(encoding="utf-8")
        assert not re.search(r"\b(today|now)\(", code), name
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module or "")
    ours = {name for name in imported if name.startswith("service.")}
    assert {name.split(".")[0] for name in imported} <= allowed
    assert ours == {f"service.policy.{name}" for name in PURE if name not in {"engine", "allow"}}


@pytest.mark.parametrize(("characters", "holds"), [(8, True), (9, False)])
def test_a_condition_may_weigh_a_score_by_the_length_of_its_text(
    written: Written, characters: int, holds: bool
) -> None:
    assert len(JOINED.text) == 9
    condition = f"harm > (characters > {characters} ? 0.5 : 0.95)"
    policy = written("rules:\n" + rule("one", condition, f"on: [joined], {REFUSE}"))
    assert bool(decide(policy, [found(JOINED, "harm", 0.9)]).rules) is holds
