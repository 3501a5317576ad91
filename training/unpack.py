"""Makes the folder that ``transformers`` loads from the one committed weights file.

``python -m training.unpack OUT`` writes ``config.json``, ``model.safetensors`` and the tokenizer's
files; ``AutoModelForSequenceClassification.from_pretrained(OUT)`` loads them. The weights are the
int8 values times their scales: those that the ONNX file computes with.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from safetensors.numpy import save_file

from detectors.checks.classifier import FOLDER

_WORDS = "bert.embeddings.word_embeddings"


def weights_of(model: onnx.ModelProto) -> dict[str, NDArray[Any]]:
    """The float32 weights of an exported model, under the names that transformers gives them."""
    held = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    weights: dict[str, NDArray[Any]] = {}
    for name, value in held.items():
        if not name.startswith(("bert.", "classifier.")) or name.endswith(".scale"):
            continue
        scale = held.get(f"{name.removesuffix('.weight')}.scale")
        whole = value if scale is None or name.endswith(".bias") else value * scale
        if name.endswith(".weight") and scale is not None and not name.startswith(_WORDS):
            whole = whole.T
        stem, _, kind = name.rpartition(".")
        parts = _joined(stem)
        for part, rows in zip(parts, np.split(whole, len(parts)), strict=True):
            weights[f"{part}.{kind}"] = np.ascontiguousarray(rows, np.float32)
    return weights


def _joined(stem: str) -> list[str]:
    """The linear layers that one initialiser holds: ``bert.encoder.layer.0.a+b`` holds two."""
    first, *others = stem.split("+")
    layer = ".".join(first.split(".")[:4])
    return [first, *(f"{layer}.{other}" for other in others)]


def config_of(settings: Mapping[str, Any], weights: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """What ``config.json`` must say for transformers to build the same network."""
    words, width = weights[f"{_WORDS}.weight"].shape
    inner = weights["bert.encoder.layer.0.intermediate.dense.bias"].shape[0]
    layers = sum(name.endswith(".intermediate.dense.bias") for name in weights)
    labels = settings["labels"]
    return {
        "architectures": ["BertForSequenceClassification"],
        "model_type": "bert",
        "problem_type": "multi_label_classification",
        "vocab_size": words,
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": settings["heads"],
        "max_position_embeddings": len(weights["bert.embeddings.position_embeddings.weight"]),
        "type_vocab_size": len(weights["bert.embeddings.token_type_embeddings.weight"]),
        "layer_norm_eps": settings["layer_norm_epsilon"],
        "hidden_act": "gelu",
        "pad_token_id": 0,
        "id2label": {str(index): label for index, label in enumerate(labels)},
        "label2id": {label: index for index, label in enumerate(labels)},
    }


def unpack(folder: Path, out: Path) -> None:
    """Writes the transformers folder of the model in ``folder`` to ``out``."""
    settings = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    weights = weights_of(onnx.load(str(folder / "model.onnx")))
    out.mkdir(parents=True, exist_ok=True)
    save_file(weights, str(out / "model.safetensors"), metadata={"format": "pt"})
    config = json.dumps(config_of(settings, weights), indent=2)
    (out / "config.json").write_text(config + "\n", encoding="utf-8")
    shutil.copyfile(folder / "tokenizer.json", out / "tokenizer.json")
    tokenizer = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": settings["window_tokens"],
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "mask_token": "[MASK]",
    }
    (out / "tokenizer_config.json").write_text(json.dumps(tokenizer, indent=2) + "\n")


def main() -> None:
    """Reads the command line and unpacks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    unpack(arguments.model, arguments.out)


if __name__ == "__main__":
    main()
