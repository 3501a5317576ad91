"""Loads a policy file, or says all that is wrong with it, where, and how to mend it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from service.policy.compile import compile_policy
from service.policy.document import PolicyError, Problem
from service.policy.engine import Policy
from service.policy.resolve import merge

__all__ = ["PolicyError", "Problem", "load"]


def load(path: Path, detectors: Collection[str] | None = None) -> Policy:
    """The policy in the file, compiled. Raises ``PolicyError`` that lists all that is wrong.

    ``detectors`` are the names of all views and checks, if they are known, as for
    ``compile_policy``.
    """
    return compile_policy(merge(path), detectors)
