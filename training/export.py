"""Writes the fine-tuned encoder as one int8 ONNX file, its initialisers named as in transformers.

The graph is built here by hand, so that ``training.unpack`` can make the transformers folder from
the same file, and so that the last layer computes its first token only, which is all that the
classifier reads. Weights are int8 with a scale per output channel. Activations are quantised as
they come, each token on its own range (ZeroQuant, arXiv:2206.01861): a few have far larger values
than the others, and one range for all costs half of the precision. Weights span 7 of the 8 bits, so
that no processor's int8 kernels saturate (AVX2 adds two products in 16 bits) and a score is the
same on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET: Final = 20
WEIGHT_RANGE: Final = 63
EMBEDDING_RANGE: Final = 127
_MASKED: Final = -1e4
_LEAST: Final = 1e-6  # keeps a token of zeros from dividing by zero

Array = NDArray[Any]


def quantised(weight: Array, axis: int, limit: int) -> tuple[Array, Array]:
    """int8 values and the float scale of each slice along every axis but ``axis``."""
    peak = np.abs(weight).max(axis=axis, keepdims=True)
    scale = np.where(peak == 0, 1, peak / limit).astype(np.float32)
    return np.clip(np.rint(weight / scale), -limit, limit).astype(np.int8), scale


class Graph:
    """Nodes and initialisers in the making; each method adds nodes and names their output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initialisers: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: Array) -> str:
        if name not in self.initialisers:
            self.initialisers[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def integers(self, *values: int) -> str:
        name = "integers_" + "_".join(map(str, values))
        return self.constant(name, np.array(values, np.int64))

    def number(self, value: float) -> str:
        return self.constant(f"number_{value}", np.array(value, np.float32))

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:  # noqa: ANN401
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def linear(self, x: str, name: str, weight: Array, bias: Array) -> str:
        """``x @ weight.T + bias`` in int8; ``weight`` is (out, in) as torch keeps it."""
        values, scale = quantised(weight.T, 0, WEIGHT_RANGE)
        reach = self.add("ReduceMax", self.add("Abs", x), self.integers(-1), keepdims=1)
        reach = self.add("Add", reach, self.number(_LEAST))
        x = self.add("Div", x, reach)
        low, step, zero = (f"{name}_{part}_{len(self.nodes)}" for part in ("x", "step", "zero"))
        self.nodes.append(helper.make_node("DynamicQuantizeLinear", [x], [low, step, zero]))
        product = self.add("MatMulInteger", low, self.constant(f"{name}.weight", values), zero)
        scales = self.add("Mul", step, self.constant(f"{name}.scale", scale[0]))
        floats = self.add("Mul", self.add("Cast", product, to=TensorProto.FLOAT), scales)
        # The range comes last: ONNX Runtime fuses the lines above and would lose it among them.
        whole = self.add("Mul", floats, reach)
        return self.add("Add", whole, self.constant(f"{name}.bias", bias))

    def normed(self, x: str, name: str, weights: Mapping[str, Array], epsilon: float) -> str:
        return self.add(
            "LayerNormalization",
            x,
            self.constant(f"{name}.weight", weights[f"{name}.weight"]),
            self.constant(f"{name}.bias", weights[f"{name}.bias"]),
            epsilon=epsilon,
        )


def build(weights: Mapping[str, Array], heads: int, layers: int, epsilon: float) -> onnx.ModelProto:
    """The ONNX model of a ``BertForSequenceClassification`` state, as ``logits`` (texts, labels).

    Inputs are ``input_ids`` and ``attention_mask``, both int64 (texts, tokens).
    """
    graph = Graph()
    x = _embedded(graph, weights, epsilon)
    mask = graph.add("Cast", "attention_mask", to=TensorProto.FLOAT)
    away = graph.add("Mul", graph.add("Sub", graph.number(1.0), mask), graph.number(_MASKED))
    away = graph.add("Unsqueeze", away, graph.integers(1, 2))
    for number in range(layers):
        last = number == layers - 1
        x = _layer(graph, x, away, weights, number=number, heads=heads, epsilon=epsilon, last=last)
    first = graph.add("Squeeze", x, graph.integers(1))
    for name in ("bert.pooler.dense", "classifier"):
        first = graph.linear(first, name, weights[f"{name}.weight"], weights[f"{name}.bias"])
        if name != "classifier":
            first = graph.add("Tanh", first)
    graph.nodes.append(helper.make_node("Identity", [first], ["logits"]))
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "tokens"])
        for name in ("input_ids", "attention_mask")
    ]
    labels = len(weights["classifier.bias"])
    output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["texts", labels])
    made = helper.make_graph(
        graph.nodes, "classifier", inputs, [output], list(graph.initialisers.values())
    )
    model = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="glassgate"
    )
    model.ir_version = 9
    onnx.checker.check_model(model, full_check=True)
    return model


