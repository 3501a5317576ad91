"""Pin: from here on, the bytes that are inspected are the bytes that are sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from detectors.contract.exchange import Exchange, ImagePart, Part
from detectors.media.canonical import canonicalise
from detectors.media.decode import Limits, MediaError
from detectors.media.sizes import SizeRule, bound_for

MOST_PICTURES: Final = 100  # a call: each costs a decoding and a reading


class PictureRefused(MediaError):
    """A picture of this exchange cannot be pinned; ``pointer`` says which."""

    def __init__(self, pointer: str, reason: str) -> None:
        super().__init__(reason)
        self.pointer = pointer


def pin(exchange: Exchange, sizes: Sequence[SizeRule], limits: Limits) -> Exchange:
    """The exchange with each picture as the model will be shown it.

    Raises:
        PictureRefused: one of them is broken, too large, or of a format that is not allowed.
    """
    pictures = [part for part in exchange.parts() if isinstance(part, ImagePart)]
    if len(pictures) > MOST_PICTURES:
        raise PictureRefused(pictures[MOST_PICTURES].pointer, f"more than {MOST_PICTURES} pictures")
    pinned = {part.key: _pinned(part, exchange.model, sizes, limits) for part in pictures}
    messages = tuple(
        replace(message, parts=tuple(pinned.get(part.key, part) for part in message.parts))
        for message in exchange.messages
    )
    return replace(exchange, messages=messages)


def _pinned(part: ImagePart, model: str, sizes: Sequence[SizeRule], limits: Limits) -> Part:
    bound = bound_for(model, part.detail, sizes)
    try:
        picture = canonicalise(part.data, part.media_type, bound=bound, limits=limits)
    except MediaError as error:
        raise PictureRefused(part.pointer, str(error)) from None
    return replace(part, data=picture.data, media_type=picture.media_type)
