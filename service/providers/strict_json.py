"""One strict reading of JSON (RFC 8259), so that no other parser can read it otherwise.

Refused, each with the RFC 6901 pointer of the place: duplicate keys, NaN and infinities, numbers
out of range, trailing data, a byte order mark, bytes that are not UTF-8, lone surrogates, nesting
over ``MAX_DEPTH`` and more than ``MAX_VALUES`` values.
"""

from __future__ import annotations

import json
import math
from typing import Final

from service.errors import BodyTooLarge, Malformed

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None

MAX_DEPTH: Final = 64
MAX_VALUES: Final = 500_000


class _Duplicate:
    """Stands where an object had the same key twice, until its pointer is known."""

    def __init__(self, key: str) -> None:
        self.key = key


class _Constant:
    """Stands where a constant stood that Python reads and JSON does not know."""

    def __init__(self, name: str) -> None:
        self.name = name


def pointer(*steps: str | int) -> str:
    """An RFC 6901 pointer of these steps."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def parse(raw: bytes) -> Json:
    """The value that ``raw`` spells.

    Raises:
        Malformed: it is not strict JSON; the error names the pointer or the offset.
        BodyTooLarge: it holds more than ``MAX_VALUES`` values.
    """
    # A comma or a bracket inside a string counts too: the bound is generous for that.
    if raw.count(b",") + raw.count(b"[") + raw.count(b"{") > MAX_VALUES:
        raise BodyTooLarge(f"the body holds more than {MAX_VALUES} JSON values")
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_object, parse_constant=_Constant)
    except UnicodeDecodeError as error:
        raise Malformed(f"the body is not UTF-8 (byte {error.start})") from None
    except json.JSONDecodeError as error:
        raise Malformed(f"the body is not JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise Malformed(f"the body is nested deeper than {MAX_DEPTH} levels") from None
    except ValueError:
        raise Malformed("the body holds a number out of range") from None
    _examine(value)
    return value  # type: ignore[no-any-return]


def dump(value: Json) -> bytes:
    """The bytes that are sent on: UTF-8, no blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _object(pairs: list[tuple[str, object]]) -> dict[str, object] | _Duplicate:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            return _Duplicate(key)
        found[key] = value
    return found


def _examine(value: object) -> None:
    """Walks without recursion; raises at the first thing that JSON's grammar lets through."""
    waiting: list[tuple[object, tuple[str | int, ...]]] = [(value, ())]
    while waiting:
        node, path = waiting.pop()
        if len(path) > MAX_DEPTH:
            raise Malformed(f"the body is nested deeper than {MAX_DEPTH} levels", pointer(*path))
        if isinstance(node, str):
            _examine_text(node, path)
        elif isinstance(node, float) and not math.isfinite(node):
            raise Malformed("a number is out of range", pointer(*path))
        elif isinstance(node, _Constant):
            raise Malformed(f"{node.name} is not JSON", pointer(*path))
        elif isinstance(node, _Duplicate):
            raise Malformed("an object has the same key twice", pointer(*path, node.key))
        elif isinstance(node, list):
            waiting.extend((item, (*path, index)) for index, item in enumerate(node))
        elif isinstance(node, dict):
            for key in node:
                _examine_text(key, path)
            waiting.extend((item, (*path, key)) for key, item in node.items())


def _examine_text(text: str, path: tuple[str | int, ...]) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Malformed(
            "a text holds a lone surrogate (half of a character)", pointer(*path)
        ) from None