def _embedded(graph: Graph, weights: Mapping[str, Array], epsilon: float) -> str:
    name = "bert.embeddings"
    values, scale = quantised(weights[f"{name}.word_embeddings.weight"], 1, EMBEDDING_RANGE)
    words = graph.constant(f"{name}.word_embeddings.weight", values)
    scales = graph.constant(f"{name}.word_embeddings.scale", scale)
    word = graph.add(
        "Mul",
        graph.add("Cast", graph.add("Gather", words, "input_ids"), to=TensorProto.FLOAT),
        graph.add("Gather", scales, "input_ids"),
    )
    length = graph.add("Shape", "input_ids", start=1, end=2)
    place = graph.add(
        "Slice",
        graph.constant(
            f"{name}.position_embeddings.weight", weights[f"{name}.position_embeddings.weight"]
        ),
        graph.integers(0),
        length,
        graph.integers(0),
    )
    kind = graph.constant(
        f"{name}.token_type_embeddings.weight", weights[f"{name}.token_type_embeddings.weight"]
    )
    kind = graph.add("Gather", kind, graph.constant("zero", np.array(0, np.int64)))
    total = graph.add("Add", graph.add("Add", word, place), kind)
    return graph.normed(total, f"{name}.LayerNorm", weights, epsilon)


def _layer(  # noqa: PLR0913
    graph: Graph,
    x: str,
    away: str,
    weights: Mapping[str, Array],
    *,
    number: int,
    heads: int,
    epsilon: float,
    last: bool,
) -> str:
    name = f"bert.encoder.layer.{number}"
    width = len(weights[f"{name}.output.dense.bias"])

    def linear(value: str, *parts: str) -> str:
        return graph.linear(
            value,
            f"{name}.{'+'.join(parts)}",
            np.concatenate([weights[f"{name}.{part}.weight"] for part in parts]),
            np.concatenate([weights[f"{name}.{part}.bias"] for part in parts]),
        )

    def by_head(value: str, order: list[int]) -> str:
        split = graph.add("Reshape", value, graph.integers(0, 0, heads, width // heads))
        return graph.add("Transpose", split, perm=order)

    keys_and_values = linear(x, "attention.self.key", "attention.self.value")
    parts = [f"{name}.{part}" for part in ("keys", "values")]
    graph.nodes.append(
        helper.make_node("Split", [keys_and_values], parts, axis=2, num_outputs=2, name=name)
    )
    if last:  # the classifier reads the first token only
        x = graph.add("Slice", x, graph.integers(0), graph.integers(1), graph.integers(1))
    query = graph.add(
        "Mul", linear(x, "attention.self.query"), graph.number(float((width / heads) ** -0.5))
    )
    scores = graph.add("MatMul", by_head(query, [0, 2, 1, 3]), by_head(parts[0], [0, 2, 3, 1]))
    shares = graph.add("Softmax", graph.add("Add", scores, away), axis=-1)
    mixed = graph.add("MatMul", shares, by_head(parts[1], [0, 2, 1, 3]))
    mixed = graph.add("Transpose", mixed, perm=[0, 2, 1, 3])
    mixed = graph.add("Reshape", mixed, graph.integers(0, 0, width))
    x = graph.add("Add", linear(mixed, "attention.output.dense"), x)
    x = graph.normed(x, f"{name}.attention.output.LayerNorm", weights, epsilon)
    inner = graph.add("Gelu", linear(x, "intermediate.dense"))
    x = graph.add("Add", linear(inner, "output.dense"), x)
    return graph.normed(x, f"{name}.output.LayerNorm", weights, epsilon)


def save(model: onnx.ModelProto, path: Path) -> None:
    """Writes the model, whole or not at all."""
    partial = path.with_suffix(".partial")
    onnx.save_model(model, str(partial))
    partial.replace(path)
