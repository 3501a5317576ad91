"""How well scores part two classes, and how sure a measured share is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

Z95: Final = 1.959964
"""The normal quantile that leaves 2.5 % on each side."""


@dataclass(frozen=True, slots=True)
class Share:
    """``hits`` of ``n``."""

    hits: int
    n: int

    @property
    def value(self) -> float:
        """NaN where n is 0."""
        return self.hits / self.n if self.n else nan

    @property
    def interval(self) -> tuple[float, float]:
        """The Wilson score interval, 95 % (E. B. Wilson, 1927). (0, 1) where n is 0."""
        return wilson(self.hits, self.n)


def wilson(hits: int, n: int, z: float = Z95) -> tuple[float, float]:
    """The Wilson score interval of a share (E. B. Wilson, 1927). (0, 1) where n is 0."""
    if n == 0:
        return 0.0, 1.0
    share, spread = hits / n, z * z / n
    middle = share + spread / 2
    reach = z * sqrt(share * (1 - share) / n + spread / (4 * n))
    return max(0.0, (middle - reach) / (1 + spread)), min(1.0, (middle + reach) / (1 + spread))


@dataclass(frozen=True, slots=True)
class Curve:
    """What each threshold gives: a text counts from that score on.

    ``thresholds`` fall; ``recall``, ``false_positives`` and ``precision`` are shares at each.
    """

    thresholds: NDArray[np.float64]
    recall: NDArray[np.float64]
    false_positives: NDArray[np.float64]
    precision: NDArray[np.float64]

    @classmethod
    def of(cls, positive: Sequence[float], negative: Sequence[float]) -> Curve:
        """The curve of two classes' scores, neither of them empty."""
        scores = np.array([*positive, *negative], dtype=np.float64)
        truth = np.array([1] * len(positive) + [0] * len(negative))
        order = np.argsort(-scores, kind="stable")
        scores, truth = scores[order], truth[order]
        last = np.append(scores[1:] != scores[:-1], True)
        hits, alarms = np.cumsum(truth)[last], np.cumsum(1 - truth)[last]
        return cls(
            thresholds=scores[last],
            recall=hits / len(positive),
            false_positives=alarms / len(negative),
            precision=hits / (hits + alarms),
        )

    @property
    def auroc(self) -> float:
        """The chance that a positive outscores a negative; a tie counts half."""
        x = np.append(0.0, self.false_positives)
        y = np.append(0.0, self.recall)
        return float(np.sum((x[1:] - x[:-1]) * (y[1:] + y[:-1])) / 2)

    @property
    def auprc(self) -> float:
        """Average precision: the precision at each step of recall, weighted by the step."""
        return float(np.sum(np.diff(np.append(0.0, self.recall)) * self.precision))

    def recall_at(self, most: float) -> float:
        """The recall at the lowest threshold whose false positives are at most this share."""
        fits = self.recall[self.false_positives <= most]
        return float(fits[-1]) if fits.size else 0.0

    def threshold_at(self, most: float) -> float | None:
        """The lowest score seen whose false positives are at most this share, if there is one."""
        fits = self.thresholds[self.false_positives <= most]
        return float(fits[-1]) if fits.size else None


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """The area under the ROC curve; NaN if a class is empty."""
    return Curve.of(positive, negative).auroc if positive and negative else nan
