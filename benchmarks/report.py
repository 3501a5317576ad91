"""What was measured, as tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from benchmarks.load import Slice

ENOUGH_FOR_P99: Final = 100
"""With fewer answers the 99th percentile is not known, and none is shown."""
BEGIN, END = "<!-- measured -->", "<!-- end of measured -->"


class Way(StrEnum):
    """How a request goes to the model's server, in the words of the tables."""

    DIRECT = "direct"
    OFF = "Glassgate, guard off"
    NEW = "Glassgate, guard on, new content"
    SEEN = "Glassgate, guard on, content seen before"
    LITELLM = "LiteLLM proxy, no guards"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What a table says of one way at one load: milliseconds, but ``rate`` in requests a second.

    ``p50``, ``p95``, ``p99`` are of the time to the last byte, ``first`` is the median time to the
    first byte of the answer's body. ``p99`` is None where too few were answered.
    """

    requests: int
    refused: int
    p50: float
    p95: float
    p99: float | None
    first: float
    rate: float


Key = tuple[str, int, Way]
"""A load's name, the number of users, the way."""


def cell(slices: Iterable[Slice]) -> Cell:
    """All slices of one way at one load together. Raises ``ValueError`` if nothing was answered."""
    slices = list(slices)
    timings = [timing for one in slices for timing in one.timings]
    if not timings:
        raise ValueError("no answers: there is nothing to sum up")
    p50, p95, p99 = np.percentile([1000 * timing.last for timing in timings], (50, 95, 99))
    return Cell(
        requests=len(timings),
        refused=sum(timing.refused for timing in timings),
        p50=float(p50),
        p95=float(p95),
        p99=float(p99) if len(timings) >= ENOUGH_FOR_P99 else None,
        first=1000 * float(np.median([timing.first for timing in timings])),
        rate=len(timings) / sum(one.seconds for one in slices),
    )


def short_table(cells: Mapping[Key, Cell], loads: Sequence[str], users: int) -> str:
    """The medians of every load and way, for one number of users."""
    ways = [way for way in Way if any((load, users, way) in cells for load in loads)]
    rows = []
    for load in loads:
        found = [cells.get((load, users, way)) for way in ways]
        rows.append([load, *("-" if one is None else _ms(one.p50) for one in found)])
    return _table(["median, ms", *ways], rows)


def load_table(cells: Mapping[Key, Cell], load: str) -> str:
    """Everything about one load: a row for each number of users and way.

    In brackets stands what the way adds to the same percentile of the direct way.
    """
    heads = ["users", "way", "p50 ms", "p95 ms", "p99 ms"]
    heads += ["p50 / guard off", "requests/s", "requests"]
    rows = []
    for (name, users, way), one in cells.items():
        if name != load:
            continue
        direct, off = cells.get((load, users, Way.DIRECT)), cells.get((load, users, Way.OFF))
        refused = f" ({one.refused} refused)" if one.refused else ""
        rows.append(
            [
                str(users),
                way.value,
                _beside(one.p50, direct.p50 if direct else None),
                _beside(one.p95, direct.p95 if direct else None),
                _beside(one.p99, direct.p99 if direct else None),
                f"{one.p50 / off.p50:.2f}" if off else "-",
                f"{one.rate:.1f}",
                f"{one.requests}{refused}",
            ]
        )
    return _table(heads, rows)


def stream_table(cells: Mapping[Key, Cell], load: str, users: int) -> str:
    """Medians to the first and to the last byte of a streamed answer."""
    rows = [
        [way.value, _ms(one.first), _ms(one.p50), str(one.requests)]
        for (name, many, way), one in cells.items()
        if name == load and many == users
    ]
    return _table(["way", "first byte, ms", "last byte, ms", "requests"], rows)


VERBS: Final = ("pin", "reveal", "judge", "send")


def verb_table(spent: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """Where the guard's time goes, from its own log lines: a row for each load."""
    rows = []
    for load, lines in spent.items():
        if not lines:
            continue
        columns = [[line.get(verb, 0.0) for line in lines] for verb in VERBS]
        total = [line["total"] for line in lines]
        rest = [whole - sum(parts) for whole, *parts in zip(total, *columns, strict=True)]
        rows.append([load, *(_ms(float(np.median(column))) for column in (*columns, rest, total))])
    return _table(["median, ms", *VERBS, "the rest", "total"], rows)


def replaced(page: str, measured: str) -> str:
    """The page with other text between its two marks. Raises ``ValueError`` if it has none."""
    before, begin, inside = page.partition(BEGIN)
    _, end, after = inside.partition(END)
    if not begin or not end:
        raise ValueError(f"the page must hold {BEGIN} and, after it, {END}")
    return f"{before}{BEGIN}\n\n{measured.strip()}\n\n{END}{after}"


def _beside(value: float | None, direct: float | None) -> str:
    if value is None:
        return "-"
    added = "" if direct is None or value == direct else f" (+{_ms(value - direct)})"
    return _ms(value) + added.replace("+-", "-")


def _ms(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}"  # noqa: PLR2004 - three digits


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    aligned = ["---" if head == "way" or not place else "---:" for place, head in enumerate(heads)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, aligned, *rows))
