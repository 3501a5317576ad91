"""The protocols of detection: a view reveals, a check judges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar, runtime_checkable

from detectors.contract.exchange import Part, Shown, TextPart
from detectors.contract.finding import Finding

T = TypeVar("T")


class Detector(Protocol):
    """What a view and a check have in common.

    Implementations keep no state between calls and may be called from several threads at once.
    """

    name: str
    version: str

    def self_check(self) -> None:
        """Works on a known input. Raises ``SelfCheckError`` if the answer is not the known one."""
        ...


class View(Detector, Protocol):
    """Derives parts from a part: what it shows, or what it decodes to. Never judges."""

    def applies(self, part: Part) -> bool:
        """Whether this view must run over the part for it to count as inspected."""
        ...

    def reveal(self, part: Part) -> Sequence[Part]:
        """The parts derived from it, each with ``parent`` and ``method``; empty if none.

        Raises any exception when the part could not be read: the run then counts as failed.
        """
        ...


class Budget(Protocol):
    """What the looks of a view at one part may cost together; it takes each down as a run."""

    def spend(self, run: str, look: Callable[[], Sequence[T]]) -> Sequence[T]:
        """What the look shows; nothing, and a run that timed out, where it may not begin any more.

        ``run`` is its name after the view's: ``ocr:faint``. Looks of one name are one run.
        """
        ...


class Unlimited:
    """A budget that is never spent, and takes nothing down."""

    def spend(self, run: str, look: Callable[[], Sequence[T]]) -> Sequence[T]:  # noqa: ARG002
        """What the look shows."""
        return look()


@runtime_checkable
class Looking(View, Protocol):
    """A view that may look in several ways, each a run of its own."""

    def look(self, part: Part, budget: Budget) -> Sequence[Part]:
        """As ``reveal``, within a budget for all but the plain reading, which is made whole.

        What only a look shows has that run's name as its ``method``.
        """
        ...


class Check(Detector, Protocol):
    """Scores texts. Never decides."""

    def judge(self, texts: Sequence[TextPart]) -> Sequence[Sequence[Finding]]:
        """For each text its findings, in the order of the texts; empty where nothing scored."""
        ...


@runtime_checkable
class Comparison(Check, Protocol):
    """A check that judges answers by what the model was shown; of a request it judges nothing."""

    def beside(self, shown: Shown) -> Check:
        """The same for answers to what was shown; by its version its verdicts are told apart."""
        ...


class Memory(Protocol):
    """Scores by content, kept between calls by whoever runs the checks."""

    def scores(self, key: str) -> bytes | None:
        """What was kept under this key, or None."""
        ...

    def put_scores(self, key: str, scores: bytes) -> None: ...


@runtime_checkable
class Windowed(Check, Protocol):
    """A check that reads a text in windows, of which the full ones stay when the text grows."""

    def remembering(self, memory: Memory) -> Check:
        """The same, with what was scored ahead taken from there."""
        ...

    def ahead(self, text: TextPart) -> None:
        """Scores full windows of a text that still grows, a few at a time, and remembers them."""
        ...


class DetectorError(Exception):
    """Root of what a detector may raise on purpose; its message holds no payload.

    DetectorError
    ├── ModelError       a model file is missing, broken or not the one expected
    ├── SelfCheckError   a loaded detector did not give its known answer
    ├── MediaError       (detectors.media.decode) bytes that are not the picture they claim to be
    └── DocumentError    (detectors.views.document.kinds) a document that cannot be read whole
    """


class ModelError(DetectorError):
    """A model file is missing, broken or not the one expected."""


class SelfCheckError(DetectorError):
    """A loaded detector did not give its known answer."""
