"""Walks a TIFF's pages without decoding them (TIFF 6.0, section 2)."""

from __future__ import annotations

import struct
from typing import Final, TypeAlias

MOST_PAGES: Final = 2_000
MOST_ENTRIES: Final = 1_000
"""Of one page; a plain one has a dozen."""

WIDTH: Final = 256
HEIGHT: Final = 257
TEXT: Final = frozenset({1, 2, 6, 7})
"""Types of entries that hold bytes."""
_PLACES: Final = ((273, 279), (324, 325))
"""Where a page's strips or tiles begin, and the bytes of each."""
_SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_LONG: Final = 4
_NUMBERS: Final = {1: "B", 3: "H", 4: "I"}
_TILE: Final = (322, 323)
MOST_TILE: Final = 1024
"""Pixels of a tile's side that is longer than its page's."""
MOST_NUMBERS: Final = 200_000
"""Looked at of one entry: there is one for each strip."""

Page: TypeAlias = dict[int, tuple[int, memoryview, str]]
"""Entries by their tags: the type, the bytes, and the order of bytes as ``struct`` writes it."""


def pages(data: bytes) -> tuple[list[Page], bool]:
    """The pages in their order, and whether the last of them was come to in a sound way."""
    view = memoryview(data)  # many entries may name the same bytes: none is copied
    order = "<" if data.startswith(b"II") else ">"
    found: list[Page] = []
    seen: set[int] = set()
    at = _number(data, 4, order + "I")
    while at and at not in seen and len(found) < MOST_PAGES:
        seen.add(at)
        count = _number(data, at, order + "H")
        end = at + 2 + 12 * count
        if not 0 < count <= MOST_ENTRIES or end + 4 > len(data):
            return found, False
        found.append(_page(view[at + 2 : end], view, order))
        at = _number(data, end, order + "I")
    return found, bool(found) and not at


def size(page: Page) -> tuple[int, int]:
    """Width and height in pixels."""
    sides = [max([0, *numbers(page, tag)]) for tag in (WIDTH, HEIGHT)]
    return sides[0], sides[1]


def whole(page: Page, length: int) -> bool:
    """Whether all of a page's pixels lie in a file of so many bytes, in tiles no larger than it."""
    ends = [
        start + count
        for starts, counts in _PLACES
        for start, count in zip(numbers(page, starts), numbers(page, counts), strict=False)
    ]
    longest = max(MOST_TILE, *size(page))
    fits = all(side <= longest for tag in _TILE for side in numbers(page, tag))
    return bool(ends) and max(ends) <= length and fits


def numbers(page: Page, tag: int) -> tuple[int, ...]:
    """The whole numbers of an entry; none if it is not there or holds another type."""
    if tag not in page or page[tag][0] not in _NUMBERS:
        return ()
    kind, value, order = page[tag]
    count = min(MOST_NUMBERS, len(value) // _SIZES[kind])
    return struct.unpack(f"{order}{count}{_NUMBERS[kind]}", value[: count * _SIZES[kind]])


def _page(entries: memoryview, data: memoryview, order: str) -> Page:
    page: Page = {}
    for tag, kind, count, at in struct.iter_unpack(f"{order}HHII", entries):
        length = count * _SIZES.get(kind, 0)
        if not length:
            continue
        # A value of up to 4 bytes stands where the place of a longer one would.
        short = length <= _SIZES[_LONG]
        value = memoryview(struct.pack(f"{order}I", at)) if short else data[at:]
        value = value[:length]
        if len(value) == length:
            page[tag] = (kind, value, order)
    return page


def _number(data: bytes, at: int, form: str) -> int:
    length = struct.calcsize(form)
    return int(struct.unpack(form, data[at : at + length])[0]) if at + length <= len(data) else 0
