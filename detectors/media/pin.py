"""Pin: from here on, the bytes that are inspected are the bytes that are sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from detectors.contract.exchange import Exchange, ImagePart, Part
from detectors.media.canonical import canonicalise
from detectors.media.decode import Limits, MediaError, inspect_header
from detectors.media.sizes import SizeRule, bound_for

MOST_PICTURES: Final = 100  # a call: each costs a decoding and a reading
MOST_PIXELS: Final = 200_000_000  # a call, all pictures together, as their headers say


class PictureRefused(MediaError):
    """A picture of this exchange cannot be pinned; ``pointer`` says which."""

    def __init__(self, pointer: str, reason: str) -> None:
        super().__init__(reason)
        self.pointer = pointer


def pin(exchange: Exchange, sizes: Sequence[SizeRule], limits: Limits) -> Exchange:
    """The exchange with each picture as the model will be shown it.

    Raises:
        PictureRefused: one of them is broken, too large, or of a format that is not allowed, or
            they are too many.
    """
    pictures = [part for part in exchange.parts() if isinstance(part, ImagePart)]
    _afford(pictures, limits)
    pinned = {part.key: _pinned(part, exchange.model, sizes, limits) for part in pictures}
    messages = tuple(
        replace(message, parts=tuple(pinned.get(part.key, part) for part in message.parts))
        for message in exchange.messages
    )
    return replace(exchange, messages=messages)


def _afford(pictures: Sequence[ImagePart], limits: Limits) -> None:
    """Looks at the headers alone: what all of it would cost is known before any is decoded."""
    pixels = 0
    for number, part in enumerate(pictures, 1):
        with _named(part):
            header = inspect_header(part.data, limits)
        pixels += header.width * header.height
        if number > MOST_PICTURES:
            raise PictureRefused(part.pointer, f"one call may hold {MOST_PICTURES} pictures")
        if pixels > MOST_PIXELS:
            raise PictureRefused(
                part.pointer, f"the pictures of one call may have {MOST_PIXELS} pixels together"
            )


def _pinned(part: ImagePart, model: str, sizes: Sequence[SizeRule], limits: Limits) -> Part:
    with _named(part):
        bound = bound_for(model, part.detail, sizes)
        picture = canonicalise(part.data, part.media_type, bound=bound, limits=limits)
    original = part.original if picture.data == part.data else part.data
    return replace(part, data=picture.data, media_type=picture.media_type, original=original)


@contextmanager
def _named(part: ImagePart) -> Iterator[None]:
    """Whatever is wrong in the block is said of this part."""
    try:
        yield
    except MediaError as error:
        raise PictureRefused(part.pointer, str(error)) from None
