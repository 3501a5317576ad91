"""How sure a measured share is, and how well scores part two classes."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Final

Z95: Final = 1.959964
"""The normal quantile that leaves 2.5 % on each side."""


def wilson(hits: int, n: int, z: float = Z95) -> tuple[float, float]:
    """The Wilson score interval of a share (E. B. Wilson, 1927). (0, 1) where n is 0."""
    if n == 0:
        return 0.0, 1.0
    share, spread = hits / n, z * z / n
    middle = share + spread / 2
    reach = z * sqrt(share * (1 - share) / n + spread / (4 * n))
    return max(0.0, (middle - reach) / (1 + spread)), min(1.0, (middle + reach) / (1 + spread))


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """The chance that a positive outscores a negative; a tie counts half. NaN if one is empty."""
    if not positive or not negative:
        return float("nan")
    ranked = sorted([(score, 1) for score in positive] + [(score, 0) for score in negative])
    ranks, begin = 0.0, 0
    while begin < len(ranked):
        end = begin
        while end < len(ranked) and ranked[end][0] == ranked[begin][0]:
            end += 1
        ranks += (begin + 1 + end) / 2 * sum(side for _, side in ranked[begin:end])
        begin = end
    count = len(positive)
    return (ranks - count * (count + 1) / 2) / (count * len(negative))
