"""Every detector, by name: the one visible list. A new one is a file and a line here."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from detectors.checks.classifier import Classifier
from detectors.checks.echo import Echo
from detectors.checks.links import Links
from detectors.checks.orders import Orders
from detectors.checks.patterns import Patterns
from detectors.checks.people import People
from detectors.checks.places import Places
from detectors.contract.detector import Check, View
from detectors.views.decode.view import Decode
from detectors.views.document.view import Document
from detectors.views.faces import Faces, installed
from detectors.views.metadata import Metadata
from detectors.views.normalise import Normalise
from detectors.views.ocr import EMBEDDED, Ocr
from detectors.views.qr import Qr
from detectors.views.tool_call import ToolCall

# In the order in which they run, of a picture the cheap ones first: what begins after its budget is
# a gap. What one view derives, the others see.
VIEWS: Final[dict[str, Callable[[], View]]] = {
    "document": Document,
    "metadata": Metadata,
    "qr": Qr,
    **({"faces": Faces.load} if installed() else {}),
    "ocr": Ocr.load,
    "tool_call": ToolCall,
    "normalise": Normalise.load,
    "decode": Decode.load,
}
CHECKS: Final[dict[str, Callable[[], Check]]] = {
    "classifier": Classifier.load,
    "patterns": Patterns,
    "orders": Orders,
    "people": People,
    "places": Places.load,
    "links": Links,
    "echo": Echo,
}


def views(ocr: str = EMBEDDED) -> dict[str, Callable[[], View]]:
    """The views, pictures read by this one of ``detectors.views.ocr.ENGINES``."""
    return {**VIEWS, "ocr": partial(Ocr.load, ocr)}
