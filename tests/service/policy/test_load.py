from collections.abc import Callable
from pathlib import Path

import pytest

from detectors.views.faces import EXTRA
from service.policy.compile import compile_policy
from service.policy.engine import Policy
from service.policy.load import PolicyError, load
from service.policy.resolve import Resolved, merge
from tests.service.policy.wrong import problems, says

# Lines 1 to 6 of each policy; the table's rows begin on line 7.
HEAD = """\
version: 1
description: a test
rules:
  - id: one
    description: the rule
    stage: request
"""
FORWARD = "    action: forward\n"
REFUSE = "    action: refuse\n    message: No.\n"
OCR, USER, BOTH = "    on: [ocr]\n", "    on: [user]\n", "    on: [ocr, user]\n"
NONE = "    mode: enforce\n"
FACES = "    on: [faces]\n"

WRONG_RULES = [
    # conditions: names that nothing declares
    (
        "    when: identiy > 0.5\n" + FORWARD,
        "7:11",
        "undeclared reference to 'identiy'",
        "`identity`",
    ),
    ("    when: harm > 0.5 && jail_break > 0.5\n" + FORWARD, "7:25", "'jail_break'", "`jailbreak`"),
    ("    when: xyzzy > 0.5\n" + FORWARD, "7:11", "'xyzzy'", "docs/policies.md"),
    ("    when: harm >= threshold.harm\n" + FORWARD, "7:28", "'threshold.harm'", "add `harm` to"),
    ("    when: harm >= threshold\n" + FORWARD, "7:19", "'threshold'", "name one of"),
    ("    when: gaps.exist(g, g == 'a')\n" + FORWARD, "7:21", "'exist'", "`exists`"),
    ("    when: origin == 'user'\n" + FORWARD, "7:11", "'origin'", "say with `on`"),
    ("    when: joined\n" + FORWARD, "7:11", "'joined'", "say with `on`"),
    # conditions: wrong types, wrong syntax
    ("    when: harm >= 1\n" + FORWARD, "7:16", "(double, int)", "1.0"),
    ("    when: images > 0.5\n" + FORWARD, "7:18", "(int, double)", "counts without"),
    ("    when: model == 3\n" + FORWARD, "7:17", "(string, int)", "one type"),
    ("    when: harm\n" + FORWARD, "7:11", "DOUBLE", "`harm >= 0.5`"),
    ("    when: dyn(complete)\n" + FORWARD, "7:11", "DYN", "compare it"),
    ("    when: complete and stream\n" + FORWARD, "7:20", "mismatched input 'and'", "&& for and"),
    ("    when: not complete\n" + FORWARD, "7:15", "extraneous input", "! for not"),
    ("    when: harm = 0.5\n" + FORWARD, "7:16", "token recognition error", "=="),
    ("    when: harm >\n" + FORWARD, "7:17", "mismatched input '<EOF>'", "docs/policies.md"),
    ("    when: ''\n" + FORWARD, "7:12", "mismatched input '<EOF>'", "docs/policies.md"),
    ("    when: gaps[0] == 'audio'\n" + FORWARD, "7:11", "holds nothing", "guard it"),
    ("    when: 1 / images > 2\n" + FORWARD, "7:11", "divide by zero", "guard it"),
    ("    when: model.matches('a(')\n" + FORWARD, "7:11", "regular expression", "guard it"),
    # conditions: where they stand in the file
    ("    when: 'identiy > 0.5'\n" + FORWARD, "7:12", "'identiy'", "`identity`"),
    (
        "    when: |\n      harm > 0.5 ||\n        identiy > 0.5\n" + FORWARD,
        "9:9",
        "'identiy'",
        "`",
    ),
    ("    when: >-\n      harm > 0.5 ||\n      identiy > 0.5\n" + FORWARD, "9:7", "'identiy'", "`"),
    (FORWARD + "    when: >-", "8:11", "mismatched input '<EOF>'", "docs/policies.md"),
    # fields
    (FORWARD, "4:5", "`when` is missing", "add a line `when: …`"),
    ("    when: complete\n", "4:5", "`action` is missing", "add a line"),
    ("    when: complete\n    mesage: No.\n" + FORWARD, "8:5", "`mesage`", "`message`"),
    (
        "    when: complete\n    frobnicate: 1\n" + FORWARD,
        "8:5",
        "`frobnicate`",
        "docs/policies.md",
    ),
    ("    when: true\n" + FORWARD, "7:11", "must be text", "quotes"),
    (
        "    when: complete\n    action: block\n",
        "8:13",
        "`block` is not 'forward', 'rewrite'",
        "write",
    ),
    ("    when: complete\n    action: refused\n", "8:13", "`refused`", "`refuse`"),
    ("    when: complete\n    mode: shadows\n" + FORWARD, "8:11", "`shadows`", "`shadow`"),
    ("    when: complete\n    mode: no\n" + FORWARD, "8:11", "`no` is not 'enforce'", "write"),
    ("    when: complete\n    severity: hihg\n" + FORWARD, "8:15", "`hihg`", "`high`"),
    ("    when: complete\n    tags: [a b]\n" + FORWARD, "8:12", "`a b`", "`LLM01:2025`"),
    ("    when: complete\n    tags: LLM01:2025\n" + FORWARD, "8:11", "must be a list", "brackets"),
    # what does not fit together
    ("    when: complete\n    action: refuse\n", "4:5", "`message` is missing", "refused person"),
    ("    when: complete\n    message: ''\n" + FORWARD, "8:14", "must not be empty", "write"),
    ("    on: ocr\n    when: complete\n" + FORWARD, "7:9", "must be a list", "brackets"),
    ("    on: []\n    when: complete\n" + FORWARD, "7:9", "must not be empty", "write"),
    ("    on: [ocr, usr]\n    when: complete\n" + FORWARD, "7:15", "`usr` is no origin", "`user`"),
    ("    on: [xyzzy]\n    when: complete\n" + FORWARD, "7:10", "`xyzzy`", "use operator, user"),
    ("    when: complete\n    action: rewrite\n", "4:5", "`edits` is missing", "mask_text"),
    (
        "    when: complete\n    edits:\n      - kind: instruct\n        text: Be kind.\n" + REFUSE,
        "9:7",
        "`edits` do nothing where the action is `refuse`",
        "rewrite",
    ),
]
WRONG_EDITS = [
    ((OCR, "      - kind: mask\n"), "11:9", "`mask` is not / `mask_text`"),
    ((OCR, "      - text: a\n"), "11:9", "`kind` is missing / kind: mask_text"),
    ((OCR, "      - kind: instruct\n"), "11:9", "`text` is missing / text"),
    ((OCR, "      - {kind: mask_text, text: a}\n"), "11:27", "`text` / docs/policies.md"),
    ((USER, "      - kind: mask_text\n"), "11:15", "read from a picture / on: [ocr, qr]"),
    ((BOTH, "      - kind: drop_image\n"), "11:15", "read from a picture / on: [ocr, qr]"),
    ((NONE, "      - kind: drop_image\n"), "11:15", "read from a picture / on: [ocr, qr]"),
    ((USER, "      - kind: annotate\n"), "11:15", "read from a picture / on: [ocr, qr]"),
    ((FACES, "      - kind: mask_text\n"), "11:15", "read from a picture / on: [ocr, qr]"),
    ((NONE, "      - kind: downscale\n"), "11:9", "`longest` is missing / longest"),
    ((NONE, "      - {kind: downscale, longest: 8}\n"), "11:36", "at least 64 / at least 64"),
    (
        (NONE, "      - {kind: downscale, longest: 0.5}\n"),
        "11:36",
        "whole number / without a point",
    ),
    ((NONE, "      - kind: blur_face\n"), "11:9", "`blur_face` is not / `blur_faces`"),
]


