"""How tests read what is said of a wrong file."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from service.policy.load import PolicyError, load

RULE = "{id: one, description: d, stage: request, when: complete, action: forward}"
BASE = f"""\
version: 1
description: base
thresholds: {{harm: 0.8}}
rules:
  - {RULE}
  - {{id: two, description: d, stage: request, when: harm >= threshold.harm, action: refuse,
     message: No.}}
"""
"""What files in these tests extend: a rule `one`, a rule `two` and a threshold."""


def problems(path: Path, text: str, beside: Mapping[str, str] | None = None) -> list[str]:
    """All that is said of the text as a policy, with the files that lie beside it."""
    for name, content in (beside or {}).items():
        (path.parent / name).write_text(content, encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PolicyError) as raised:
        load(path)
    return [str(problem) for problem in raised.value.problems]


def says(found: list[str], path: Path, place: str, what: str, fix: str) -> bool:
    return any(
        each.startswith(f"{path}:{place}: ") and what in each and fix in each.split("Fix: ")[1]
        for each in found
    )
