import gzip
import json
from pathlib import Path

import pytest

from service.evaluation.suite import read_suite
from training.evaluate import BLANK, bounded, suite, write_into, write_suite

ROWS = [
    {"source": "BIPIA-text", "class": "injection_in_context", "text": "Write a poem."},
    {"source": "BIPIA-context", "class": "benign_document", "text": "Total\n12"},
    {"source": "X", "class": "harmful_image_dependent", "text": "not counted"},
    {"source": "X", "class": "harmful", "text": "do harm"},
    {"source": "X", "class": "benign_vqa", "text": "What colour is it?"},
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "text").mkdir()
    (tmp_path / "images").mkdir()
    content = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
    (tmp_path / "text" / "eval.jsonl.gz").write_bytes(gzip.compress(content))
    question = {"question": ["How many dogs?", "Which breed?"]}
    (tmp_path / "images" / "manifest.jsonl").write_text(json.dumps(question) + "\n")
    return tmp_path


def test_the_eval_rows_become_a_suite(data: Path, tmp_path: Path) -> None:
    rows = read_suite(write_suite(suite(data), tmp_path))
    assert [(r.source, r.role, sorted(r.labels or ()), r.image is not None) for r in rows] == [
        ("BIPIA-text", "tool", ["embedded_instruction"], False),
        ("BIPIA-context", "tool", [], False),
        ("X", "user", ["harm"], False),
        ("X", "user", [], True),
        ("questions of harmless pictures", "user", [], True),
        ("questions of harmless pictures", "user", [], True),
    ]
    assert sorted(rows[0].text.split("\n")) == ["12", "Total", "Write a poem."]
    assert rows[3].image == tmp_path / BLANK


def test_a_quick_look_takes_few_rows_of_each_source(data: Path) -> None:
    assert len(list(bounded(suite(data), 1))) == 5


def test_a_card_without_marks_is_named(tmp_path: Path) -> None:
    card = tmp_path / "CARD.md"
    card.write_text("# Card\n")
    with pytest.raises(ValueError, match=r"CARD\.md must hold the mark"):
        write_into(card, ["| a |"])
    card.write_text("# Card\n<!-- figures -->\nold\n<!-- figures -->\nend\n")
    write_into(card, ["| a |"])
    assert card.read_text() == "# Card\n<!-- figures -->\n| a |\n<!-- figures -->\nend\n"
