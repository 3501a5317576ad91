"""How a benchmark that has aims ends."""

from __future__ import annotations

import sys
from collections.abc import Iterable


def ended(name: str, missed: Iterable[str]) -> int:
    """Prints each aim that was missed after the benchmark's name; the exit status, 1 if any was."""
    wrong = list(missed)
    for what in wrong:
        print(f"benchmarks.{name}: {what}", file=sys.stderr)
    return 1 if wrong else 0
