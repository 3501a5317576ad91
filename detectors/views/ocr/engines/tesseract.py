"""The engine ``tesseract``: finds lines as the embedded one, and reads them with Tesseract.

It reads every language whose data is installed, and so scripts that the embedded models do not
know. Tesseract's own search for lines is not used: it is made for scanned pages, and overlooks what
stands on photos or on its side.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from detectors.views.ocr.detect import Picture, Quad
from detectors.views.ocr.engines.extra import EngineError, Foreign, library, said
from detectors.views.ocr.models import Models, load_models
from detectors.views.ocr.read import DOUBTFUL
from detectors.views.ocr.recognise import LONGEST, Reading, straighten

DATA: Final = "TESSDATA_PREFIX"
"""The environment variable that names the folder with Tesseract's data, as its own program's."""

USUAL: Final = (
    "/usr/share/tesseract-ocr/5/tessdata",
    "/usr/share/tesseract-ocr/4.00/tessdata",
    "/usr/share/tessdata",
    "/usr/local/share/tessdata",
)
"""Where distributions keep it."""

NO_LANGUAGES: Final = frozenset({"osd", "equ"})
"""Data that comes along and reads no text."""

HEIGHT: Final = 40
"""Pixels of a line that is read: Tesseract's networks bring it to 36 or 48."""
MARGIN: Final = 10
"""Pixels of paper around it, without which first and last letters are lost."""

Levels = npt.NDArray[np.uint8]
"""Height x width: how light each pixel is."""


class Tesseract:
    """An ``OcrEngine``. Any thread may call it: each has a Tesseract of its own."""

    def __init__(self, finder: Models, tesserocr: Foreign, data: str, languages: str) -> None:
        release = tesserocr.tesseract_version().split()[1]
        self.version = f"tesseract-{release}+{languages}+{finder.version}"
        self._finder = finder
        self._tesserocr = tesserocr
        self._setup = {
            "path": data,
            "lang": languages,
            "psm": tesserocr.PSM.RAW_LINE,
            "oem": tesserocr.OEM.LSTM_ONLY,
        }
        self._own = threading.local()

    def find(self, picture: Picture) -> list[Quad]:
        return self._finder.find(picture)

    def recognise(self, picture: Picture, quads: Sequence[Quad]) -> list[Reading]:
        if not hasattr(self._own, "reader"):
            self._own.reader = self._tesserocr.PyTessBaseAPI(**self._setup)
        return [self._read(straighten(picture, quad), quad) for quad in quads]

    def _read(self, line: Picture, quad: Quad) -> Reading:
        """In levels of grey; where that is doubtful, in black and white too, as over a photo."""
        ink = inked(line)
        text, score = self._ask(ink)
        if score < DOUBTFUL:
            _, hard = cv2.threshold(ink, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
            text, score = max((text, score), self._ask(np.asarray(hard)), key=lambda one: one[1])
        return Reading(text, score, quad)

    def _ask(self, ink: Levels) -> tuple[str, float]:
        if ink.min() == ink.max():
            return "", 0.0  # else Tesseract sees a mark on plain paper
        reader, (height, width) = self._own.reader, ink.shape
        reader.SetImageBytes(ink.tobytes(), width, height, 1, width)
        text = " ".join(reader.GetUTF8Text().split())
        sure = reader.AllWordConfidences()
        return text, sum(sure) / len(sure) / 100 if sure and text else 0.0


def load(threads: int = 1) -> Tesseract:
    """Tesseract with all its languages; ``threads`` in one search for lines. ``ModelError``."""
    tesserocr = library("tesserocr", "tesseract")
    data, languages = _languages(tesserocr, _folders())
    engine = Tesseract(load_models(threads=threads), tesserocr, data, languages)
    try:
        engine.recognise(np.full((HEIGHT, HEIGHT, 3), 255, np.uint8), [_corners(HEIGHT)])
    except RuntimeError as error:
        raise EngineError(
            f"Tesseract cannot load {languages} of {data} ({said(error)})",
            "install its language data again",
        ) from error
    return engine


def inked(line: Picture) -> Levels:
    """The line as dark letters on light paper with a margin.

    Levels are taken along the direction in which its colours differ most, so that letters as
    bright as their paper stand out too.
    """
    height, width = line.shape[:2]
    size = (min(LONGEST, max(1, round(width * HEIGHT / height))), HEIGHT)
    pixels = np.float32(cv2.resize(line, size, interpolation=cv2.INTER_CUBIC).reshape(-1, 3))
    apart = pixels - pixels.mean(axis=0)
    _, axes = np.linalg.eigh(apart.T @ apart)
    level = (apart @ axes[:, -1]).reshape(size[::-1])
    low, high = np.percentile(level, (1, 99))
    if high - low < 1:
        return np.full((HEIGHT + 2 * MARGIN, size[0] + 2 * MARGIN), 255, np.uint8)
    edge = np.concatenate([level[0], level[-1], level[:, 0], level[:, -1]])
    if np.median(edge) < (low + high) / 2:
        level, low, high = -level, -high, -low
    grey = np.clip((level - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
    return np.pad(grey, MARGIN, constant_values=255)


def _folders() -> Iterable[Path]:
    named = os.environ.get(DATA)
    return (Path(named), Path(named) / "tessdata") if named else map(Path, USUAL)


def _languages(tesserocr: Foreign, folders: Iterable[Path]) -> tuple[str, str]:
    """The first folder that holds languages, and these, joined as Tesseract asks for them."""
    for folder in folders:
        if folder.is_dir():
            _, known = tesserocr.get_languages(str(folder))
            languages = "+".join(sorted({*known} - NO_LANGUAGES))
            if languages:
                return str(folder), languages
    raise EngineError(
        "Tesseract has no language data",
        f"run apt-get install tesseract-ocr-eng, or name the folder with {DATA}",
    )


def _corners(side: int) -> Quad:
    return np.array([[0, 0], [side, 0], [side, side], [0, side]], dtype=np.float32)
