"""Verdicts by content: a chat sends its history again each turn, and pays only for what is new.

So does a streamed answer, which is judged whole at its end: it pays for those windows then that
were not scored ahead.

The second of the two seams of scale-out: what is kept is serialisable, so a shared store can
stand behind the same methods.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeVar

from detectors.contract.detector import Detector
from detectors.contract.exchange import DocumentPart, ImagePart, Part, TextPart
from detectors.contract.finding import Finding

V = TypeVar("V")


def content_key(detector: Detector, part: TextPart | ImagePart | DocumentPart) -> str:
    """A hash of all that the detector's answer depends on: its version, and the part's content."""
    content = part.text.encode(errors="surrogatepass") if isinstance(part, TextPart) else part.data
    digest = hashlib.sha256()
    for field in (detector.name, detector.version, type(part).__name__, part.origin):
        digest.update(field.encode() + b"\0")
    digest.update(content)
    if isinstance(part, DocumentPart):
        digest.update(b"\0" + part.media_type.encode(errors="surrogatepass"))
    if isinstance(part, ImagePart) and part.original is not None:
        digest.update(b"\0" + hashlib.sha256(part.original).digest())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Revealed:
    """What a view derived from a part, and the names of the looks that it took at it."""

    parts: tuple[Part, ...]
    looks: tuple[str, ...] = ()


class VerdictCache:
    """The last ``size`` answers of views and of checks, and as many scores of single windows.

    In process; thread-safe. 0 keeps nothing.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._findings: OrderedDict[str, tuple[Finding, ...]] = OrderedDict()
        self._revealed: OrderedDict[str, Revealed] = OrderedDict()
        self._scores: OrderedDict[str, bytes] = OrderedDict()

    @property
    def keeps(self) -> bool:
        """Whether anything is kept."""
        return self._size > 0

    def findings(self, key: str) -> tuple[Finding, ...] | None:
        """What a check found in this content, or None if it has not judged it."""
        return self._get(self._findings, key)

    def put_findings(self, key: str, found: tuple[Finding, ...]) -> None:
        self._put(self._findings, key, found)

    def revealed(self, key: str) -> Revealed | None:
        """What a view derived from this content, or None if it has not read it."""
        return self._get(self._revealed, key)

    def put_revealed(self, key: str, revealed: Revealed) -> None:
        self._put(self._revealed, key, revealed)

    def scores(self, key: str) -> bytes | None:
        """The scores of a window, as the check wrote them, or None if it was not scored ahead."""
        return self._get(self._scores, key)

    def put_scores(self, key: str, scores: bytes) -> None:
        self._put(self._scores, key, scores)

    def _get(self, store: OrderedDict[str, V], key: str) -> V | None:
        with self._lock:
            if key in store:
                store.move_to_end(key)
            return store.get(key)

    def _put(self, store: OrderedDict[str, V], key: str, value: V) -> None:
        with self._lock:
            store[key] = value
            while len(store) > self._size:
                store.popitem(last=False)
