"""Fine-tunes the encoder: ``python -m training.train --data DIR --config FILE --out DIR``.

Seeded, and resumes from the last checkpoint in ``--out`` when it is started again. Leaves the
weights of the rounds that ``training.release`` averages.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from tokenizers import Tokenizer
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from detectors.contract.labels import CLASSIFIER_LABELS, HAZARDS
from training.batches import Batch, round_batches, round_examples
from training.compose import Pools
from training.configuration import Config
from training.data import Corpus, Example, load_corpus, read_rows
from training.vocabulary import missing_characters, widen

ROWS: Final = Path(__file__).parent / "rows"
_HEAD: Final = ("bert.pooler.", "classifier.")
_FIRST_HAZARD: Final = CLASSIFIER_LABELS.index(HAZARDS[0])
_RARE: Final = -3.0  # the logit at which every label starts: most rows carry none
_HAZARDS: Final = slice(_FIRST_HAZARD, _FIRST_HAZARD + len(HAZARDS))


def guests(data: Path) -> list[str]:
    """Instructions that are an attack only inside a document (BIPIA's training half)."""
    return [
        row["text"].strip()
        for row in read_rows(data / "text" / "train.jsonl.gz")
        if row["class"] == "injection_in_context" and not row.get("near_eval")
    ]


def weights_file(run: Path, number: int) -> Path:
    """Where a run keeps the weights at the end of a round that is averaged."""
    return run / f"round-{number}.pt"


def encoder_folder(package: str) -> Path:
    """Where an installed package keeps its model. Raises ValueError if it is not installed."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(f"the package {package} is not installed: pip install {package}")
    return Path(spec.submodule_search_locations[0]) / "model"


def new_model(encoder: Path, size: int, seed: int) -> PreTrainedModel:
    """The pretrained encoder under a fresh multi-label head, its vocabulary widened to ``size``."""
    torch.manual_seed(seed)
    model: Any = AutoModelForSequenceClassification.from_pretrained(
        encoder,
        num_labels=len(CLASSIFIER_LABELS),
        id2label=dict(enumerate(CLASSIFIER_LABELS)),
        label2id={label: index for index, label in enumerate(CLASSIFIER_LABELS)},
        problem_type="multi_label_classification",
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        attn_implementation="eager",
        dtype=torch.float32,
    )
    # The sentence encoder's own pooler was never trained and all but shuts the gradient off.
    width = model.config.hidden_size
    torch.nn.init.normal_(model.bert.pooler.dense.weight, std=2 / width**0.5)
    torch.nn.init.zeros_(model.bert.pooler.dense.bias)
    torch.nn.init.normal_(model.classifier.weight, std=1 / width**0.5)
    torch.nn.init.constant_(model.classifier.bias, _RARE)
    model.resize_token_embeddings(size, mean_resizing=True)
    made: PreTrainedModel = model
    return made


def loss_of(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Masked cross-entropy per label, and over the hazards together where only harm is known."""
    harm = torch.logsumexp(logits[:, _HAZARDS], dim=1, keepdim=True)
    every = torch.cat([logits, harm], dim=1)
    losses = binary_cross_entropy_with_logits(every, batch.targets, reduction="none")
    rows = (losses * batch.known).sum(dim=1) * batch.weights
    return rows.sum() / batch.weights.sum()


@dataclass
class Trainer:
    """One run: its model, and how far it has come."""

    model: PreTrainedModel
    tokenizer: Tokenizer
    config: Config
    folder: Path
    round: int = 0
    step: int = 0

    def __post_init__(self) -> None:
        embedding = [self.model.get_input_embeddings().weight]
        head = [p for n, p in self.model.named_parameters() if n.startswith(_HEAD)]
        fast = {id(p) for p in (*embedding, *head)}
        rest = [p for p in self.model.parameters() if id(p) not in fast]
        rate = self.config.learning_rate
        self.optimizer = torch.optim.AdamW(
            [
                {"params": rest, "base": rate},
                {"params": embedding, "base": rate * self.config.embedding_rate},
                {"params": head, "base": rate * self.config.head_rate},
            ],
            lr=rate,
            weight_decay=self.config.weight_decay,
            fused=True,
        )

    def run(self, train: Sequence[Example], pools: Pools, stop_after: int | None = None) -> None:
        """Trains to the end, or until ``stop_after`` more steps; a checkpoint is left behind."""
        left = stop_after if stop_after is not None else -1
        self.model.train()
        for number in range(self.round, self.config.rounds):
            examples = round_examples(train, pools, self.config, number)
            batches = round_batches(examples, self.tokenizer, self.config, number)
            for step in range(self.step, len(batches)):
                if left == 0:
                    self.save()
                    return
                progress = (number + step / len(batches)) / self.config.rounds
                self._learn(batches[step], progress)
                self.round, self.step = number, step + 1
                left -= 1
                if self.step % self.config.checkpoint_steps == 0:
                    self.save()
            self.round, self.step = number + 1, 0
            if self.round in self.config.averaged_rounds:
                torch.save(self.model.state_dict(), weights_file(self.folder, self.round))
        self.save()

    def _learn(self, batch: Batch, progress: float) -> None:
        started = time.monotonic()
        warmup = self.config.warmup
        factor = min((progress + 1e-3) / warmup, (1 - progress) / (1 - warmup))
        for group in self.optimizer.param_groups:
            group["lr"] = group["base"] * factor
        with torch.autocast("cpu", torch.bfloat16, enabled=self.config.bf16):
            logits = self.model(batch.ids, attention_mask=batch.attention).logits
        loss = loss_of(logits.float(), batch)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.step % 10 == 0:
            rate = batch.ids.numel() / (time.monotonic() - started)
            print(
                f"round {self.round} step {self.step} progress {progress:.3f} "
                f"loss {loss.item():.4f} {rate:.0f} tokens/s",
                flush=True,
            )

    def save(self) -> None:
        """Writes a checkpoint, whole or not at all."""
        state: dict[str, Any] = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "round": self.round,
            "step": self.step,
        }
        partial = self.folder / "checkpoint.partial"
        torch.save(state, partial)
        partial.replace(self.folder / "checkpoint.pt")

    def resume(self) -> None:
        """Takes up the folder's checkpoint, if it has one."""
        path = self.folder / "checkpoint.pt"
        if path.exists():
            state = torch.load(path, weights_only=True)
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.round, self.step = state["round"], state["step"]


