"""How tests read what is said of a wrong file."""

from pathlib import Path

import pytest

from service.policy.load import PolicyError, load


def problems(path: Path, text: str) -> list[str]:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PolicyError) as raised:
        load(path)
    return [str(problem) for problem in raised.value.problems]


def says(found: list[str], path: Path, place: str, what: str, fix: str) -> bool:
    return any(
        each.startswith(f"{path}:{place}: ") and what in each and fix in each.split("Fix: ")[1]
        for each in found
    )
