"""Every place in a JSON value, and the value with another thing in one of them."""

from __future__ import annotations

import copy
from collections.abc import Iterator

from service.providers.strict_json import Json

Place = tuple[str | int, ...]


def places(value: Json, at: Place = ()) -> Iterator[Place]:
    """The way to every value inside, the whole excepted."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*at, key)
            yield from places(item, (*at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield (*at, index)
            yield from places(item, (*at, index))


def replaced(value: Json, place: Place, new: Json) -> Json:
    """A copy with ``new`` at ``place``."""
    whole = copy.deepcopy(value)
    inner = whole
    *way, last = place
    for step in way:
        inner = inner[step]  # type: ignore[index]
    inner[last] = new  # type: ignore[index]
    return whole
