import json
from pathlib import Path

import pytest
from PIL import Image

from service.evaluation.suite import Row, SuiteError, read_suite


def written(folder: Path, *lines: str) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_rows(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    rows = read_suite(
        written(
            tmp_path,
            '{"id": "1", "text": "hello", "label": "harmless", "source": "mine"}',
            "",
            '{"id": "2", "image": "a.png", "label": ["identity", "location"]}',
            '{"id": "3", "text": "x", "role": "tool"}',
        )
    )
    assert rows == [
        Row(id="1", text="hello", labels=frozenset(), source="mine"),
        Row(id="2", image=tmp_path / "a.png", labels=frozenset({"identity", "location"})),
        Row(id="3", text="x", role="tool"),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "1", "text": "x"', "line 1: it is not JSON"),
        ("[1]", "line 1: an object is expected"),
        ('{"text": "x"}', "line 1: `id` is missing"),
        ('{"id": "1"}', "give the row a `text`, an `image` or both"),
        ('{"id": 1, "text": "x"}', "`id` must be a string"),
        ('{"id": "1", "txt": "x"}', "fields not known: txt; known: id"),
        ('{"id": "1", "text": "x", "label": "harmful"}', "`label` 'harmful' is not known"),
        ('{"id": "1", "text": "x", "label": ["harm", "harmless"]}', "says harmless and harm"),
        ('{"id": "1", "text": "x", "role": "boss"}', "`role` is 'boss'"),
        ('{"id": "1", "image": "none.png"}', "there is no picture none.png"),
        ("", "it holds no rows"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(SuiteError) as raised:
        read_suite(written(tmp_path, line))
    assert message in str(raised.value)


def test_an_id_stands_once(tmp_path: Path) -> None:
    row = json.dumps({"id": "1", "text": "x"})
    with pytest.raises(SuiteError, match="line 2: an earlier row has the id '1' too"):
        read_suite(written(tmp_path, row, row))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"none\.jsonl cannot be read"):
        read_suite(tmp_path / "none.jsonl")
