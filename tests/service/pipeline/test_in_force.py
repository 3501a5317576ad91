"""Which of two policies a request is decided by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from service.pipeline.in_force import InForce
from service.policy.load import load
from tests.service.pipeline.words import examining
from tests.service.policies import policy

REQUESTS = [f"request-{number}" for number in range(4000)]


def in_force(folder: Path, share: float) -> InForce:
    """One policy, and another on trial."""
    (folder / "one.yaml").write_text(policy("one"))
    (folder / "two.yaml").write_text(policy("two"))
    examiner = examining(folder)
    one, two = (replace(examiner, policy=load(folder / f"{name}.yaml")) for name in ("one", "two"))
    return InForce(examiner=one, trial=two, share=share)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 1.0])
def test_a_trial_decides_its_share_always_alike(tmp_path: Path, share: float) -> None:
    two = in_force(tmp_path, share)
    chosen = {each for each in REQUESTS if two.of(each) is two.trial}
    assert len(chosen) / len(REQUESTS) == pytest.approx(share, abs=0.03)
    assert chosen == {each for each in REQUESTS if two.of(each) is two.trial}


def test_a_larger_share_keeps_those_that_were_chosen(tmp_path: Path) -> None:
    few, many = (in_force(tmp_path, share) for share in (0.1, 0.3))
    assert all(many.of(each) is many.trial for each in REQUESTS if few.of(each) is few.trial)


def test_without_a_trial_one_policy_decides(tmp_path: Path) -> None:
    alone = InForce(examiner=in_force(tmp_path, 0.5).examiner)
    assert {alone.of(each) for each in REQUESTS[:50]} == set(alone.examiners)
