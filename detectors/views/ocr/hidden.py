"""Reads a picture in the other ways in which someone may see it, and keeps what is new."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from functools import partial
from typing import Final

import cv2
import numpy as np
from PIL import Image

from detectors.contract.detector import Budget
from detectors.contract.exchange import ImagePart
from detectors.media.decode import Limits, MediaError, decode, flatten, inspect_header, upright
from detectors.views.ocr.detect import Picture, Quad
from detectors.views.ocr.engine import OcrEngine
from detectors.views.ocr.looks import alpha, frames, scaled
from detectors.views.ocr.looks.alpha import alpha_looks
from detectors.views.ocr.looks.faint import faint_looks
from detectors.views.ocr.looks.frames import frame_looks
from detectors.views.ocr.looks.look import Look
from detectors.views.ocr.looks.scaled import scaled_looks
from detectors.views.ocr.looks.texture import texture_looks
from detectors.views.ocr.read import order, rescue
from detectors.views.ocr.recognise import Reading

UNSENT: Final = frozenset({alpha.METHOD, frames.METHOD, scaled.METHOD})
"""Methods of text that the picture that is sent does not show: evidence, joined with nothing."""

SURE: Final = 0.8
"""Score of a line of another look: what was made visible by force reads like text more easily."""

FEWEST_LETTERS, SHORTEST = 8, 3
"""Letters of all new lines of a method together, and characters of a line that counts for them.

Fewer say nothing, and are mostly edges.
"""

MOST_LINES: Final = 40
"""Read of one look, the widest: a texture made visible may look like hundreds."""

SAME_PLACE: Final = 0.7
"""A line of which as much lies where one was read already stands in the same place."""

ALIKE: Final = 0.8
MISREAD: Final = 0.5
"""Similarity of two texts (2 x common / both lengths) of which the second says nothing new, and of
two that stand in the same place: there the second is the first, read worse."""


def hidden_lines(
    engine: OcrEngine, part: ImagePart, sent: Picture, known: Sequence[Reading], budget: Budget
) -> Iterator[tuple[str, list[Reading]]]:
    """What other looks show that is not among the known lines, and each look's method.

    Places are in pixels of the picture that is sent. A look whose gate is closed is no run. The
    gates are asked whatever is left of the budget: only a look that one opened counts as missed.
    """
    seen = list(known)
    found: dict[str, list[Reading]] = {}
    for look in looks(part, sent):
        lines = budget.spend(look.method, partial(_read, engine, look, sent, seen))
        seen += lines
        found.setdefault(look.method, []).extend(lines)
    for method, lines in found.items():
        words = "".join(line.text for line in lines if len(line.text) >= SHORTEST)
        if sum(map(str.isalpha, words)) >= FEWEST_LETTERS:
            yield method, lines


def looks(part: ImagePart, sent: Picture) -> Iterator[Look]:
    """Every other look at a picture whose gate opens.

    What came in is looked at where pinning made another picture of it. It is no more than
    evidence, so one that is larger than may be decoded here is passed over.
    """
    yield from faint_looks(sent)
    yield from texture_looks(sent)
    data = part.data if part.original is None else part.original
    try:
        several = inspect_header(data, Limits()).frames > 1
        image = upright(decode(data, Limits()))
    except MediaError:
        return
    yield from _and_faint(alpha_looks(image, sent))
    if several:
        yield from _and_faint(frame_looks(data, sent))
    yield from scaled_looks(bgr(flatten(image)))


def _and_faint(several: Iterable[Look]) -> Iterator[Look]:
    """Each look, and what stands faintly in it."""
    for look in several:
        yield look
        yield from (replace(faint, method=look.method) for faint in faint_looks(look.picture))


def bgr(image: Image.Image) -> Picture:
    """An RGB picture in OpenCV's order."""
    return cv2.cvtColor(np.asarray(image), cv2.COLOR_RGB2BGR)


def _read(engine: OcrEngine, look: Look, sent: Picture, seen: Sequence[Reading]) -> list[Reading]:
    height, width = look.picture.shape[:2]
    scale = np.array([sent.shape[1] / width, sent.shape[0] / height], dtype=np.float32)
    quads = engine.find(look.picture)
    if look.elsewhere:
        quads = [
            quad for quad in quads if not any(_same_place(quad * scale, line.quad) for line in seen)
        ]
    widest = sorted(quads, key=lambda quad: -float(np.linalg.norm(quad[1] - quad[0])))[:MOST_LINES]
    lines = rescue(engine, look.picture, engine.recognise(look.picture, widest), probes=1)
    placed = [replace(line, quad=line.quad * scale) for line in lines if line.score >= SURE]
    return [line for line in order(placed) if not any(_again(line, other) for other in seen)]


def _same_place(quad: Quad, other: Quad) -> bool:
    area, _ = cv2.intersectConvexConvex(quad, other)
    return bool(area > SAME_PLACE * max(1.0, cv2.contourArea(quad)))


def _again(line: Reading, other: Reading) -> bool:
    """Whether the line says no more than the other."""
    texts = line.text.lower(), other.text.lower()
    ratio = SequenceMatcher(None, *texts, autojunk=False).ratio()
    return ratio >= ALIKE or (ratio >= MISREAD and _same_place(line.quad, other.quad))
