"""Putting a streamed answer together, as the official SDKs do."""

from __future__ import annotations

from typing import Final

from service.providers.fields import Object
from service.providers.strict_json import Json

# Sent once for an item, and again by some servers: the last one stands.
REPLACED: Final = frozenset({"index", "type", "finish_reason"})


def merge(whole: Object, delta: Object) -> None:
    """Adds ``delta`` in place: strings grow, items of one index meet, other values replace."""
    for name, value in delta.items():
        known = whole.get(name)
        if value is None and known is not None:
            continue
        if isinstance(known, str) and isinstance(value, str) and name not in REPLACED:
            whole[name] = known + value
        elif isinstance(known, dict) and isinstance(value, dict):
            merge(known, value)
        elif isinstance(known, list) and isinstance(value, list):
            _merge_items(known, value)
        else:
            whole[name] = value


def _merge_items(known: list[Json], added: list[Json]) -> None:
    for item in added:
        index = item.get("index") if isinstance(item, dict) else None
        twin = next(
            (old for old in known if isinstance(old, dict) and old.get("index") == index), None
        )
        if index is None or twin is None or not isinstance(item, dict):
            known.append(item)
        else:
            merge(twin, item)
