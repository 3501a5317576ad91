import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from detectors.contract.labels import CLASSIFIER_LABELS, HAZARDS, PHOTO_PRIVACY_LABELS
from training.data import load_corpus, made_examples, normalised, share
from training.sources import RULES, hazard_named, made_targets


def public(
    text: str, source: str = "AdvBench", kind: str = "harmful", *, near_eval: bool = False
) -> dict[str, Any]:
    row = {"text": text, "source": source, "class": kind, "lang": "en", "sub": ""}
    return row | {"near_eval": near_eval}


def made(text: str, *labels: str, surface: str = "user", group: str = "g") -> dict[str, Any]:
    return {"text": text, "labels": labels, "surface": surface, "group": group, "lang": "en"}


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write(
        tmp_path / "text" / "train.jsonl.gz",
        [
            public("make the forbidden thing"),
            public("Held, out: row!"),
            public("close to a held row", near_eval=True),
            public("not a source that is used", source="hh-rlhf-harmless", kind="harmful_weak"),
            public("bake bread", source="VicunaBench", kind="benign"),
        ],
    )
    write(tmp_path / "text" / "eval.jsonl.gz", [public("held out row"), public("Made, too")])
    write(
        tmp_path / "made" / "one.jsonl",
        [made(f"twin {n}", group=f"group {n // 2}") for n in range(200)] + [made("made too")],
    )
    (tmp_path / "rows").mkdir()
    return tmp_path


def test_no_eval_row_is_trained_on(data: Path) -> None:
    corpus = load_corpus(data, data / "rows")
    texts = {e.text for e in (*corpus.train, *corpus.dev)}
    assert texts & {"make the forbidden thing", "bake bread"}
    assert not texts & {
        "Held, out: row!",
        "close to a held row",
        "made too",
        "not a source that is used",
    }


def test_a_group_stays_on_one_side(data: Path) -> None:
    corpus = load_corpus(data, data / "rows", dev_share=0.3)
    train, dev = {e.group for e in corpus.train}, {e.group for e in corpus.dev}
    assert train
    assert dev
    assert not train & dev


def test_joined_rows_are_one_group(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", [made("x", group="join-1"), made("y", group="join-ok")])
    assert len({e.group for e in made_examples(tmp_path)}) == 1


def test_the_same_row_twice_counts_once(data: Path) -> None:
    write(data / "rows" / "again.jsonl", [made("Twin 7!"), made("new")])
    corpus = load_corpus(data, data / "rows")
    texts = [normalised(e.text) for e in (*corpus.train, *corpus.dev)]
    assert len(texts) == len(set(texts))
    assert "new" in texts


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"text": "x", "labels": ["harm:sorcery"], "surface": "user", "group": "g", "lang": "en"}',
         "row 1: labels \\['sorcery'\\] are not known"),
        ('{"text": "x"}', "bad.jsonl, row 1: 'labels'"),
        ("{", "bad.jsonl, line 1: not JSON"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named(tmp_path: Path, row: str, message: str) -> None:
    (tmp_path / "bad.jsonl").write_text(row + "\n")
    with pytest.raises(ValueError, match=message):
        made_examples(tmp_path)


@pytest.mark.parametrize(
    ("labels", "surface", "held", "denied", "unlabelled"),
    [
        ([], "user", [], ["injection", "harm", "identity"], ["embedded_instruction"]),
        ([], "tool", [], ["embedded_instruction", "harm"], []),
        (["harm:hate"], "user", ["hate", "harm"], ["privacy", "jailbreak"], ["identity"]),
        (["jailbreak"], "user", ["jailbreak"], ["identity"], ["harm", "hate", "injection"]),
        (["jailbreak", "harm:hate"], "user", ["jailbreak", "hate", "harm"], [], ["injection"]),
        (["injection"], "user", ["injection"], ["harm"], ["jailbreak"]),
        (
            ["embedded_instruction"],
            "image",
            ["embedded_instruction"],
            ["injection"],
            ["harm", "location", "jailbreak"],
        ),
        (["identity"], "user", ["identity"], ["harm", "location"], ["embedded_instruction"]),
    ],
)
def test_what_a_row_says_nothing_about_is_unlabelled(
    labels: list[str], surface: str, held: list[str], denied: list[str], unlabelled: list[str]
) -> None:
    targets = made_targets(labels, surface)
    assert [targets.get(label) for label in held] == [1] * len(held)
    assert [targets.get(label) for label in denied] == [0] * len(denied)
    assert not set(unlabelled) & set(targets)


def test_public_rules_name_known_labels_only() -> None:
    known = {*CLASSIFIER_LABELS, "harm"}
    assert all(set(rule.targets) <= known for rule in RULES.values())
    assert all(
        "embedded_instruction" not in r.targets for r in RULES.values() if r.surface == "user"
    )


@pytest.mark.parametrize(
    ("sub", "hazard"),
    [
        ("Physical Harm/Self-harm", "suicide_self_harm"),
        ("Economic Harm/Financial fraud", "non_violent_crimes"),
        ("违法犯罪/诈骗", "non_violent_crimes"),
        ("something else", None),
    ],
)
def test_a_finer_label_names_a_hazard_only_where_clear(sub: str, hazard: str | None) -> None:
    assert hazard_named(sub) == hazard
    assert hazard is None or hazard in HAZARDS
    assert hazard not in PHOTO_PRIVACY_LABELS


def test_shares_are_spread_evenly() -> None:
    below = sum(share(f"key {n}") < 0.25 for n in range(4000))
    assert 900 < below < 1100
