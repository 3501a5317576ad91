"""Every OCR engine, by the name that chooses it: a new one is a file and a line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from detectors.views.ocr.engine import OcrEngine
from detectors.views.ocr.engines import openvino, paddleocr, tesseract
from detectors.views.ocr.models import load_embedded

EMBEDDED: Final = "embedded"

ENGINES: Final[dict[str, Callable[[int], OcrEngine]]] = {
    EMBEDDED: load_embedded,
    "openvino": openvino.load,
    "paddleocr": paddleocr.load,
    "tesseract": tesseract.load,
}
"""Each is given the number of threads inside one inference, and raises ``ModelError``."""