@pytest.mark.parametrize(("body", "place", "what", "fix"), WRONG_RULES)
def test_a_wrong_rule(tmp_path: Path, body: str, place: str, what: str, fix: str) -> None:
    path = tmp_path / "policy.yaml"
    found = problems(path, HEAD + body)
    assert says(found, path, place, what, fix), "\n".join(found)


@pytest.mark.parametrize(("rule", "place", "said"), WRONG_EDITS)
def test_a_wrong_edit(tmp_path: Path, rule: tuple[str, str], place: str, said: str) -> None:
    path = tmp_path / "policy.yaml"
    on, edits = rule
    what, fix = said.split(" / ")
    body = f"{on}    when: complete\n    action: rewrite\n    edits:\n{edits}"
    found = problems(path, HEAD + body)
    assert says(found, path, place, what, fix), "\n".join(found)
    assert len(found) == 1


STAGED = [
    # the stage, the rule, what is wrong with its edit
    ("request", USER, "redact", "`redact` is for answers only / stage: response"),
    ("request", NONE, "strip_links", "`strip_links` is for answers only / stage: response"),
    ("response", NONE, "downscale, longest: 99", "`downscale` is for requests only / `redact`"),
    ("response", NONE, "instruct, text: a", "`instruct` is for requests only / `replace`"),
    ("response", NONE, "redact", "`redact` needs to know which text / on: [model]"),
    ("response", NONE, "truncate", "`truncate` needs to know which text / on: [model]"),
    ("response", NONE, "replace", "`text` is missing / text"),
    ("response", NONE, "redacted", "`redacted` is not / `redact`"),
]


