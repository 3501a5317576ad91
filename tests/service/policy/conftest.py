from collections.abc import Callable
from pathlib import Path

import pytest

from service.policy.engine import Policy
from service.policy.load import load

HEAD = "version: 1\ndescription: a test\n"


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Policy]:
    """Writes a policy from its fields after the description, and loads it."""

    def write(text: str) -> Policy:
        path = tmp_path / "policy.yaml"
        path.write_text(HEAD + text, encoding="utf-8")
        return load(path)

    return write
