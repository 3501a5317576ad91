from pathlib import Path

import pytest

from service.policy.case_file import Case
from service.policy.cases import files, run, uncovered, untested
from service.policy.engine import Policy
from service.policy.load import PolicyError, load
from service.policy.model import Action, Decision

POLICY = """\
version: 1
description: a test
rules:
  - {id: harm, description: d, stage: request, on: [user], when: harm > 0.5, action: refuse,
     message: No.}
  - {id: watch, description: d, stage: request, when: complete, action: forward, mode: shadow}
  - {id: answer, description: d, stage: response, when: complete, action: forward}
  - {id: mask, description: d, stage: request, on: [ocr], when: harm > 0.5, action: rewrite,
     edits: [{kind: mask_text}]}
"""
HEAD = """\
policy: ../policy.yaml
cases:
  - id: one
    parts:
      - {name: question, kind: text, origin: user}
      - {name: photo, kind: image, origin: user}
      - {name: note, kind: text, origin: third_party, of: photo, method: ocr, text: "a\\nb"}
"""
HARM = "    findings: [{part: question, label: harm, score: 0.9}]\n"
EXPECT = "    expect: {action: refuse, rules: [harm], shadow: [watch]}\n"
WRONG = [
    (HARM, "3:5", "`expect` is missing", "expect"),
    (EXPECT + "    expects: 1\n", "9:5", "`expects` is not a field", "`expect`"),
    ("    expect: {action: block, rules: []}\n", "8:22", "`block`", "write 'forward'"),
    ("    expect: {action: refuse, rules: [ham]}\n", "8:38", "`ham` is not known", "`harm`"),
    ("    expect: {action: refuse, rules: [answer]}\n", "8:38", "`answer` is not known", "harm"),
    ("    expect: {action: refuse, rules: [], shadow: [a]}\n", "8:50", "`a` is not known", "known"),
    ("    findings: [{part: q, label: harm, score: 0.9}]\n" + EXPECT, "8:23", "`q`", "known here"),
    ("    findings: [{part: note, label: ham, score: 0.9}]\n" + EXPECT, "8:36", "`ham`", "`harm`"),
    (
        "    findings: [{part: note, label: harm, score: 9}]\n" + EXPECT,
        "8:49",
        "between 0 and 1",
        "0",
    ),
    ("    gaps: [{part: notes, kind: failed}]\n" + EXPECT, "8:19", "`notes`", "`note`"),
    (
        EXPECT + "  - {id: one, parts: [], expect: {action: refuse, rules: []}}\n",
        "9:22",
        "empty",
        "one",
    ),
    ("    stage: answer\n" + EXPECT, "8:12", "`answer` is not 'request' or 'response'", "write"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "policy.yaml").write_text(POLICY, encoding="utf-8")
    (tmp_path / "cases").mkdir()
    return tmp_path / "cases" / "cases.yaml"


@pytest.mark.parametrize(("text", "place", "what", "fix"), WRONG)
def test_what_is_not_known_is_an_error(
    path: Path, text: str, place: str, what: str, fix: str
) -> None:
    path.write_text(HEAD + text, encoding="utf-8")
    with pytest.raises(PolicyError) as raised:
        run(path)
    found = [str(problem) for problem in raised.value.problems]
    assert len(found) == 1
    assert found[0].startswith(f"{path}:{place}: ")
    assert what in found[0]
    assert fix in found[0].split("Fix: ")[1]


@pytest.mark.parametrize(
    ("part", "place", "what"),
    [
        ("{name: note, kind: text, origin: user}", "8:16", "an earlier part has this name too"),
        ("{name: b, kind: text, origin: user, of: d, method: ocr}", "8:49", "`d` is not known"),
        ("{name: b, kind: text, origin: user, of: b, method: ocr}", "8:49", "`b` is not known"),
        (
            "{name: b, kind: text, origin: user, of: note}",
            "8:9",
            "`of` and `method` stand together",
        ),
        ("{name: b, kind: image, origin: user, thinking: true}", "8:56", "a text is thought"),
        ("{name: b, kind: txt, origin: user}", "8:25", "`txt` is not 'text'"),
        ("{name: b, kind: text, origin: users}", "8:39", "`users` is not 'operator'"),
    ],
)
def test_a_wrong_part(path: Path, part: str, place: str, what: str) -> None:
    path.write_text(f"{HEAD}      - {part}\n{EXPECT}", encoding="utf-8")
    with pytest.raises(PolicyError) as raised:
        run(path)
    assert f"{path}:{place}: " in str(raised.value)
    assert what in str(raised.value)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("../missing.yaml", "there is no policy file"),
        ("../cases", "there is no policy file"),
        ("cases.yaml", "`policy` is not a field here"),
    ],
)
def test_an_unknown_policy_is_an_error(path: Path, name: str, what: str) -> None:
    path.write_text(HEAD.replace("../policy.yaml", name) + EXPECT, encoding="utf-8")
    with pytest.raises(PolicyError, match=what):
        run(path)


