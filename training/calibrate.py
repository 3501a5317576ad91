"""Turns logits into scores that mean the same at each label: Platt's method on held-out rows.

Each label gets a slope and a shift, fitted by penalised logistic regression (J. Platt, 1999); the
twelve hazards share one pair, fitted on their maximum, which is what ``harm`` is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.contract.labels import CLASSIFIER_LABELS, HARM, HAZARDS
from training.data import Example

Array = NDArray[Any]

FEWEST: Final = 8
"""Rows of each side that a label needs; with fewer its logits are left as they are."""
_HAZARDS: Final = [CLASSIFIER_LABELS.index(hazard) for hazard in HAZARDS]
_PENALTY: Final = 1.0
_STEEP: Final = 30.0
_SETTLED: Final = 1e-9


def known(examples: Sequence[Example], label: str) -> tuple[Array, Array]:
    """Which rows say something about a label (their indices), and what they say (0 or 1)."""
    rows = [i for i, e in enumerate(examples) if label in e.targets]
    return np.array(rows, int), np.array([examples[i].targets[label] for i in rows], int)


def column(logits: Array, label: str) -> Array:
    """A label's logits; for ``harm`` the maximum over the hazards."""
    if label == HARM:
        return np.asarray(logits[:, _HAZARDS].max(axis=1))
    return np.asarray(logits[:, CLASSIFIER_LABELS.index(label)])


def fit(logits: Array, truth: Array) -> tuple[float, float]:
    """Slope and shift of the logistic regression of ``truth`` on ``logits``, by Newton's method."""
    inputs = np.stack([logits, np.ones_like(logits)], axis=1)
    start = np.array([1.0, 0.0])
    weights, cost = start, _cost(inputs, truth, start, start)
    for _ in range(100):
        chance = 1 / (1 + np.exp(-np.clip(inputs @ weights, -_STEEP, _STEEP)))
        slope = inputs.T @ (chance - truth) + _PENALTY * (weights - start)
        bend = (inputs * (chance * (1 - chance))[:, None]).T @ inputs + _PENALTY * np.eye(2)
        step = np.linalg.solve(bend, slope)
        while (lower := _cost(inputs, truth, weights - step, start)) > cost:
            step = step / 2  # a full step may overshoot
        weights, gain, cost = weights - step, cost - lower, lower
        if gain < _SETTLED:
            break
    return round(float(weights[0]), 4), round(float(weights[1]), 4)


def _cost(inputs: Array, truth: Array, weights: Array, start: Array) -> float:
    margins = np.where(truth == 1, 1, -1) * (inputs @ weights)
    penalty = _PENALTY * ((weights - start) ** 2).sum() / 2
    return float(np.logaddexp(0, -margins).sum() + penalty)


def calibration(logits: Array, examples: Sequence[Example]) -> dict[str, tuple[float, float]]:
    """Slope and shift per label, from the logits (rows, labels) of held-out rows."""
    pairs = {}
    for label in (*CLASSIFIER_LABELS, HARM):
        rows, truth = known(examples, label)
        enough = min(truth.sum(), len(truth) - truth.sum()) >= FEWEST
        pairs[label] = fit(column(logits, label)[rows], truth) if enough else (1.0, 0.0)
    shared = pairs.pop(HARM)
    return pairs | dict.fromkeys(HAZARDS, shared)
