"""Files laid over one another: what they say together."""

from pathlib import Path

import pytest

from service.policy.compile import compile_policy
from service.policy.engine import Policy
from service.policy.load import PolicyError, load
from service.policy.model import Action, Mode
from service.policy.resolve import Resolved, resolve
from tests.service.policy.exchanges import QUESTION, decide, found
from tests.service.policy.wrong import BASE

HEAD = "version: 1\ndescription: a test\n"
RED = (
    "rules: [{id: red, description: d, stage: request, when: harm > 0.9, action: refuse, message: "
    "Red.}]\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "base.yaml").write_text(BASE, encoding="utf-8")
    return tmp_path


def policy(folder: Path, text: str, name: str = "policy.yaml") -> Policy:
    path = folder / name
    path.write_text(f"{HEAD}{text}", encoding="utf-8")
    return load(path)


def test_rules_of_the_base_come_first(folder: Path) -> None:
    rules = policy(folder, "extends: [./base.yaml]\n" + RED).written.rules
    assert [rule.id for rule in rules] == ["one", "two", "red"]


def test_an_override_changes_the_written_fields_and_keeps_the_place(folder: Path) -> None:
    changed = "override: [{id: one, mode: shadow, tags: [a]}, {id: two, on: [user]}]\n"
    one, two = policy(folder, "extends: [./base.yaml]\n" + changed).written.rules
    assert (one.id, one.mode, one.tags, one.when) == ("one", Mode.SHADOW, ("a",), "complete")
    assert (two.on, two.message, two.action) == (("user",), "No.", Action.REFUSE)


def test_an_override_can_take_a_field_back(folder: Path) -> None:
    first = "extends: [./base.yaml]\noverride: [{id: two, on: [user], message: {en: a}}]\n"
    policy(folder, first, "first.yaml")
    second = "extends: [./first.yaml]\noverride: [{id: two, on: null}]\n"
    assert policy(folder, second).written.rules[1].on is None


def test_a_disabled_rule_is_gone_and_its_threshold_is_no_fault(folder: Path) -> None:
    written = policy(folder, "extends: [./base.yaml]\ndisable: [two]\n").written
    assert [rule.id for rule in written.rules] == ["one"]


def test_a_file_that_two_extend_is_laid_once(folder: Path) -> None:
    policy(folder, "extends: [./base.yaml]\noverride: [{id: one, mode: shadow}]\n", "left.yaml")
    policy(folder, "extends: [./base.yaml]\nthresholds: {harm: 0.3}\n", "right.yaml")
    both = policy(folder, "extends: [./left.yaml, ./right.yaml]\n").written
    assert [rule.mode for rule in both.rules] == [Mode.SHADOW, Mode.ENFORCE]
    assert both.thresholds == {"harm": 0.3}


@pytest.mark.parametrize(
    ("text", "harm"),
    [
        ("", 0.8),
        ("sensitivity: high\n", 0.5714),
        ("sensitivity: low\n", 0.9231),
        ("sensitivity: medium\n", 0.8),
        ("sensitivity: {harm: high}\n", 0.5714),
        ("thresholds: {harm: 0.5}\n", 0.5),
        ("thresholds: {harm: 0.5}\nsensitivity: high\n", 0.25),
        ("thresholds: {harm: 1.0}\nsensitivity: high\n", 1.0),
        ("thresholds: {harm: {low: 0.9, medium: 0.7, high: 0.2}}\n", 0.7),
        ("thresholds: {harm: {low: 0.9, medium: 0.7, high: 0.2}}\nsensitivity: high\n", 0.2),
    ],
)
def test_sensitivity_gives_the_threshold(folder: Path, text: str, harm: float) -> None:
    assert policy(folder, "extends: [./base.yaml]\n" + text).written.thresholds == {"harm": harm}


def test_what_is_written_last_counts(folder: Path) -> None:
    policy(folder, "extends: [./base.yaml]\nsensitivity: high\n", "high.yaml")
    number = policy(folder, "extends: [./high.yaml]\nthresholds: {harm: 0.7}\n")
    back = policy(folder, "extends: [./high.yaml]\nsensitivity: low\n")
    assert number.written.thresholds == {"harm": 0.7}
    assert back.written.thresholds == {"harm": 0.9231}


def test_a_file_in_shadow_counts_and_never_acts(folder: Path) -> None:
    shadow = policy(folder, "extends: [./base.yaml]\nmode: shadow\n", "shadow.yaml")
    decision = decide(shadow, [found(QUESTION, "harm", 0.9)])
    assert (decision.action, decision.rules) == (Action.FORWARD, ())
    assert decision.shadow == ("one", "two")
    enforced = policy(folder, "extends: [./shadow.yaml]\nmode: enforce\n")
    assert decide(enforced, [found(QUESTION, "harm", 0.9)]).action is Action.REFUSE


def test_lists_lie_beside_the_policy(folder: Path) -> None:
    text = "# models of ours\na-model\n\n  b-model  \n"
    (folder / "models.txt").write_text(text, encoding="utf-8")
    rule = (
        "lists: {models: models.txt, few: [x]}\nrules: [{id: a, description: d, stage: request, "
        "when: model in lists.models && !(model in lists.few), action: refuse, message: No.}]\n"
    )
    ours = policy(folder, rule)
    assert ours.written.lists == {"models": ("a-model", "b-model"), "few": ("x",)}
    assert decide(ours).action is Action.REFUSE
    (folder / "models.txt").write_text("another\n", encoding="utf-8")
    theirs = load(folder / "policy.yaml")
    assert decide(theirs).action is Action.FORWARD
    assert theirs.hash != ours.hash


def test_hosts_may_be_a_list_and_those_of_all_files_hold_together(folder: Path) -> None:
    (folder / "hosts.txt").write_text("# ours\ndocs.example.com\n*.cdn.example.com\n", "utf-8")
    policy(folder, "lists: {ours: hosts.txt}\nlink_hosts: ours\n" + RED, "hosts.yaml")
    text = "extends: [./hosts.yaml]\nlink_hosts: [img.example.org, docs.example.com]\n"
    expected = ("docs.example.com", "*.cdn.example.com", "img.example.org")
    made = policy(folder, text)
    assert made.written.link_hosts == expected
    sent = Resolved.model_validate_json(resolve(folder / "policy.yaml").model_dump_json())
    assert sent.policy.link_hosts == expected
    (folder / "hosts.txt").write_text("", "utf-8")
    assert load(folder / "policy.yaml").written.link_hosts == expected[2:] + expected[:1]


def test_messages_are_filled_in_and_signed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK", "the help desk")
    text = 'contact: "Ask ${DESK}."\noverride: [{id: two, message: "No, says ${DESK}."}]\n'
    decision = decide(
        policy(folder, "extends: [./base.yaml]\n" + text), [found(QUESTION, "harm", 0.9)]
    )
    assert decision.message == "No, says the help desk.\n\nAsk the help desk."


def test_the_files_that_were_read_are_named_and_each_rules_place(folder: Path) -> None:
    (folder / "a.txt").write_text("a\n", encoding="utf-8")
    changed = "extends: [./base.yaml]\noverride: [{id: one, mode: shadow}]\nlists: {a: a.txt}\n"
    policy(folder, changed + RED)
    resolved = resolve(folder / "policy.yaml")
    assert [path.name for path in resolved.files] == ["policy.yaml", "base.yaml", "a.txt"]
    places = {rule: place.rpartition("/")[2] for rule, place in resolved.places.items()}
    assert places == {"one": "base.yaml:5:5", "two": "base.yaml:6:5", "red": "policy.yaml:6:9"}


def test_a_resolved_policy_travels_as_json(folder: Path) -> None:
    scope = "select: [{id: a, description: d, tenants: [t], thresholds: {harm: 0.1}}]\n"
    here = policy(folder, "extends: [./base.yaml]\n" + scope)
    sent = resolve(folder / "policy.yaml").model_dump_json()
    there = compile_policy(Resolved.model_validate_json(sent))
    assert there.hash == here.hash
    findings = [found(QUESTION, "harm", 0.9)]
    assert decide(there, findings) == decide(here, findings)


def test_how_a_policy_is_spread_over_files_is_not_in_its_hash(folder: Path) -> None:
    whole = folder / "whole.yaml"
    whole.write_text(BASE.replace("base", "a test"), encoding="utf-8")
    assert policy(folder, "extends: [./base.yaml]\n").hash == load(whole).hash


def test_detectors_that_may_fail_are_looked_up_where_they_are_known(folder: Path) -> None:
    policy(folder, "extends: [./base.yaml]\nfail_open: [ocr, clasifier]\n")
    with pytest.raises(PolicyError) as raised:
        load(folder / "policy.yaml", detectors={"ocr", "classifier"})
    assert str(raised.value).splitlines() == [
        f"{folder / 'policy.yaml'}:4:18: fail_open[1]: there is no detector `clasifier`",
        "    Fix: did you mean `classifier`?",
    ]
