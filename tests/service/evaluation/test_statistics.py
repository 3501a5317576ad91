import math

import pytest

from service.evaluation.statistics import Curve, Share, auroc, wilson


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (50, 100, 0.4038, 0.5962),
        (1, 250, 0.0007, 0.0223),
        (0, 0, 0.0, 1.0),
    ],
)
def test_wilson(hits: int, n: int, low: float, high: float) -> None:
    assert wilson(hits, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("positive", "negative", "area", "precision"),
    [
        ([0.9, 0.8], [0.1, 0.2], 1.0, 1.0),
        ([0.1], [0.9], 0.0, 0.5),
        ([0.5, 0.5], [0.5], 0.5, 2 / 3),
        ([0.9, 0.3], [0.5, 0.1], 0.75, 5 / 6),
        ([0.9, 0.5], [0.5, 0.1], 0.875, 5 / 6),
    ],
)
def test_areas(positive: list[float], negative: list[float], area: float, precision: float) -> None:
    curve = Curve.of(positive, negative)
    assert curve.auroc == pytest.approx(area)
    assert curve.auprc == pytest.approx(precision)


def test_an_area_needs_both_sides() -> None:
    assert math.isnan(auroc([], [0.1]))
    assert math.isnan(Share(0, 0).value)


def test_recall_and_threshold_at_a_false_positive_rate() -> None:
    curve = Curve.of([0.9, 0.8, 0.4], [0.7, 0.3, 0.2, 0.1])
    assert curve.recall_at(0.0) == pytest.approx(2 / 3)
    assert curve.threshold_at(0.0) == pytest.approx(0.8)
    assert curve.recall_at(0.25) == pytest.approx(1.0)
    assert curve.threshold_at(0.25) == pytest.approx(0.4)
    assert Curve.of([0.1], [0.9]).threshold_at(0.0) is None
