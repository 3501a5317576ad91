"""Every detector, by name: the one visible list. A new one is a file and a line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from detectors.checks.classifier import Classifier
from detectors.checks.patterns import Patterns
from detectors.contract.detector import Check, View
from detectors.views.decode.view import Decode
from detectors.views.document.view import Document
from detectors.views.metadata import Metadata
from detectors.views.normalise import Normalise
from detectors.views.ocr import Ocr
from detectors.views.qr import Qr
from detectors.views.tool_call import ToolCall

# In the order in which they run; what one view derives, the others see.
VIEWS: Final[dict[str, Callable[[], View]]] = {
    "document": Document,
    "ocr": Ocr.load,
    "qr": Qr,
    "metadata": Metadata,
    "tool_call": ToolCall,
    "normalise": Normalise.load,
    "decode": Decode.load,
}
CHECKS: Final[dict[str, Callable[[], Check]]] = {
    "classifier": Classifier.load,
    "patterns": Patterns,
}
