import numpy as np
import pytest

from detectors.contract.labels import CLASSIFIER_LABELS, HAZARDS
from training.calibrate import calibration, column, fit
from training.data import Example


def test_fit_finds_the_slope_and_shift_that_made_the_rows() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 3, 20_000)
    truth = (rng.random(20_000) < 1 / (1 + np.exp(-(0.5 * logits - 1)))).astype(int)
    slope, shift = fit(logits, truth)
    assert slope == pytest.approx(0.5, abs=0.05)
    assert shift == pytest.approx(-1, abs=0.05)


def test_hazards_share_one_pair_and_rare_labels_are_left_alone() -> None:
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 2, (60, len(CLASSIFIER_LABELS)))
    rows = [Example(text="", targets={"harm": n % 2}, source="") for n in range(60)]
    pairs = calibration(logits, rows)
    assert set(pairs) == set(CLASSIFIER_LABELS)
    assert len({pairs[hazard] for hazard in HAZARDS}) == 1
    assert pairs["injection"] == (1.0, 0.0)


def test_harm_is_the_maximum_over_the_hazards() -> None:
    logits = np.full((1, len(CLASSIFIER_LABELS)), -5.0)
    logits[0, CLASSIFIER_LABELS.index("hate")] = 2.0
    logits[0, CLASSIFIER_LABELS.index("injection")] = 9.0
    assert column(logits, "harm").tolist() == [2.0]
