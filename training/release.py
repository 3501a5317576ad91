"""Makes the committed model from a training run: ``python -m training.release --data --run --to``.

Averages rounds, exports to int8 ONNX, calibrates on the held-out rows, and prints how each label
does on them at each threshold, from which those of ``policies/default.yaml`` are chosen.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from detectors.checks.classifier import FOLDER
from detectors.contract.labels import CLASSIFIER_LABELS, HARM
from training.batches import mark_of, marked
from training.calibrate import calibration, column, known
from training.compose import Pools, compose
from training.configuration import Config
from training.data import Example, load_corpus
from training.export import build, save
from training.train import ROWS, guests, weights_file

HEADS: Final = 12
EPSILON: Final = 1e-12
THRESHOLDS: Final = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)

Array = NDArray[Any]


def averaged(files: Sequence[Path]) -> dict[str, Array]:
    """The mean of several weight files of one run, by name (Izmailov et al., arXiv:1803.05407)."""
    states = [torch.load(path, weights_only=True) for path in files]
    return {
        name: torch.stack([state[name].float() for state in states]).mean(dim=0).numpy()
        for name in states[0]
    }


def export(run: Path, rounds: Sequence[int], to: Path) -> None:
    """Writes ``model.onnx`` and ``tokenizer.json`` from the weights of a run's rounds."""
    to.mkdir(parents=True, exist_ok=True)
    weights = averaged([weights_file(run, number) for number in rounds])
    layers = sum(name.endswith(".intermediate.dense.bias") for name in weights)
    save(build(weights, HEADS, layers, EPSILON), to / "model.onnx")
    shutil.copyfile(run / "model" / "tokenizer.json", to / "tokenizer.json")


def logits_of(folder: Path, examples: Sequence[Example], size: int) -> Array:
    """The exported model's logits (rows, labels) of each row's first window, one row at a time."""
    session = ort.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(size - 1)
    rows = []
    mark = mark_of(tokenizer)
    for example in examples:
        ids = np.array([marked(tokenizer.encode(example.text).ids, example, mark)], np.int64)
        fed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        rows.append(session.run(["logits"], fed)[0][0])
    return np.array(rows, np.float64)


def settings_of(
    folder: Path, config: Config, pairs: dict[str, tuple[float, float]]
) -> dict[str, Any]:
    """The content of ``model.json``."""
    return {
        "version": config.version,
        "labels": CLASSIFIER_LABELS,
        "window_tokens": config.window_tokens,
        "overlap_tokens": config.overlap_tokens,
        "heads": HEADS,
        "layer_norm_epsilon": EPSILON,
        "calibration": pairs,
        "sha256": hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest(),
    }


def table(
    logits: Array, examples: Sequence[Example], pairs: dict[str, tuple[float, float]]
) -> list[str]:
    """Per label, on the held-out rows: recall and false positives at each threshold, in percent."""
    scale = np.array([pairs[label] for label in CLASSIFIER_LABELS])
    scores = 1 / (1 + np.exp(-(logits * scale[:, 0] + scale[:, 1])))
    lines = [f"{'label':28}{'held':>6}{'not':>6}  " + "".join(f"{t:>13}" for t in THRESHOLDS)]
    for label in (*CLASSIFIER_LABELS, HARM):
        rows, truth = known(examples, label)
        own = column(scores, label)[rows]
        cells = [
            f"{100 * (own[truth == 1] >= t).mean():6.1f}/{100 * (own[truth == 0] >= t).mean():6.2f}"
            if truth.any()
            else f"{'':>13}"
            for t in THRESHOLDS
        ]
        held = int(truth.sum())
        lines.append(f"{label:28}{held:>6}{len(truth) - held:>6}  " + "".join(cells))
    return lines


def main() -> None:
    """Reads the command line; exports, calibrates and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=Path, default=ROWS)
    parser.add_argument("--config", type=Path, default=Path(__file__).parent / "config.yaml")
    parser.add_argument("--run", type=Path, required=True, help="the --out of training.train")
    parser.add_argument("--to", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    config = Config.read(arguments.config)
    dev = load_corpus(arguments.data, arguments.rows).dev
    pools = Pools.of(dev, guests(arguments.data))
    dev = [*dev, *compose(pools, random.Random(config.seed), config.dev_composed)]
    export(arguments.run, config.averaged_rounds, arguments.to)
    logits = logits_of(arguments.to, dev, config.window_tokens)
    pairs = calibration(logits, dev)
    settings = json.dumps(settings_of(arguments.to, config, pairs), indent=2)
    (arguments.to / "model.json").write_text(settings + "\n", encoding="utf-8")
    print("\n".join(table(logits, dev, pairs)))


if __name__ == "__main__":
    main()
