"""OCR: a thin pipeline over the embedded PP-OCRv6 models."""

from detectors.views.ocr.view import Ocr

__all__ = ["Ocr"]
