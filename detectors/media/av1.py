"""The size of an AVIF's pixels as their own headers say, which may be another than the file's.

A decoder takes memory by the former. Sources: ISO/IEC 14496-12 (boxes, ``iloc``), the AV1 bitstream
specification, 5.3 to 5.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

MOST_PIECES: Final = 1_000
"""Boxes, items, an item's extents, and its units; a still picture has a few dozen of each."""

_SEQUENCE: Final = 1
"""The type of the unit that says how large frames may be."""
_ONCE: Final = frozenset({b"meta", b"iinf", b"iloc", b"idat"})
_WIDE: Final = 3
"""The version of an item's entry from which its number has 4 bytes."""
_TIERED: Final = 7
"""The level above which a header says the tier, too."""
_NEVER: Final = 0x81
"""Bits that are not set in a unit's first byte."""
_MORE: Final = 0x80
"""In a length's byte: another follows."""
_LONGEST: Final = 8
"""Bytes of a length (4.10.5)."""
_HEAD: Final = 64
"""Bytes of such a unit that hold all that is read of it."""


class Unfit(Exception):
    """A file that is made in another way than a still picture is."""


def largest(data: bytes) -> int:
    """The most pixels that any AV1 stream of a still picture claims. Raises ``Unfit``."""
    boxes = dict(_boxes(data, 0, len(data)))
    if b"moov" in boxes or b"meta" not in boxes:
        raise Unfit
    start, end = boxes[b"meta"]
    inner = dict(_boxes(data, start + 4, end))
    if not {b"iinf", b"iloc"} <= inner.keys():
        raise Unfit
    streams = set(_streams(data, *inner[b"iinf"]))
    items = _items(data, *inner[b"iloc"], inner.get(b"idat", (0, 0)))
    return max((_pixels(item) for name, item in items if name in streams), default=0)


def _streams(data: bytes, start: int, end: int) -> Iterator[int]:
    """The numbers of the items that ``iinf`` calls AV1 streams."""
    counted = 4 if _Reader(data[start:end]).take(4) >> 24 else 2
    for _, (at, until) in _boxes(data, start + 4 + counted, end):
        told = _Reader(data[at:until])
        number = told.take(2 if told.take(4) >> 24 < _WIDE else 4)
        told.take(2)
        if told.take(4) == int.from_bytes(b"av01", "big"):
            yield number


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Each box's kind, and where its content begins and ends."""
    seen: list[bytes] = []
    while at + 8 <= end:
        size, kind, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        size = size or end - at
        # Of two that say where things are, readers may take either.
        twice = kind in _ONCE and kind in seen
        if size < head or at + size > end or twice or len(seen) == MOST_PIECES:
            raise Unfit
        seen.append(kind)
        yield kind, (at + head, at + size)
        at += size


class _Reader:
    """Whole numbers of so many bytes, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, size: int) -> int:
        if self._at + size > len(self._data):
            raise Unfit
        value = int.from_bytes(self._data[self._at : self._at + size], "big")
        self._at += size
        return value


def _items(
    data: bytes, start: int, end: int, stored: tuple[int, int]
) -> Iterator[tuple[int, bytes]]:
    """The number and the bytes of each item that ``iloc`` tells of, pictures or not."""
    told = _Reader(data[start:end])
    version = told.take(4) >> 24
    sizes = told.take(2)
    offset, length, base, index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    wide = 4 if version > 1 else 2
    left = len(data)  # no two items need the same bytes
    for _ in range(_few(told.take(wide))):
        number = told.take(wide)
        inside = told.take(2) & 15 if version else 0
        told.take(2)
        begin = told.take(base)
        pieces = []
        for _ in range(_few(told.take(2))):
            told.take(index if version else 0)
            at, size = begin + told.take(offset), told.take(length)
            low, high = stored if inside == 1 else (0, len(data))
            size = size or high - low - at
            left -= size
            if inside > 1 or low + at + size > high or left < 0:
                raise Unfit
            pieces.append(data[low + at : low + at + size])
        yield number, b"".join(pieces)


def _few(count: int) -> int:
    if count > MOST_PIECES:
        raise Unfit
    return count


def _pixels(item: bytes) -> int:
    """The most that an AV1 stream's headers claim; 0 for what is none."""
    at, most = 0, 0
    for _ in range(MOST_PIECES):
        if at >= len(item) or item[at] & _NEVER:
            return most
        kind, extended, sized = item[at] >> 3 & 15, item[at] >> 2 & 1, item[at] >> 1 & 1
        at += 1 + extended
        size = len(item) - at
        if sized:
            size, at = _length(item, at)
        if kind == _SEQUENCE:
            most = max(most, _claimed(item[at : at + min(size, _HEAD)]))
        at += size
    raise Unfit


def _length(item: bytes, at: int) -> tuple[int, int]:
    """A number of as many bytes as it needs (4.10.5), and where it ends."""
    size = 0
    for shift, byte in enumerate(item[at : at + _LONGEST]):
        size |= (byte & ~_MORE) << 7 * shift
        if byte < _MORE:
            return size, at + shift + 1
    raise Unfit


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise Unfit
        return self._value >> self._left & ((1 << count) - 1)


def _claimed(head: bytes) -> int:
    """Width x height of a sequence header (5.5.1)."""
    bits = _Bits(head)
    bits.take(4)
    if bits.take(1):  # reduced_still_picture_header
        bits.take(5)
    else:
        if bits.take(1):  # timing: no still picture has any
            raise Unfit
        delayed = bits.take(1)
        for _ in range(bits.take(5) + 1):
            bits.take(12)
            if bits.take(5) > _TIERED:
                bits.take(1)
            if delayed and bits.take(1):
                bits.take(4)
    wide, tall = bits.take(4) + 1, bits.take(4) + 1
    return (bits.take(wide) + 1) * (bits.take(tall) + 1)
