"""What the operator lets the gate fetch, and what of it is told when it was not fetched."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from detectors.media.formats import FORMATS
from service.fetch.address import Network

LINK: Final = "the link is not one that may be fetched"
MANY: Final = "one request may not link to so many parts"
SIZE: Final = "the linked parts of one request are too large"
NOTHING: Final = "nothing usable could be fetched"
"""Said alike of a forbidden address, a closed port, a name or a page that is not there, and of what
is no picture: whoever asks learns nothing of the network that the gate stands in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Whom the gate may ask, and how much it takes.

    ``hosts`` and ``denied`` are globs (``*.example.com`` is every host below it); no ``hosts``
    means any. ``networks`` are let in although they are not public. ``limit`` counts the bytes that
    the parts of one request may have together, ``parts`` their number. ``time_s`` is for one part,
    redirects and waiting included. ``at_once`` go on in a worker, and ``waiting`` more may wait.

    A failure is told on the next stroke of ``stroke_s`` seconds, counted from the beginning, so
    that its time says no more than its words; a connection has to stand before the first.
    """

    schemes: frozenset[str] = frozenset({"https"})
    ports: frozenset[int] = frozenset({80, 443})
    hosts: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()
    limit: int = 20 * 1024 * 1024
    time_s: float = 10.0
    parts: int = 8
    at_once: int = 8
    waiting: int = 64
    stroke_s: float = 2.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kind:
    """What a link may lead to: ``declared`` as its server calls it, ``magic`` as it begins."""

    declared: re.Pattern[str]
    magic: dict[str, re.Pattern[bytes]]

    def media_type(self, data: bytes | bytearray) -> str | None:
        """The media type by the first bytes; None for any other kind of file."""
        return next((name for name, begins in self.magic.items() if begins.match(data)), None)


MAGIC_BYTES: Final = 16
"""So many bytes of a file tell its kind."""

_UNSAID: Final = r"|application/octet-stream|binary/octet-stream"

PICTURE: Final = Kind(
    declared=re.compile(rf"image/[a-z0-9.+-]+{_UNSAID}"),
    magic={form.media_type: form.magic for form in FORMATS.values()},
)
DOCUMENT: Final = Kind(
    declared=re.compile(rf"application/(x-)?pdf{_UNSAID}"),
    magic={"application/pdf": re.compile(rb"%PDF-")},
)


class NotFetched(Exception):
    """Why something was not fetched: ``reason`` may be told to anybody, ``why`` is for the log.

    Both are bounded words, without any of the link.
    """

    def __init__(self, reason: str, why: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.why = why
