"""Real databases: a file, and a PostgreSQL server of the tests' own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgresql import Server, postgresql


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with postgresql() as made:
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a database that is not there yet, or is empty: each test has both kinds."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/audit.db"
    running: Server = request.getfixturevalue("server")
    return running.fresh()
