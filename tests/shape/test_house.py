"""The house itself: sizes, names, left-overs, and docs that keep to the code."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from detectors.catalogue import CHECKS, VIEWS
from service.providers.table import ENDPOINTS
from service.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
PACKAGES = ("detectors", "service", "training", "benchmarks")
MOST_LINES, MOST_IN_A_FUNCTION = 400, 60
NO_ROOM = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc"}


def modules() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_and_a_function_can_be_held_in_mind(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
    assert [name for name, size in functions(path) if size > MOST_IN_A_FUNCTION] == []


def test_every_file_says_what_it_is_by_its_name() -> None:
    assert [path for path in modules() if path.stem in NO_ROOM] == []


def test_nothing_is_left_over() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|breakpoint\(\)|# type: ignore(?!\[)|# noqa(?!:)")
    sources = [path for path in modules() if marks.search(path.read_text(encoding="utf-8"))]
    assert sources == []


def test_the_project_names_no_machine() -> None:
    paths = re.compile(r"(?<![\w.])/(?:work|farm|root|home/\w+)/")
    text = [
        name
        for name in tracked()
        if Path(name).suffix in {".py", ".md", ".toml", ".yaml", ".yml", ".json", ".txt", ".lock"}
        and not name.startswith(("training/rows/", "detectors/models/"))
        and name != "tests/shape/test_house.py"
    ]
    assert [name for name in text if paths.search((ROOT / name).read_text("utf-8"))] == []


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs" / "operating.md").read_text("utf-8")
    missing = [name for name in Settings.model_fields if f"`{PREFIX}{name.upper()}`" not in page]
    assert missing == []


def test_every_endpoint_and_detector_is_documented() -> None:
    pages = ("life-of-a-request.md", "dialects.md")
    page = "".join((ROOT / "docs" / page).read_text("utf-8") for page in pages)
    names = [path for _, path in ENDPOINTS] + [*VIEWS, *CHECKS]
    assert [name for name in names if f"`{name}`" not in page and name not in page] == []


def test_links_between_pages_lead_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    links = [
        (page, target)
        for page in pages
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text("utf-8"))
    ]
    assert [f"{page.name}: {to}" for page, to in links if not (page.parent / to).exists()] == []
