import re
from enum import StrEnum
from pathlib import Path

import pytest
import yaml

from detectors.contract.exchange import Origin, Stage
from detectors.contract.labels import LABELS
from detectors.views.decode.view import METHODS as DECODED
from detectors.views.document.view import METHODS as DOCUMENT
from detectors.views.faces import Faces
from detectors.views.join import JOINED
from detectors.views.metadata import Metadata
from detectors.views.normalise import METHOD
from detectors.views.ocr.view import Ocr
from detectors.views.qr import Qr
from detectors.views.tool_call import ToolCall
from service.policy.case_file import (
    Case,
    CaseEdit,
    CaseFile,
    CaseFinding,
    CaseGap,
    CasePart,
    CasePicture,
    CaseRequest,
    Expected,
)
from service.policy.cases import run
from service.policy.condition import EXCHANGE_VARIABLES, PART_VARIABLES
from service.policy.edits import EditKind
from service.policy.fields import Sensitivity
from service.policy.layers import at
from service.policy.load import PolicyError, load
from service.policy.model import (
    METHODS,
    SELECTORS,
    THINKING,
    Action,
    Allow,
    Mode,
    PolicyFile,
    Refusal,
    Rule,
    Scope,
    Severity,
    StreamMode,
)
from service.policy.reading import BUNDLES

PAGE = (Path(__file__).parents[3] / "docs" / "policies.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return re.split(r"^## ", PAGE.partition(f"\n## {title}")[2], flags=re.MULTILINE)[0]


def first_column(title: str) -> set[str]:
    cells = re.findall(r"^\| (`[^|]*) \|", section(title), flags=re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def blocks(language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    return [text for name, text in found if name == language]


@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("The file", set(PolicyFile.model_fields)),
        ("A rule", set(Rule.model_fields)),
        ("Which parts", set(SELECTORS)),
        ("Conditions", {*LABELS, *EXCHANGE_VARIABLES, *PART_VARIABLES}),
        ("Edits", {kind.value for kind in EditKind}),
    ],
)
def test_the_page_describes_all_there_is_and_no_more(title: str, names: set[str]) -> None:
    assert first_column(title) == names


def test_the_page_gives_each_variable_its_type() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", section("Conditions"), re.MULTILINE))
    assert rows == {**EXCHANGE_VARIABLES, **PART_VARIABLES}


@pytest.mark.parametrize("words", [Stage, Action, Mode, Severity, Refusal, StreamMode])
def test_the_page_names_each_value(words: type[StrEnum]) -> None:
    text = section("The file") + section("A rule")
    assert {word.value for word in words} <= set(re.findall(r"`([^`]+)`", text))


def test_the_page_names_each_field_of_a_case() -> None:
    text = section("Cases")
    made = (CasePart, CaseFinding, CaseGap, CaseRequest, CasePicture)
    models = (CaseFile, Case, *made, CaseEdit, Expected)
    fields = {name for model in models for name in model.model_fields}
    assert fields <= set(re.findall(r"\w+", text))


def test_the_example_is_a_policy_and_its_error_is_real(tmp_path: Path) -> None:
    path = tmp_path / "my-policy.yaml"
    example, said = blocks("yaml")[0], blocks("")[0]
    path.write_text(example, encoding="utf-8")
    assert len(load(path).written.rules) == 1
    path.write_text(example.replace("when: embedded", "when: embeded"), encoding="utf-8")
    with pytest.raises(PolicyError) as raised:
        load(path)
    assert str(raised.value).replace(str(path), path.name) == said.strip()


def test_the_example_of_a_bundle_is_a_policy_and_takes_a_scope(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "my-policy.yaml"
    monkeypatch.setenv("SUPPORT", "help@example.org")
    _, bundle, scopes, *_ = blocks("yaml")
    path.write_text(bundle + scopes, encoding="utf-8")
    policy = load(path).written
    assert policy.contact == "Questions: help@example.org"
    assert [scope.id for scope in policy.select] == ["school", "research"]


def test_the_page_names_each_field_of_a_scope_and_each_policy_that_ships() -> None:
    text = set(re.findall(r"`([^`\n]+)`", section("Bundles") + section("Scopes")))
    fields = set(Scope.model_fields) - {"id", "description"}
    assert fields <= text
    assert {path.stem for path in BUNDLES.glob("*.yaml")} <= text


def test_the_page_gives_the_numbers_of_a_sensitivity() -> None:
    numbers = {str(at(0.8, level)) for level in (Sensitivity.HIGH, Sensitivity.LOW)}
    assert all(number in section("Sensitivity") for number in numbers)


def test_the_example_of_a_case_is_one() -> None:
    assert CaseFile.model_validate(yaml.safe_load(blocks("yaml")[-1])).cases


def test_the_example_of_thoughts_tells_them_from_the_answer(tmp_path: Path) -> None:
    path = tmp_path / "my-policy.yaml"
    (example,) = (text for text in blocks("") if "thinking" in text)
    path.write_text(f"version: 1\ndescription: d\n{example}", encoding="utf-8")
    cases = tmp_path / "cases.yaml"
    said = "{name: said, kind: text, origin: model"
    told = "stage: response, images_shown: 1, findings: [{part: said, label: "
    cases.write_text(
        "policy: my-policy.yaml\n"
        "cases:\n"
        f"  - {{id: a, {told}harm, score: 0.9}}], parts: [{said}}}],\n"
        "     expect: {action: refuse, rules: [harmful-answer]}}\n"
        f"  - {{id: b, {told}harm, score: 0.9}}], parts: [{said}, thinking: true}}],\n"
        "     expect: {action: forward, rules: []}}\n"
        f"  - {{id: c, {told}identity, score: 0.99}}], parts: [{said}, thinking: true}}],\n"
        "     expect: {action: refuse, rules: [identity-in-answer, names-in-thoughts]}}\n",
        encoding="utf-8",
    )
    assert [str(outcome) for outcome in run(cases) if not outcome.passed] == []


def test_the_page_names_each_field_of_an_allow_list_and_its_example_is_one(tmp_path: Path) -> None:
    named = set(re.findall(r"`(\w+)`", section("The allow-list")))
    assert set(Allow.model_fields) <= named
    path = tmp_path / "my-policy.yaml"
    head = "version: 1\ndescription: d\nextends: [default]\n"
    path.write_text(head + blocks("yaml")[3], encoding="utf-8")
    assert [entry.id for entry in load(path).written.allow] == ["status-page", "campaign-picture"]


def test_on_knows_the_method_of_every_view() -> None:
    pictures = {Ocr.name, Qr.name, Faces.name, Metadata.name}
    assert set(METHODS) == {*pictures, *DOCUMENT, JOINED, METHOD, ToolCall.name, *DECODED}
    assert set(SELECTORS) == {*METHODS, THINKING, *(origin.value for origin in Origin)}