def prepare(corpus: Corpus, config: Config, folder: Path) -> Trainer:
    """A trainer in ``folder``: vocabulary widened once, model new or from the checkpoint."""
    encoder = encoder_folder(config.encoder)
    model_folder = folder / "model"
    model_folder.mkdir(parents=True, exist_ok=True)
    target = model_folder / "tokenizer.json"
    if not target.exists():
        base = Tokenizer.from_file(str(encoder / "tokenizer.json"))
        texts = (e.text for e in corpus.train)
        widen(
            encoder / "tokenizer.json",
            target,
            missing_characters(base, texts, config.character_least),
        )
        shutil.copy(encoder / "tokenizer_config.json", model_folder)
    tokenizer = Tokenizer.from_file(str(target))
    model = new_model(encoder, tokenizer.get_vocab_size(), config.seed)
    trainer = Trainer(model=model, tokenizer=tokenizer, config=config, folder=folder)
    trainer.resume()
    return trainer


def main() -> None:
    """Reads the command line and trains to the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with text/ and made/")
    parser.add_argument("--rows", type=Path, default=ROWS, help="folder of the project's rows")
    parser.add_argument("--config", type=Path, default=Path(__file__).parent / "config.yaml")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and model")
    arguments = parser.parse_args()
    config = Config.read(arguments.config)
    corpus = load_corpus(arguments.data, arguments.rows)
    print(f"{len(corpus.train)} rows to train on, {len(corpus.dev)} held out")
    trainer = prepare(corpus, config, arguments.out)
    trainer.run(corpus.train, Pools.of(corpus.train, guests(arguments.data)))


if __name__ == "__main__":
    main()
