"""docs/checks.md tells every field of the file, with its default."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from detectors.checks.judge import PLACES
from detectors.checks.verdict import AnswerForm
from service.own_checks.model import ChecksFile, OwnJudge, OwnModel, OwnPolicy, PromptMessage

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "checks.md").read_text("utf-8")
MODELS, JUDGES = PAGE.split("## Models")[1].split("## Judges")
FIELDS = [
    (section, name, field)
    for section, shape in ((MODELS, OwnModel), (JUDGES, OwnJudge))
    for name, field in shape.model_fields.items()
    if name != "id"
]


def written(field: FieldInfo) -> str | None:
    """A default as the page writes it; None where it does so in words."""
    default = field.default.value if isinstance(field.default, Enum) else field.default
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, int | float) else None


@pytest.mark.parametrize(("section", "name", "field"), FIELDS, ids=lambda value: str(value)[:20])
def test_every_field_is_told_with_its_default(section: str, name: str, field: FieldInfo) -> None:
    row = next(line for line in section.splitlines() if line.startswith(f"| `{name}` |"))
    assert f"`{written(field)}`" in row or written(field) is None


@pytest.mark.parametrize("shape", [ChecksFile, OwnPolicy, PromptMessage])
def test_inner_fields_are_told(shape: type[ChecksFile | OwnPolicy | PromptMessage]) -> None:
    assert [name for name in shape.model_fields if f"`{name}" not in PAGE] == []


@pytest.mark.parametrize("word", [*AnswerForm, *(f"{{{place}}}" for place in PLACES)])
def test_forms_and_places_are_told(word: str) -> None:
    assert f"`{word}`" in PAGE


def test_every_example_is_told() -> None:
    examples = sorted(path.name for path in (ROOT / "deploy/examples/checks").iterdir())
    assert [name for name in examples if f"| `{name}` |" not in PAGE] == []
