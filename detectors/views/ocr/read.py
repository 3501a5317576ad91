"""Reads a whole picture: detect, recognise, rescue what stands on its head, put in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detectors.contract.detector import DetectorError
from detectors.views.ocr.closer import find_closely, without_smears
from detectors.views.ocr.detect import Picture
from detectors.views.ocr.engine import OcrEngine
from detectors.views.ocr.recognise import Reading
from detectors.views.ocr.stacked import stack

DOUBTFUL = 0.85
"""A line that scores below this may be turned or mirrored."""

SHORTEST = 2.0
"""Times as long as high: a shorter box is a letter or a shape, and no line to be turned."""

PROBES = 3
"""So many of the widest doubtful lines decide how the others are turned."""

TURNS = ((2, 3, 0, 1), (1, 0, 3, 2), (3, 2, 1, 0))
"""How a line's corners change places: half a turn, mirrored left-right, mirrored top-bottom."""

CLEAR_GAIN = 0.1
"""Gain in score of one probe at which all count as turned: less is noise of unreadable text."""

SAME_ROW = 0.5
"""Two lines share a row if their middles are closer than this part of the lower one's height."""


class TooMuchTextError(DetectorError):
    """More lines than may be read of one picture: what was not read must not pass unremarked."""


def read(engine: OcrEngine, picture: Picture, most_lines: int) -> list[Reading]:
    """Every line of the picture, in reading order. Raises ``TooMuchTextError``."""
    quads, closer = engine.find(picture), find_closely(engine, picture)
    if len(quads) + len(closer) > most_lines:
        raise TooMuchTextError(
            f"the picture has {len(quads) + len(closer)} lines of text, the limit is {most_lines}: "
            "send a part of it, or raise the limit"
        )
    lines = rescue(engine, picture, engine.recognise(picture, quads))
    if closer:
        small = rescue(engine, picture, engine.recognise(picture, closer))
        lines = without_smears(lines, small)
    return order(stack(engine, picture, lines))


def rescue(
    engine: OcrEngine, picture: Picture, lines: list[Reading], probes: int = PROBES
) -> list[Reading]:
    """Reads doubtful lines turned as the widest of them read best, and keeps the better."""

    def turned(some: Sequence[Reading], turn: tuple[int, ...]) -> list[Reading]:
        return engine.recognise(picture, [line.quad[list(turn)] for line in some])

    doubtful = sorted(
        (line for line in lines if line.score < DOUBTFUL and _is_long(line)),
        key=lambda line: line.size[0],
        reverse=True,
    )
    widest, others = doubtful[:probes], doubtful[probes:]
    if not widest:
        return lines
    tried = {turn: turned(widest, turn) for turn in TURNS}
    best = max(tried, key=lambda turn: _score(tried[turn]))
    gains = (new.score - old.score for new, old in zip(tried[best], widest, strict=True))
    if max(gains) < CLEAR_GAIN:
        return lines
    again = tried[best] + turned(others, best)
    better = {
        id(old): new for old, new in zip(doubtful, again, strict=True) if new.score > old.score
    }
    return [better.get(id(line), line) for line in lines]


def _is_long(line: Reading) -> bool:
    length, height = line.size
    return length >= SHORTEST * height


def _score(lines: Sequence[Reading]) -> float:
    """Wide lines count for more: a round shape that looks like a letter reads well any way up."""
    return sum(line.score * line.size[0] for line in lines)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A line in the frame of its group: ``along`` the reading direction, ``down`` the page."""

    line: Reading
    along: float
    down: float
    height: float


def order(lines: Sequence[Reading]) -> list[Reading]:
    """Reading order: rows from the top, each from its start, in the text's own orientation.

    Lines of another orientation (a label on its side) follow those that hold more text.
    """
    groups: dict[tuple[int, int], list[Reading]] = {}
    for line in lines:
        groups.setdefault(_orientation(line), []).append(line)
    by_length = sorted(groups.values(), key=lambda group: -sum(len(line.text) for line in group))
    return [line for group in by_length for line in _rows(group)]


def _orientation(line: Reading) -> tuple[int, int]:
    """The axes, as multiples of 90 degrees, nearest to the line's directions along and down."""
    axes = []
    for x, y in (line.quad[1] - line.quad[0], line.quad[3] - line.quad[0]):
        axes.append(round(np.degrees(np.arctan2(y, x)) / 90) % 4)
    return axes[0], axes[1]


def _rows(group: Sequence[Reading]) -> list[Reading]:
    along = _unit(sum(line.quad[1] - line.quad[0] for line in group))
    down = _unit(sum(line.quad[3] - line.quad[0] for line in group))
    placed = [
        _Placed(
            line,
            float(line.quad[0] @ along),
            float(line.quad.mean(axis=0) @ down),
            float(np.linalg.norm(line.quad[3] - line.quad[0])),
        )
        for line in group
    ]
    rows: list[list[_Placed]] = []
    for item in sorted(placed, key=lambda item: item.down):
        last = rows[-1][-1] if rows else None
        if last and item.down - last.down < SAME_ROW * min(item.height, last.height):
            rows[-1].append(item)
        else:
            rows.append([item])
    return [item.line for row in rows for item in sorted(row, key=lambda item: item.along)]


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / (np.linalg.norm(vector) or 1.0)
