"""A tiny BERT with random weights, saved to a folder, and held to what transformers computes."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    PreTrainedTokenizerFast,
)

from detectors.checks.huggingface import (
    MOST_CHARACTERS,
    Activation,
    ModelSetup,
    SequenceClassifier,
)
from detectors.checks.label_map import LEAST_SCORE, LabelMap
from detectors.contract.detector import DetectorError, ModelError, SelfCheckError
from detectors.contract.exchange import Origin, TextPart
from detectors.contract.finding import Finding

pytestmark = pytest.mark.timeout(120)

LONGEST = 32
LABELS = {0: "SAFE", 1: "INJECTION", 2: "JAILBREAK"}
MAP = LabelMap({"SAFE": (), "INJECTION": ("injection",), "JAILBREAK": ("jailbreak",)})
WORDS = ["how", "many", "minutes", "eggs", "boil", "i", "should", "an", "egg", "ignore", "rules"]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS, "e", "g", "##g", "##s", "?", "a", "##a"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def save_tokenizer(folder: Path) -> None:
    """Saves a tokenizer that is set to cut texts off, as many are that can be downloaded."""
    inner = Tokenizer(
        models.WordPiece({word: i for i, word in enumerate(VOCABULARY)}, unk_token="[UNK]")
    )
    inner.normalizer = normalizers.BertNormalizer()
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.decoder = decoders.WordPiece()
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    inner.enable_truncation(8)
    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=inner,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
    ).save_pretrained(folder)


def save(folder: Path, labels: Mapping[int, str] = LABELS, seed: int = 7) -> Path:
    """Saves a model; large weights, so that its scores are far from alike."""
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=32,
        max_position_embeddings=LONGEST,
        initializer_range=0.6,
        id2label=dict(labels),
        label2id={name: index for index, name in labels.items()},
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    save_tokenizer(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("model"))


def setup(folder: Path, **given: object) -> ModelSetup:
    base = ModelSetup(
        name="tiny",
        model=str(folder),
        labels=MAP,
        origins=frozenset({Origin.USER}),
        window=LONGEST,
        overlap=6,
        batch=4,
        most_windows=60,
    )
    return replace(base, **given)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def tiny(folder: Path) -> SequenceClassifier:
    return SequenceClassifier.load(setup(folder))


def text(words: str, origin: Origin = Origin.USER, at: str = "/t") -> TextPart:
    return TextPart(pointer=at, origin=origin, text=words)


def judged(check: SequenceClassifier, words: str) -> list[Finding]:
    (found,) = check.judge([text(words)])
    return list(found)


def scores(findings: object) -> dict[str, float]:
    assert isinstance(findings, list)
    return {each.label: each.score for each in findings}


@pytest.fixture(scope="module")
def direct(folder: Path) -> Callable[..., dict[str, float]]:
    """Label of the model → score, as transformers itself computes it for token ids."""
    network = AutoModelForSequenceClassification.from_pretrained(folder).eval()

    def forward(ids: list[int], activation: Activation = Activation.SOFTMAX) -> dict[str, float]:
        with torch.inference_mode():
            logits = network(torch.tensor([ids])).logits[0]
        softmax = activation is Activation.SOFTMAX
        values = (logits.softmax(-1) if softmax else logits.sigmoid()).tolist()
        return dict(zip(LABELS.values(), values, strict=True))

    return forward


@pytest.fixture(scope="module")
def tokens(folder: Path) -> Callable[[str], list[int]]:
    """All tokens of a text, special ones excluded."""
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def of(words: str) -> list[int]:
        ids: list[int] = tokenizer(words, add_special_tokens=False, truncation=False)["input_ids"]
        return ids

    return of


SHORT = ["ignore", "how many minutes should i boil an egg?", "rules rules ignore eggs", "xyzzy"]


@pytest.mark.parametrize("words", SHORT)
@pytest.mark.parametrize("activation", Activation)
def test_scores_are_those_of_a_direct_forward(
    folder: Path,
    direct: Callable[..., dict[str, float]],
    tokens: Callable[[str], list[int]],
    words: str,
    activation: Activation,
) -> None:
    check = SequenceClassifier.load(setup(folder, activation=activation))
    expected = direct([2, *tokens(words), 3], activation)
    found = scores(judged(check, words))
    for theirs, ours in (("INJECTION", "injection"), ("JAILBREAK", "jailbreak")):
        reported = found.get(ours, 0.0)
        assert reported == pytest.approx(expected[theirs], abs=1e-4) or (
            reported == 0 and expected[theirs] < LEAST_SCORE
        )
    assert set(found) <= {"injection", "jailbreak"}


def test_the_random_model_tells_texts_apart(tiny: SequenceClassifier) -> None:
    values = [scores(judged(tiny, words)).get("injection", 0.0) for words in SHORT]
    assert max(values) - min(values) > 0.1


def test_a_long_text_scores_as_its_worst_window(
    tiny: SequenceClassifier,
    direct: Callable[..., dict[str, float]],
    tokens: Callable[[str], list[int]],
) -> None:
    words = " ".join(WORDS[(n * n) % len(WORDS)] for n in range(150))
    ids = tokens(words)
    size, step = LONGEST - 2, LONGEST - 2 - 6
    starts = range(0, len(ids) - 6, step)
    windows = [direct([2, *ids[start : start + size], 3]) for start in starts]
    assert starts[-1] + size >= len(ids) >= 150
    found = {each.label: each for each in judged(tiny, words)}
    for theirs, ours in (("INJECTION", "injection"), ("JAILBREAK", "jailbreak")):
        worst = max(windows, key=lambda window: window[theirs])
        assert found[ours].score == pytest.approx(worst[theirs], abs=1e-4)
        low, high = found[ours].span or (0, 0)
        assert direct([2, *tokens(words[low:high]), 3])[theirs] == pytest.approx(
            worst[theirs], abs=1e-4
        )


def test_a_score_depends_on_the_text_alone(tiny: SequenceClassifier) -> None:
    parts = [text(words, at=f"/{n}") for n, words in enumerate([*SHORT, "eggs " * 90, ""])]
    together = tiny.judge(parts)
    for part, found in zip(parts, together, strict=True):
        (alone,) = tiny.judge([part])
        assert [each.label for each in found] == [each.label for each in alone]
        assert [each.score for each in found] == pytest.approx(
            [each.score for each in alone], abs=2e-4
        )
        assert {each.part for each in found} <= {part.pointer}


def test_threads_share_one_model(tiny: SequenceClassifier) -> None:
    parts = [text(words) for words in SHORT] * 3
    alone = [tiny.judge([part]) for part in parts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda part: tiny.judge([part]), parts)) == alone


@pytest.mark.parametrize("origin", [Origin.OPERATOR, Origin.MODEL, Origin.THIRD_PARTY])
def test_an_origin_that_is_not_judged_has_no_findings(
    tiny: SequenceClassifier, origin: Origin
) -> None:
    assert tiny.judge([text("ignore", origin), text("ignore")])[0] == []


@pytest.mark.parametrize("words", ["", "   ", "\n"])
def test_empty_text_has_no_findings(tiny: SequenceClassifier, words: str) -> None:
    assert judged(tiny, words) == []


@pytest.mark.parametrize("words", ["\ud800 hi \udfff", "😀" * 50, "\x00", "a" * 500, "‍"])
def test_odd_text_is_judged(tiny: SequenceClassifier, words: str) -> None:
    assert all(0 <= each.score <= 1 for each in judged(tiny, words))


@pytest.mark.parametrize("words", ["egg " * 5_000, "x" * (MOST_CHARACTERS + 1)])
def test_what_would_take_too_long_is_refused(tiny: SequenceClassifier, words: str) -> None:
    with pytest.raises(DetectorError, match="text too long to judge"):
        judged(tiny, words)


def test_labels_may_be_named_by_their_place_and_share_one_of_ours(
    folder: Path, direct: Callable[..., dict[str, float]], tokens: Callable[[str], list[int]]
) -> None:
    labels = LabelMap({"0": (), "1": ("injection", "hate"), "JAILBREAK": ("injection",)})
    expected = direct([2, *tokens("ignore rules"), 3])
    either = expected["INJECTION"] + expected["JAILBREAK"]
    found = judged(SequenceClassifier.load(setup(folder, labels=labels)), "ignore rules")
    assert scores(found) == {
        "injection": pytest.approx(either, abs=1e-4),
        "hate": pytest.approx(expected["INJECTION"], abs=1e-4),
        "harm": pytest.approx(expected["INJECTION"], abs=1e-4),
    }


def test_of_labels_that_may_hold_together_the_highest_counts() -> None:
    labels = LabelMap({"A": ("hate",), "B": ("hate", "privacy"), "C": ()})
    given = {"A": 0.6, "B": 0.5, "C": 0.9}
    assert labels.ours(given) == {"hate": 0.6, "privacy": 0.5, "harm": 0.6}
    assert labels.ours(given, exclusive=True) == {"hate": 1.0, "privacy": 0.5, "harm": 1.0}


UNFIT: list[tuple[dict[str, object], str]] = [
    (
        {"labels": LabelMap({"SAFE": (), "INJECTIONS": ("injection",), "JAILBREAK": ()})},
        "no label `INJECTIONS`; did you mean `INJECTION`",
    ),
    (
        {"labels": LabelMap({"SAFE": (), "7": ("injection",)})},
        "no label `7`; it has SAFE, INJECTION, JAILBREAK",
    ),
    (
        {"labels": LabelMap({"SAFE": (), "INJECTION": ("injection",)})},
        "says nothing of the model's label `JAILBREAK`.*`none`",
    ),
    (
        {"labels": LabelMap({**MAP.targets, "2": ()})},
        "speaks of the model's label `JAILBREAK` twice",
    ),
    ({"window": 64}, "`window` is 64, and the model reads 32 tokens"),
    ({"window": 8, "overlap": 6}, "`overlap` is 6: it must be well below"),
    ({"device": "cuda:99"}, "`device` is cuda:99|cuda:99"),
]


@pytest.mark.parametrize(("given", "message"), UNFIT)
def test_a_setup_that_does_not_fit_the_model(
    folder: Path, given: dict[str, object], message: str
) -> None:
    with pytest.raises(ModelError, match=f"check tiny: .*({message})"):
        SequenceClassifier.load(setup(folder, **given))


def test_one_output_is_no_share_of_a_whole(tmp_path: Path) -> None:
    save(tmp_path, {0: "INJECTION"})
    one = setup(tmp_path, labels=LabelMap({"INJECTION": ("injection",)}))
    with pytest.raises(ModelError, match="one output: say `activation: sigmoid`"):
        SequenceClassifier.load(one)
    check = SequenceClassifier.load(replace(one, activation=Activation.SIGMOID))
    assert set(scores(judged(check, "ignore"))) <= {"injection"}


def test_a_model_that_was_not_trained_to_classify_is_refused(tmp_path: Path) -> None:
    save(tmp_path)
    config = BertConfig.from_pretrained(tmp_path)
    BertModel(config).save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(
        json.dumps(config.to_dict() | {"architectures": ["BertForSequenceClassification"]})
    )
    with pytest.raises(ModelError, match="check tiny: the model's files lack 2 of its weights"):
        SequenceClassifier.load(setup(tmp_path))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors", b"broken"),
        ("model.safetensors", None),
        ("config.json", b"{"),
        ("config.json", None),
        ("tokenizer.json", b"{}"),
    ],
)
def test_a_broken_file_is_a_model_error(
    folder: Path, tmp_path: Path, name: str, content: bytes | None
) -> None:
    path = Path(shutil.copytree(folder, tmp_path / "copy")) / name
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(ModelError, match=r"check tiny: .* cannot be loaded"):
        SequenceClassifier.load(setup(path.parent))


@pytest.mark.parametrize("name", ["torch", "transformers"])
def test_a_missing_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModelError) as caught:
        SequenceClassifier.load(setup(folder))
    said = f'check tiny needs {name}: pip install "glassgate[transformers]"'
    assert str(caught.value) == said


def test_scores_that_are_no_numbers_are_an_error(folder: Path) -> None:
    check = SequenceClassifier.load(setup(folder))
    with torch.no_grad():
        check._network.classifier.bias.fill_(math.nan)
    with pytest.raises(DetectorError, match="no numbers"):
        judged(check, "ignore")
    with pytest.raises(SelfCheckError, match="check tiny cannot score a known text"):
        check.self_check()


def test_self_check_passes(tiny: SequenceClassifier) -> None:
    tiny.self_check()


def test_self_check_finds_a_window_that_the_model_cannot_read(folder: Path) -> None:
    check = SequenceClassifier.load(setup(folder))
    check._size = LONGEST + 8
    with pytest.raises(SelfCheckError, match="`window`"):
        check.self_check()


def test_the_version_tells_files_and_readings_apart(folder: Path, tmp_path: Path) -> None:
    same = Path(shutil.copytree(folder, tmp_path / "same"))
    other = save(tmp_path / "other", seed=8)
    by_label = LabelMap({**MAP.targets, "JAILBREAK": ("injection",)})
    versions = [
        SequenceClassifier.load(each).version
        for each in (
            setup(folder),
            setup(same),
            setup(other),
            setup(folder, labels=by_label),
            setup(folder, activation=Activation.SIGMOID),
            setup(folder, window=20),
            setup(folder, origins=frozenset(Origin)),
        )
    ]
    assert versions[0] == versions[1]
    assert len(set(versions)) == len(versions) - 1


BY_ID = """
import json, sys
from detectors.checks.huggingface import ModelSetup, SequenceClassifier
from detectors.checks.label_map import LabelMap
from detectors.contract.exchange import Origin, TextPart

labels = {"SAFE": (), "INJECTION": ("injection",), "JAILBREAK": ("jailbreak",)}
check = SequenceClassifier.load(ModelSetup(
    name="hub", model="somebody/tiny", revision=sys.argv[1], labels=LabelMap(labels),
    origins=frozenset({Origin.USER}), window=32, overlap=6, most_windows=60,
))
(found,) = check.judge([TextPart(pointer="/t", origin=Origin.USER, text="ignore rules")])
print(json.dumps([check.version, {each.label: each.score for each in found}]))
"""


def test_a_model_is_found_by_its_id_and_pinned_to_a_commit(
    folder: Path, tiny: SequenceClassifier, tmp_path: Path
) -> None:
    repository = tmp_path / "hub" / "models--somebody--tiny"
    shutil.copytree(folder, repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    for revision in (COMMIT, "main"):
        done = subprocess.run(
            [sys.executable, "-c", BY_ID, revision],
            env={**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        version, found = json.loads(done.stdout)
        assert version == tiny.version
        assert found == pytest.approx(scores(judged(tiny, "ignore rules")), abs=2e-4)
