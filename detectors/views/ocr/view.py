"""The view ``ocr``: a picture to the text that stands in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import cv2
from PIL import Image, ImageDraw, ImageFont

from detectors.contract.detector import Budget, SelfCheckError, Unlimited
from detectors.contract.exchange import ImagePart, Line, OpaquePart, Origin, Part, TextPart
from detectors.media.decode import Limits, decode, flatten, upright
from detectors.views.ocr.detect import Picture
from detectors.views.ocr.engine import OcrEngine
from detectors.views.ocr.engines.table import EMBEDDED, ENGINES
from detectors.views.ocr.hidden import UNSENT, bgr, hidden_lines
from detectors.views.ocr.looks.faint import METHOD as FAINT
from detectors.views.ocr.looks.faint import stands_out
from detectors.views.ocr.read import order, read
from detectors.views.ocr.recognise import Reading, straighten

SCORE_FLOOR, LONE_FLOOR = 0.5, 0.85
"""Lines that score lower are textures taken for text, or unreadable; see the models' card.

The second holds for a line of a single character, which is the usual misreading of an edge.
"""

MOST_LINES = 400
"""Full pages of newsprint have up to 316. Beyond this a picture counts as not inspected."""

UNREAD_SCORE, UNREAD_LINES, UNREAD_SHARE = 0.6, 3, 0.3
"""From so many lines below the score, and more than this share of all, a picture counts as unread.

Only what is clearly a line of print counts: see ``_is_line``. Of 318 photos and diagrams one was
taken for unread; of 56 pages 15 were, in Arabic, Thai, Korean, Hindi and blurred Japanese.
"""

PRINT_HEIGHT, PRINT_ASPECT = 10, 2.5  # pixels, and width by height

KNOWN_WORD = "Glassgate"


class Ocr:
    """Reads the text in pictures. Any thread may call it: the sessions are shared."""

    name = "ocr"

    def __init__(self, engine: OcrEngine, *, most_lines: int = MOST_LINES) -> None:
        self._engine = engine
        self._most_lines = most_lines
        self.version = engine.version

    @classmethod
    def load(
        cls, engine: str = EMBEDDED, threads: int = 1, *, most_lines: int = MOST_LINES
    ) -> Self:
        """Loads one of ``ENGINES``; ``threads`` inside one inference. Raises ``ModelError``.

        Sets OpenCV, which keeps one setting for the process, to as many threads.
        """
        cv2.setNumThreads(threads)
        return cls(ENGINES[engine](threads), most_lines=most_lines)

    def applies(self, part: Part) -> bool:
        return isinstance(part, ImagePart)

    def reveal(self, part: Part) -> Sequence[Part]:
        """As ``look``, with no limit."""
        return self.look(part, Unlimited())

    def look(self, part: Part, budget: Budget) -> Sequence[Part]:
        """One text part of all lines in reading order, or nothing where no text was read.

        What only another look shows is a part of its own (``ocr:alpha``; see ``hidden.py``), and
        so are lines so faint that a person hardly sees them (``ocr:faint``).
        Text that is there and cannot be read is an ``OpaquePart`` beside it. Raises
        ``MediaError`` for a broken picture and ``TooMuchTextError``.
        """
        if not isinstance(part, ImagePart):
            return ()
        sent = bgr(flatten(upright(decode(part.data, Limits()))))
        every = read(self._engine, sent, self._most_lines)
        legible = [line for line in every if _legible(line)]
        read_by: dict[str, list[Reading]] = {}
        for method, lines in (
            (self.name, legible),
            *hidden_lines(self._engine, part, sent, legible, budget),
        ):
            for line in lines:
                own = _seen(sent, line) if method in {self.name, FAINT} else method
                read_by.setdefault(own, []).append(line)
        found: list[Part] = [
            # What stands in one picture is put in its order; frames follow one another.
            _text(part, method, lines if method in UNSENT else order(lines))
            for method, lines in read_by.items()
        ]
        if _unread(every):
            found.append(
                OpaquePart(
                    pointer=part.pointer,
                    origin=Origin.THIRD_PARTY,
                    parent=part.key,
                    method=f"{self.name}:unread",
                    kind="unread_text",
                    reason="lines of text that could not be read",
                )
            )
        return tuple(found)

    def self_check(self) -> None:
        """Draws a word and reads it. Raises ``SelfCheckError``."""
        image = Image.new("RGB", (320, 96), "white")
        font = ImageFont.load_default(40)
        ImageDraw.Draw(image).text((40, 20), KNOWN_WORD, fill="black", font=font)
        lines = read(self._engine, bgr(image), self._most_lines)
        if [line.text for line in lines] != [KNOWN_WORD]:
            raise SelfCheckError(
                f"ocr: {self.version} did not read the word that it drew; reinstall glassgate, or "
                "the package of the engine"
            )


def _text(part: ImagePart, method: str, readings: Sequence[Reading]) -> TextPart:
    return TextPart(
        pointer=part.pointer,
        origin=Origin.THIRD_PARTY,
        parent=part.key,
        method=method,
        text="\n".join(reading.text for reading in readings),
        lines=_lines(readings),
    )


def _seen(sent: Picture, line: Reading) -> str:
    """The method of a line that the plain reading or the faint look found: by what a person sees.

    The first reads fainter print than that, and the second what the first passed over.
    """
    return Ocr.name if stands_out(straighten(sent, line.quad)) else FAINT


def _legible(reading: Reading) -> bool:
    length = len(reading.text.strip())
    return length > 0 and reading.score >= (LONE_FLOOR if length == 1 else SCORE_FLOOR)


def _unread(readings: Sequence[Reading]) -> bool:
    lines = [reading for reading in readings if _is_line(reading)]
    unsure = sum(line.score < UNREAD_SCORE for line in lines)
    return unsure >= UNREAD_LINES and unsure > UNREAD_SHARE * len(lines)


def _is_line(reading: Reading) -> bool:
    """Wide and tall enough to be print: textures and edges make short or thin boxes."""
    width, height = reading.size
    return height >= PRINT_HEIGHT and width >= PRINT_ASPECT * height


def _lines(readings: Sequence[Reading]) -> tuple[Line, ...]:
    lines, start = [], 0
    for reading in readings:
        box = tuple((float(x), float(y)) for x, y in reading.quad)
        lines.append(Line(text=reading.text, box=box, score=reading.score, start=start))
        start += len(reading.text) + 1
    return tuple(lines)
