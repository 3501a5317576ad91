"""What the shared suite of the dialects asks of each of them: one ``SAMPLE`` a file, by dialect."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from service.providers.sse import Event
from service.providers.strict_json import Json

PIXEL = b"not decoded here"
DATA = base64.b64encode(PIXEL).decode()
DATA_URI = f"data:image/png;base64,{DATA}"

Picture = tuple[bytes, str, str | None]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One request of a dialect that holds something of everything, and what must be seen.

    ``seen`` holds pointer, origin, and the text or kind of each part; ``pictures`` the bytes, type
    and detail of each picture, in the same order. ``answered`` holds pointer and text or kind.
    ``stream`` spells ``answer``; a dialect that has no stream leaves it empty. ``settings`` are the
    places whose inside is no content, so that nothing there is inspected. Where an answer has no
    place for words, a dialect ``refuses`` by an error only; where a request has none for a text in
    place of a picture, it ``drops`` none. ``calls`` maps the pointers of tools' calls, and of what
    they brought, to the id of the call and the tool's name; so do ``answered_calls``.
    ``thoughts`` and ``answered_thoughts`` are the pointers of what the model thought.
    """

    body: Json
    seen: list[tuple[str, str, str]]
    answer: Json
    answered: list[tuple[str, str]]
    calls: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    answered_calls: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    thoughts: frozenset[str] = frozenset()
    answered_thoughts: frozenset[str] = frozenset()
    pictures: Sequence[Picture] = ((PIXEL, "image/png", None),)
    stream: Sequence[Event] = ()
    settings: frozenset[str] = frozenset()
    instructs: bool = True
    refuses: bool = True
    drops: bool = True
