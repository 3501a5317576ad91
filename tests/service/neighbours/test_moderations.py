"""``/v1/moderations``: a result for each input, in OpenAI's categories."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from openai.types import Moderation, ModerationCreateResponse

from detectors.contract.labels import LABELS
from service.neighbours.moderations import CATEGORIES, TEXT_ONLY, TOGETHER
from tests.service.neighbours.asking import GREEN, GREY, RED, ask, coloured

MODERATIONS = "/v1/moderations"
DOCS = Path(__file__).parents[3] / "docs" / "neighbours.md"
HATE = {"hate", "harassment"}
VIOLENCE = {"violence", "illicit", "illicit/violent"}
THREATS = {"hate/threatening", "harassment/threatening"}


NAMED = """
  - {id: named, description: d, stage: request, when: hate > threshold.hate, action: refuse,
     message: m, mode: shadow}
"""


def part(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def shown(colour: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": coloured(colour)}}


def holds(result: Moderation) -> set[str]:
    return {name for name, value in result.categories.model_dump(by_alias=True).items() if value}


INPUTS = [
    ("hello", [(False, set())]),
    ("hateful", [(True, HATE)]),
    ("maiming", [(True, VIOLENCE)]),
    ("hateful and maiming", [(True, HATE | VIOLENCE | THREATS)]),
    (["hateful", "maiming"], [(True, HATE), (True, VIOLENCE)]),
    ("bad", [(True, set())]),  # refused for a label that is no category
    (["hello", "hateful", "bad"], [(False, set()), (True, HATE), (True, set())]),
    ([part("hello"), shown(GREY)], [(False, set())]),
    ([part("hello"), shown(GREEN)], [(True, HATE)]),
    ([shown(RED)], [(True, set())]),
    ([{"type": "sound"}], [(True, set())]),  # not inspected, so refused
]


@pytest.mark.parametrize(("given", "expected"), INPUTS)
def test_each_input_has_a_result(
    tmp_path: Path, given: object, expected: list[tuple[bool, set[str]]]
) -> None:
    told = ask(tmp_path, MODERATIONS, {"input": given, "model": "omni-moderation-latest"})
    answer = ModerationCreateResponse.model_validate(told.json, strict=True)
    assert answer.id == f"modr-{told.headers['x-glassgate-id']}"
    assert answer.model == "omni-moderation-latest"
    assert [(each.flagged, holds(each)) for each in answer.results] == expected


def test_texts_of_a_list_are_not_read_as_one(tmp_path: Path) -> None:
    """Each is a question of its own; the first refused is not held against the others."""
    told = ask(tmp_path, MODERATIONS, {"input": ["bad", "hello"]})
    assert [each["flagged"] for each in told.json["results"]] == [True, False]
    assert told.headers["x-glassgate-decision"] == "refuse"
    assert told.headers["x-glassgate-coverage"] == "2/2"
    assert told.json["model"] == "glassgate"


def test_a_threshold_of_the_policy_decides_what_holds(tmp_path: Path) -> None:
    for threshold, category in (("0.95", False), ("0.9", True)):
        policy = [NAMED, f"thresholds: {{hate: {threshold}}}"]
        told = ask(tmp_path, MODERATIONS, {"input": "hateful"}, policy=policy)
        (result,) = told.json["results"]
        assert result["categories"]["hate"] is category
        assert result["category_scores"]["hate"] == 0.9


def test_a_threat_needs_both_labels_and_has_the_lower_score(tmp_path: Path) -> None:
    thresholds = "thresholds: {hate: 0.5, violent_crimes: 0.95}"
    named = NAMED + NAMED.replace("named", "also").replace("hate", "violent_crimes")
    body = {"input": ["hateful and maiming", "hateful"]}
    both, one = ask(tmp_path, MODERATIONS, body, policy=[named, thresholds]).json["results"]
    assert both["categories"]["hate"] is True
    assert both["categories"]["hate/threatening"] is False
    assert both["category_scores"]["hate/threatening"] == 0.9
    assert one["category_scores"]["hate/threatening"] == 0.0
    assert both["category_applied_input_types"]["hate/threatening"] == ["text"]


def test_each_category_says_what_it_applies_to(tmp_path: Path) -> None:
    told = ask(tmp_path, MODERATIONS, {"input": [part("hello"), shown(GREY)]})
    (result,) = told.json["results"]
    types = result["category_applied_input_types"]
    assert types["violence"] == ["text", "image"]
    assert types["hate"] == ["text"]
    assert types["violence/graphic"] == []
    assert types.keys() == result["categories"].keys() == result["category_scores"].keys()


WRONG = [
    ({}, "/input"),
    ({"input": []}, "/input"),
    ({"input": ["x"] * 129}, "/input"),
    ({"input": ["x", 1]}, "/input/1"),
    ({"input": [part("x"), "x"]}, "/input/1"),
    ({"input": [{"type": "text"}]}, "/input/0/text"),
    ({"input": [part("x"), {"type": "image_url", "image_url": {"url": "data:,"}}]}, "/input/1"),
    ({"input": "x", "model": 1}, "/model"),
]


@pytest.mark.parametrize(("body", "pointer"), WRONG)
def test_what_cannot_be_read_is_named(tmp_path: Path, body: object, pointer: str) -> None:
    told = ask(tmp_path, MODERATIONS, body)
    assert (told.status, told.json["error"]["param"]) == (400, pointer)


def test_the_categories_are_the_sdks_and_the_labels_are_ours() -> None:
    fields = Moderation.model_fields["categories"].annotation
    assert fields is not None
    known = {field.alias or name for name, field in fields.model_fields.items()}
    assert set(CATEGORIES) == known
    assert len(known) == 13
    assert {label for labels in CATEGORIES.values() for label in labels} <= set(LABELS)
    assert set(CATEGORIES) > TEXT_ONLY > TOGETHER


def test_the_page_has_the_table() -> None:
    rows = re.findall(r"^\| `([a-z/-]+)` \| (.*) \|$", DOCS.read_text("utf-8"), re.MULTILINE)
    written = {
        name: tuple(re.findall(r"`([a-z_]+)`", labels))
        for name, labels in rows
        if name in CATEGORIES
    }
    assert written == CATEGORIES
    assert {name for name, labels in rows if "` and `" in labels} == TOGETHER
