"""OCR: a thin pipeline over the embedded PP-OCRv6 models, or over another engine."""

from detectors.views.ocr.engines.table import EMBEDDED, ENGINES
from detectors.views.ocr.view import Ocr

__all__ = ["EMBEDDED", "ENGINES", "Ocr"]