@pytest.mark.parametrize(("stage", "on", "edit", "said"), STAGED)
def test_an_edit_fits_what_it_changes(
    tmp_path: Path, stage: str, on: str, edit: str, said: str
) -> None:
    path = tmp_path / "policy.yaml"
    what, fix = said.split(" / ")
    head = HEAD.replace("stage: request", f"stage: {stage}")
    body = f"{on}    when: complete\n    action: rewrite\n    edits:\n      - {{kind: {edit}}}\n"
    found = problems(path, head + body)
    place = "11:9" if what.endswith(("missing", "not")) else "11:16"
    assert says(found, path, place, what, fix), "\n".join(found)
    assert len(found) == 1


BLUR = "    when: complete\n    action: rewrite\n    edits:\n      - kind: blur_faces\n"


def test_blurring_needs_the_extra(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(HEAD + BLUR, encoding="utf-8")
    for detectors in (None, ["ocr", "faces"]):
        assert load(path, detectors).written.rules[0].edits[0].kind == "blur_faces"
    with pytest.raises(PolicyError) as raised:
        load(path, ["ocr"])
    (problem,) = map(str, raised.value.problems)
    assert says([problem], path, "10:15", "needs the extra `faces`", EXTRA), problem


def test_blurring_needs_the_extra_in_a_scope_too(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    scope = "select:\n  - {id: s, description: d, tenants: [a]}\n"
    path.write_text(HEAD + BLUR + scope, encoding="utf-8")
    resolved = Resolved.model_validate_json(merge(path).model_dump_json())
    with pytest.raises(PolicyError, match=r"rule one .*needs the extra `faces`"):
        compile_policy(resolved, ["ocr"])


def test_the_caret_of_cel_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    found = problems(path, HEAD + "    when: harm > 0.5 && identiy > 0.5\n" + FORWARD)
    assert "\n".join(found).splitlines() == [
        f"{path}:7:25: rule one, when: undeclared reference to 'identiy'",
        "    | harm > 0.5 && identiy > 0.5",
        "    | ..............^",
        "    Fix: did you mean `identity`?",
    ]


def test_all_that_is_wrong_is_listed_in_the_order_of_lines(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    second = "  - {id: one, description: d, stage: response, when: harm, action: rewrite}\n"
    found = problems(path, HEAD + "    on: [usr]\n    when: a > 0.5\n    action: refuse\n" + second)
    whats = [each.splitlines()[0].rpartition(": ")[2] for each in found]
    assert whats == [
        "`message` is missing",
        "`usr` is no origin and no method",
        "undeclared reference to 'a'",
        "`edits` is missing",
        "an earlier rule has the id `one` too",
        "a condition must be true or false, and this is DOUBLE",
    ]


def test_a_threshold_that_no_rule_uses_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    rules = HEAD.replace("rules:", "thresholds: {harm: 0.5, hate: 0.4}\nrules:")
    found = problems(path, rules + "    when: harm > threshold.harm\n" + FORWARD)
    assert len(found) == 1
    assert says(found, path, "3:31", "no rule uses this threshold", "`threshold.hate`")


def test_the_hash_follows_the_content_and_not_the_layout(
    written: Callable[[str], Policy],
) -> None:
    rule = "rules:\n  - {id: a, description: d, stage: request, when: complete, action: forward}\n"
    moved = (
        "# a remark\nrules:\n  - description: d\n    id: a\n    action: forward\n"
        "    stage: request\n    when: complete\n    mode: enforce\n"
    )
    assert written(rule).hash == written(moved).hash
    assert written(rule).hash != written(rule.replace("complete", "'!complete'")).hash
    assert len(written(rule).hash) == 12


def test_words_of_yaml_1_1_are_words(written: Callable[[str], Policy]) -> None:
    policy = written(
        "rules:\n  - {id: no, description: yes, stage: request, on: [user], when: complete,"
        " action: forward, tags: [off, 'y']}\n"
    )
    rule = policy.written.rules[0]
    assert (rule.id, rule.description, rule.on, rule.tags) == ("no", "yes", ("user",), ("off", "y"))
