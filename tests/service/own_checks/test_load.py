"""A file of own checks: what it becomes, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from detectors.checks.huggingface import Activation, ModelSetup
from detectors.checks.judge import Judge, JudgeSetup
from detectors.checks.label_map import LabelMap
from detectors.checks.verdict import AnswerForm
from detectors.contract.exchange import Origin, TextPart
from detectors.contract.labels import HAZARDS
from service.own_checks.load import ChecksError, load, read
from service.policy.document import PolicyError
from tests.detectors.checks.chat_server import chat_server, says

EXAMPLES = Path(__file__).parents[3] / "deploy" / "examples" / "checks"
HEAD = "version: 1\n"
MODEL = "models:\n  - id: one\n    labels: {SAFE: none, BAD: injection}\n"
HUB = MODEL + "    model: somebody/tiny\n"
JUDGE = "judges:\n  - id: one\n    url: https://judge.example.com/v1\n    model: m\n"
GUARD = JUDGE + "    answer: guard\n    categories: {S1: hate}\n"
YES_NO = JUDGE + "    answer: yes_no\n    policies: [{labels: hate, text: No hate.}]\n"
ENVIRON = {"KEY": "sk-1", "EMPTY": "", "ODD": "sk-\n1"}


def problems(path: Path, text: str) -> list[str]:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ChecksError) as raised:
        read(path, ENVIRON)
    return [str(problem) for problem in raised.value.problems]


def setups(path: Path, text: str) -> tuple[ModelSetup | JudgeSetup, ...]:
    path.write_text(text, encoding="utf-8")
    return read(path, ENVIRON)


WRONG: list[tuple[str, str, str, str]] = [
    # the file
    ("models: []\n", "1:1", "`version` is missing", "add a line `version: …`"),
    ("version: 2\n", "1:10", "`2` is not 1", "write 1"),
    (HEAD, "1:1", "it lists no check", "write `models:` or `judges:`"),
    (HEAD + "model: []\n", "2:1", "`model` is not a field here", "`models`"),
    (HEAD + "models: {}\n", "2:9", "must be a list", "brackets"),
    (HEAD + "models: [\n", "3:1", "not YAML", "indentation"),
    # models
    (HEAD + "models:\n  - id: a\n", "3:5", "`labels` is missing", "docs/checks.md"),
    (HEAD + MODEL, "3:5", "one of `model` and `folder` is needed", "hub"),
    (HEAD + HUB + "    folder: .\n", "3:5", "one of `model` and `folder`", "hub"),
    (HEAD + MODEL + "    folder: nowhere\n", "5:13", "no such folder", "this file's folder"),
    (HEAD + MODEL + "    model: ./tiny\n", "5:12", "no id on the Hugging Face hub", "`folder`"),
    (HEAD + HUB + "    lables: {}\n", "6:5", "`lables` is not a field", "`labels`"),
    (HEAD + HUB.replace("id: one", "id: One"), "3:9", "`One` is not written as a name", "hyphens"),
    (HEAD + HUB.replace("id: one", "id: classifier"), "3:9", "another check has this", "its own"),
    (HEAD + HUB.replace("BAD: injection", "BAD: injektion"), "4:31", "not a label", "`injection`"),
    (HEAD + HUB.replace("BAD: injection", "BAD: xyzzy"), "4:31", "`xyzzy`", "use injection,"),
    (HEAD + HUB.replace("injection", "[hate, hat]"), "4:31", "`hat` is not a label", "`hate`"),
    (HEAD + HUB.replace("injection", "[hate, none]"), "4:31", "beside a label", "keep one"),
    (HEAD + HUB.replace("injection", "[]"), "4:31", "must not be empty", "at least one"),
    (HEAD + HUB.replace("injection", "none"), "4:13", "would find nothing", "name a label"),
    (HEAD + HUB.replace("{SAFE: none, BAD: injection}", "{}"), "4:13", "not be empty", "write"),
    (HEAD + HUB + "    origins: [usr]\n", "6:15", "`usr` is not 'operator'", "`user`"),
    (HEAD + HUB + "    origins: []\n", "6:14", "must not be empty", "write"),
    (HEAD + HUB + "    activation: softmx\n", "6:17", "`softmx`", "`softmax`"),
    (HEAD + HUB + "    window: 4\n", "6:13", "4 is out of bounds", "from 8 to"),
    (HEAD + HUB + "    window: many\n", "6:13", "whole number", "without a point"),
    (HEAD + HUB + "    batch: 0\n", "6:12", "0 is out of bounds", "from 1 to"),
    (HEAD + HUB + "    overlap: 300\n", "6:14", "300 of 512 tokens overlap", "half of `window`"),
    (HEAD + HUB + "    device: gpu\n", "6:13", "`gpu` is no device", "cuda"),
    (HEAD + HUB + "    remote_code: true\n", "6:18", "code that may change", "40 digits"),
    (HEAD + HUB + "    revision: main\n    remote_code: true\n", "7:18", "may change", "40 digits"),
    (HEAD + MODEL + "    folder: .\n    revision: main\n", "6:15", "no revision", "take it out"),
    # judges
    (HEAD + JUDGE + "    answer: guard\n", "3:5", "`categories` is missing", "needs it"),
    (HEAD + JUDGE + "    answer: yes_no\n", "3:5", "`policies` is missing", "needs it"),
    (HEAD + JUDGE + "    answer: yesno\n", "6:13", "`yesno` is not", "`yes_no`"),
    (HEAD + YES_NO + "    categories: {A: hate}\n", "8:17", "is not used", "another `answer`"),
    (HEAD + YES_NO, "3:5", "the policy is not in the prompt", "{policy}"),
    (HEAD + GUARD.replace("S1: hate", "S1: hat"), "7:22", "`hat` is not a label", "`hate`"),
    (HEAD + GUARD.replace("https", "http"), "4:10", "unencrypted", "`insecure: true`"),
    (HEAD + GUARD.replace("https", "ftp"), "4:10", "no URL of a server", "https://host/v1"),
    (HEAD + GUARD.replace("https://judge", "judge"), "4:10", "no URL", "https://host/v1"),
    (HEAD + GUARD.replace("judge.", "u:p@judge."), "4:10", "hold no secret", "`api_key_env`"),
    (HEAD + GUARD.replace("/v1", "/v1?key=1"), "4:10", "hold no secret", "`api_key_env`"),
    (HEAD + GUARD.replace("/v1", "/v1/chat/completions"), "4:10", "is added here", "before it"),
    (HEAD + GUARD.replace("example.com", "example.com:x"), "4:10", "no URL", "https://host/v1"),
    (HEAD + GUARD + "    api_key_env: NO_KEY\n", "8:18", "holds no key", "before the start"),
    (HEAD + GUARD + "    api_key_env: EMPTY\n", "8:18", "holds no key", "before the start"),
    (HEAD + GUARD + "    api_key_env: ODD\n", "8:18", "holds no key", "names the variable"),
    (HEAD + GUARD + "    deadline_s: 0\n", "8:17", "0 is out of bounds", "from 0.05"),
    (HEAD + GUARD + "    deadline_s: soon\n", "8:17", "must be a number", "write a number"),
    (HEAD + GUARD + "    probe: no\n", "8:12", "valid boolean", "docs/checks.md"),
    (HEAD + GUARD + "    request: {model: x}\n", "8:22", "`model` is not to be set", "take it"),
    (HEAD + GUARD + "    request: {stream: true}\n", "8:23", "`stream` is not", "Glassgate"),
    (HEAD + GUARD + "    prompt: []\n", "8:13", "must not be empty", "write"),
    (
        HEAD + GUARD + "    prompt: [{role: user, content: '{txt}'}]\n",
        "8:36",
        "`{txt}` stands for nothing",
        "`text`",
    ),
    (
        HEAD + GUARD + "    prompt: [{role: user, content: 'judge this'}]\n",
        "8:13",
        "the text is not in the prompt",
        "write {text}",
    ),
    (
        HEAD + GUARD + "    prompt: [{role: user, content: '{policy} {text}'}]\n",
        "8:13",
        "asks for a policy",
        "list `policies`",
    ),
    (
        HEAD + GUARD + "    prompt: [{role: usr, content: '{text}'}]\n",
        "8:21",
        "`usr` is not 'system'",
        "`user`",
    ),
    (HEAD + HUB + GUARD, "7:9", "another check has this name", "one of its own"),
    (HEAD + HUB.replace("one", "faces"), "3:9", "another check has this name", "one of its own"),
]


@pytest.mark.parametrize(("text", "place", "what", "fix"), WRONG)
def test_a_wrong_file(tmp_path: Path, text: str, place: str, what: str, fix: str) -> None:
    path = tmp_path / "checks.yaml"
    found = problems(path, text)
    assert any(
        each.startswith(f"{path}:{place}: ") and what in each and fix in each.split("Fix: ")[1]
        for each in found
    ), "\n".join(found)
    assert "docs/policies.md" not in "".join(found)


def test_a_problem_names_the_check_and_the_field(tmp_path: Path) -> None:
    path = tmp_path / "checks.yaml"
    (problem,) = problems(path, HEAD + HUB.replace("BAD: injection", "BAD: injektion"))
    assert problem.splitlines() == [
        f"{path}:4:31: model one, labels, BAD: `injektion` is not a label",
        "    Fix: did you mean `injection`?",
    ]


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    text = HEAD + HUB + "    batch: 0\n    device: gpu\n" + GUARD.replace("https", "http")
    assert len(problems(tmp_path / "checks.yaml", text)) == 4


def test_no_secret_is_said(tmp_path: Path) -> None:
    text = HEAD + GUARD.replace("judge.", "u:hush@judge.") + "    api_key_env: ODD\n"
    assert "hush" not in "".join(problems(tmp_path / "checks.yaml", text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"absent.yaml.*cannot be read"):
        load(tmp_path / "absent.yaml")


def test_a_model_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    text = HEAD + (
        "models:\n  - id: tiny-one\n    folder: tiny\n    labels: {0: none, 1: [injection, hate]}\n"
        "    activation: sigmoid\n    origins: [third_party]\n    window: 128\n    overlap: 32\n"
    )
    assert setups(tmp_path / "checks.yaml", text) == (
        ModelSetup(
            name="tiny-one",
            model=str(tmp_path / "tiny"),
            labels=LabelMap({"0": (), "1": ("injection", "hate")}),
            origins=frozenset({Origin.THIRD_PARTY}),
            activation=Activation.SIGMOID,
            window=128,
            overlap=32,
        ),
    )


def test_a_judge_as_it_is_written(tmp_path: Path) -> None:
    text = HEAD + GUARD + "    api_key_env: KEY\n    request: {seed: 1, stop: [a]}\n"
    (setup,) = setups(tmp_path / "checks.yaml", text)
    assert isinstance(setup, JudgeSetup)
    assert (setup.name, setup.url, setup.key) == ("one", "https://judge.example.com/v1", "sk-1")
    assert setup.request == {"seed": 1, "stop": ["a"]}
    assert [(each.role, each.content) for each in setup.prompt] == [("user", "{text}")]
    assert setup.origins == {Origin.USER, Origin.MODEL, Origin.THIRD_PARTY}
    assert setup.probe


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.9.9.9"])
def test_http_will_do_on_this_machine(tmp_path: Path, host: str) -> None:
    text = HEAD + GUARD.replace("https://judge.example.com", f"http://{host}:8000")
    assert setups(tmp_path / "checks.yaml", text)[0].name == "one"


def test_http_will_do_where_the_operator_says_so(tmp_path: Path) -> None:
    text = HEAD + GUARD.replace("https", "http") + "    insecure: true\n"
    assert setups(tmp_path / "checks.yaml", text)[0].name == "one"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_examples_can_be_read(path: Path) -> None:
    assert read(path, {})


def test_the_examples_name_the_guards_that_they_are_for() -> None:
    named = {setup.name: setup for path in EXAMPLES.glob("*.yaml") for setup in read(path, {})}
    assert named.keys() == {
        *("prompt-guard-2", "protectai-v2"),
        *("llama-guard", "shieldgemma", "house-rules"),
    }
    guard = named["llama-guard"]
    assert isinstance(guard, JudgeSetup)
    assert list(guard.categories.targets) == [f"S{number}" for number in range(1, 15)]
    assert {label for labels in guard.categories.targets.values() for label in labels} == {*HAZARDS}
    assert guard.answer is AnswerForm.GUARD


def test_a_policy_may_go_by_the_request(tmp_path: Path) -> None:
    text = HEAD + YES_NO + "    request: {chat_template_kwargs: {guideline: '{policy}'}}\n"
    assert setups(tmp_path / "checks.yaml", text)[0].name == "one"


def test_no_file_means_no_checks() -> None:
    assert load(None) == ()


def test_the_checks_of_a_file_judge(tmp_path: Path) -> None:
    path = tmp_path / "checks.yaml"
    with chat_server() as server:
        server.act = says("unsafe\nS1")
        path.write_text(HEAD + GUARD.replace("https://judge.example.com/v1", server.url))
        (judge,) = load(path, {})
        assert isinstance(judge, Judge)
        (found,) = judge.judge([TextPart(pointer="/t", origin=Origin.USER, text="a text")])
        judge.close()
    assert [(each.label, each.detector) for each in found] == [("hate", "one"), ("harm", "one")]