def test_a_missing_file_and_an_empty_folder_are_errors(path: Path) -> None:
    with pytest.raises(PolicyError, match="No such file"):
        run(path)
    with pytest.raises(PolicyError, match="no case files"):
        files(path.parent)


def test_a_case_that_holds_passes(path: Path) -> None:
    path.write_text(HEAD + HARM + EXPECT, encoding="utf-8")
    outcome = run(path)[0]
    assert outcome.passed
    assert str(outcome) == f"{path}: one: passed"
    assert uncovered(load(path.parent.parent / "policy.yaml"), [outcome]) == ("answer", "mask")


def test_a_case_that_does_not_hold_shows_what_differs(path: Path) -> None:
    path.write_text(HEAD + EXPECT, encoding="utf-8")
    outcome = run(path)[0]
    assert not outcome.passed
    assert str(outcome).splitlines() == [
        f"{path}: one: failed",
        "    - action: refuse",
        "    + action: forward",
        "    - rules: ['harm']",
        "    + rules: []",
    ]


@pytest.mark.parametrize(
    ("edits", "passed"),
    [
        ("[{kind: mask_text, part: note, spans: [[2, 3]]}]", True),
        ("[{kind: mask_text, part: note}]", False),
        ("[{kind: drop_image, part: photo}]", False),
        ("[]", False),
    ],
)
def test_edits_are_compared_where_they_are_written(path: Path, edits: str, passed: bool) -> None:
    found = "    findings: [{part: note, label: harm, score: 0.9, span: [2, 3]}]\n"
    expect = f"    expect: {{action: rewrite, rules: [mask], shadow: [watch], edits: {edits}}}\n"
    path.write_text(HEAD + found + expect, encoding="utf-8")
    assert [outcome.passed for outcome in run(path)] == [passed]


REQUEST = HEAD.split("    parts:", maxsplit=1)[0]
WRONG_REQUESTS = [
    ("    request: {}\n", "4:14", "an empty request", "`text`"),
    ("    request: {txt: a}\n", "4:15", "`txt` is not a field", "`text`"),
    ("    request: {text: a, role: tool}\n", "4:30", "`tool` is not 'user'", "write"),
    ("    request: {picture: {on: wall}}\n", "4:29", "`wall` is not 'photo'", "write"),
    (f"    request: {{text: a}}\n{HARM}", "5:15", "its `findings` cannot be written", "either"),
    ("    stage: response\n    request: {text: a}\n", "4:12", "has the stage `request`", "take"),
    ("    stream: true\n    request: {text: a}\n", "4:13", "`stream` stands with", "take it out"),
    ("    headers: {x-team: a}\n    request: {text: a}\n", "4:23", "`x-team` is not kn", "none"),
    ("", "3:5", "says nothing that could be decided", "`parts`, or a `request`"),
]


@pytest.mark.parametrize(("text", "place", "what", "fix"), WRONG_REQUESTS)
def test_a_wrong_request(path: Path, text: str, place: str, what: str, fix: str) -> None:
    path.write_text(f"{REQUEST}{text}    expect: {{action: forward, rules: []}}\n", "utf-8")
    with pytest.raises(PolicyError) as raised:
        run(path)
    said = str(raised.value)
    assert f"{path}:{place}: " in said
    assert what in said
    assert fix in said.split("Fix: ")[1]


def test_a_request_is_asked_and_compared(path: Path) -> None:
    text = "    request: {text: a}\n    expect: {action: refuse, rules: [harm]}\n"
    path.write_text(REQUEST + text, encoding="utf-8")
    asked: list[str] = []

    def ask(case: Case, policy: Policy) -> Decision:
        asked.append(case.id)
        return Decision(action=Action.FORWARD, policy=policy.hash, rules=("answer",))

    assert run(path) == ()
    outcome = run(path, ask)[0]
    assert asked == ["one"]
    assert not outcome.passed
    assert outcome.decided["rules"] == ["answer"]


def test_a_scope_is_tried_by_who_calls(path: Path) -> None:
    policy = path.parent.parent / "policy.yaml"
    change = "override: [{id: harm, when: harm > 0.1}]"
    school = f"select: [{{id: school, description: d, tenants: ['s-*'], {change}}}]\n"
    policy.write_text(f"{POLICY}{school}may_loosen: [harm]\n", encoding="utf-8")
    low = HARM.replace("0.9", "0.2")
    tenant = "    tenant: s-1\n"
    path.write_text(HEAD + low + tenant + EXPECT, encoding="utf-8")
    assert run(path)[0].passed
    path.write_text(HEAD + low + EXPECT, encoding="utf-8")
    assert not run(path)[0].passed


def test_a_policy_with_a_rule_that_no_case_expects_is_named(path: Path) -> None:
    path.write_text(HEAD + HARM + EXPECT, encoding="utf-8")
    (source, rules), *more = untested(run(path))
    assert (source.name, rules, more) == ("policy.yaml", ("answer", "mask"), [])
