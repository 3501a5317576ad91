"""What reads: the embedded models, or another OCR engine in their place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from detectors.views.ocr.detect import Picture, Quad
from detectors.views.ocr.recognise import Reading


class OcrEngine(Protocol):
    """Finds the lines of text in a picture, and reads them. Any thread may call it.

    The two are asked one after the other: which lines are read, and which way up, is decided
    between them.
    """

    @property
    def version(self) -> str:
        """Names engine and models: two that may read differently never have the same."""
        ...

    def find(self, picture: Picture) -> list[Quad]:
        """Where lines stand, in pixels of the picture, in any order. None in an empty picture."""
        ...

    def recognise(self, picture: Picture, quads: Sequence[Quad]) -> list[Reading]:
        """What each line says, in the order given.

        A line is read from its quad's first corner towards its second: it may be turned or
        mirrored. What cannot be read is an empty text of score 0. A score is comparable to the
        embedded engine's: the floors of the view are set for those.
        """
        ...
