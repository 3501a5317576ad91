"""Walks a picture file without decoding it: size, frames, and whether it holds anything extra.

Extra is whatever a plain picture does not need: EXIF, XMP, profiles, comments, text, thumbnails,
further frames, bytes after the end. Sources: the PNG specification (third edition), ITU-T T.81
annex B for JPEG, RFC 9649 for WebP, the GIF89a specification, Windows' BITMAPINFOHEADER, TIFF 6.0.
AVIF and HEIC are told by their decoders' own parsers, which look at no pixel either.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Final

from PIL import Image

from detectors.media import tiff
from detectors.media.av1 import Unfit, largest

MOST_PIECES = 200_000
"""A file in more chunks, segments or blocks than this is taken for broken (bounded work)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """What a file's own structure says.

    ``format`` is Pillow's name for it, ``frames`` 1 for a still picture. ``plain`` is True only
    if the file holds nothing but its pixels, 8 bits or fewer to a channel. ``claimed`` are the
    pixels that its decoder takes memory for, where they may be more than width x height.
    """

    format: str
    width: int
    height: int
    frames: int = 1
    plain: bool = False
    truncated: bool = False
    claimed: int = 0


def examine(data: bytes, form: str) -> Structure | None:
    """The structure of a file that begins as this format does; None if it has none."""
    return _WALKS[form](data)


def _big(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "big")


def _little(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")


_PNG_NEEDED = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS"}


def _png(data: bytes) -> Structure:
    width, height, depth = _big(data, 16, 4), _big(data, 20, 4), data[24:25]
    at, frames, sound = 8, 1, True
    kinds: list[bytes] = []
    while at + 12 <= len(data) and len(kinds) < MOST_PIECES:
        size, kind = _big(data, at, 4), data[at + 4 : at + 8]
        end = at + 12 + size
        if kind == b"acTL":
            frames = max(1, _big(data, at + 8, 4))
        kinds.append(kind)
        if end > len(data) or kind == b"IEND":
            at = end
            break
        sound = sound and zlib.crc32(data[at + 4 : end - 4]) == _big(data, end - 4, 4)
        at = end
    whole = kinds[:1] == [b"IHDR"] and kinds[-1:] == [b"IEND"] and at <= len(data)
    plain = sound and at == len(data) and set(kinds) <= _PNG_NEEDED and depth != b"\x10"
    return Structure(
        format="PNG", width=width, height=height, frames=frames, plain=plain, truncated=not whole
    )


_ENTROPY_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""The next marker that is not a restart: where a scan's entropy-coded data ends."""

_SOS, _EOI, _MARKER = 0xDA, b"\xff\xd9", 0xFF
_EIGHT_BITS = 8
_SIZES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_JPEG_NEEDED = {0xC0, 0xC1, 0xC2, 0xC4, 0xDA, 0xDB, 0xDD}
_PLAIN_APPS = {0xE0: (b"JFIF\0", 16), 0xEE: (b"Adobe", 14)}
"""JFIF without a thumbnail and Adobe's colour transform: the length field of each is fixed."""


def _jpeg(data: bytes) -> Structure:
    width = height = 0
    at, plain, ended = 2, True, False
    for _ in range(MOST_PIECES):
        if at + 4 > len(data) or data[at] != _MARKER:
            break
        marker, size = data[at + 1], _big(data, at + 2, 2)
        if marker in _SIZES and not width:
            height, width = _big(data, at + 5, 2), _big(data, at + 7, 2)
            plain = plain and data[at + 4] == _EIGHT_BITS
        if marker in _PLAIN_APPS:
            name, fixed = _PLAIN_APPS[marker]
            plain = plain and size == fixed and data.startswith(name, at + 4)
        else:
            plain = plain and marker in _JPEG_NEEDED
        at += 2 + size
        if marker == _SOS:
            found = _ENTROPY_END.search(data, at)
            at = found.start() if found else len(data)
            if data[at : at + 2] == _EOI:
                at, ended = at + 2, True
                break
    plain = plain and at == len(data)
    return Structure(format="JPEG", width=width, height=height, plain=plain, truncated=not ended)


def _webp(data: bytes) -> Structure:
    kind = data[12:16]
    width, height = _webp_size(data, kind)
    whole = 8 + _little(data, 4, 4) <= len(data)
    frames, at, pieces = 0, 12, 0
    while kind == b"VP8X" and at + 8 <= len(data) and pieces < MOST_PIECES:
        frames += data[at : at + 4] == b"ANMF"
        at += 8 + _little(data, at + 4, 4) + _little(data, at + 4, 4) % 2
        pieces += 1
    only = 12 + 8 + _little(data, 16, 4) + _little(data, 16, 4) % 2
    plain = kind in {b"VP8 ", b"VP8L"} and only == len(data) == 8 + _little(data, 4, 4)
    return Structure(
        format="WEBP",
        width=width,
        height=height,
        frames=max(1, frames),
        plain=plain,
        truncated=not whole or pieces == MOST_PIECES,
    )


def _webp_size(data: bytes, kind: bytes) -> tuple[int, int]:
    if kind == b"VP8X":
        return 1 + _little(data, 24, 3), 1 + _little(data, 27, 3)
    if kind == b"VP8L":
        bits = _little(data, 21, 4)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return _little(data, 26, 2) & 0x3FFF, _little(data, 28, 2) & 0x3FFF


_GIF_EXTENSION, _GIF_IMAGE = b"\x21", b"\x2c"


def _gif(data: bytes) -> Structure:
    width, height, flags = _little(data, 6, 2), _little(data, 8, 2), data[10:11] or b"\0"
    at, frames, pieces = 13 + _table(flags[0]), 0, 0
    while data[at : at + 1] in {_GIF_EXTENSION, _GIF_IMAGE} and pieces < MOST_PIECES:
        if data[at : at + 1] == _GIF_IMAGE:
            frames += 1
            at += 11 + _table((data[at + 9 : at + 10] or b"\0")[0])
        else:
            at += 2
        while data[at : at + 1] > b"\0" and pieces < MOST_PIECES:
            at += 1 + data[at]
            pieces += 1
        at += 1
        pieces += 1
    # Never plain: a GIF holds what a still picture does not need, and always becomes a PNG.
    return Structure(
        format="GIF",
        width=width,
        height=height,
        frames=max(1, frames),
        truncated=not frames or pieces >= MOST_PIECES,
    )


def _table(flags: int) -> int:
    """Bytes of the colour table that a GIF's flags announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


_CORE_HEADER = 12
_RAW, _BITFIELDS = 0, 3


def _bmp(data: bytes) -> Structure:
    if _little(data, 14, 4) == _CORE_HEADER:
        width, height, packed = _little(data, 18, 2), _little(data, 20, 2), _RAW
    else:
        width, height, packed = _little(data, 18, 4), _little(data, 22, 4), _little(data, 30, 4)
        height = min(height, (1 << 32) - height)  # below zero where it is stored from the top
    # Run lengths say little of how much they unpack to, and hardly anyone writes them.
    whole = packed in {_RAW, _BITFIELDS}
    return Structure(format="BMP", width=width, height=height, truncated=not whole)


def _tiff(data: bytes) -> Structure:
    pages, ended = tiff.pages(data)
    width, height = tiff.size(pages[0]) if pages else (0, 0)
    return Structure(
        format="TIFF",
        width=width,
        height=height,
        frames=max(1, len(pages)),
        truncated=not (ended and tiff.whole(pages[0], len(data))),
    )


def _parsed(form: str) -> Callable[[bytes], Structure | None]:
    def parsed(data: bytes) -> Structure | None:
        try:
            with Image.open(BytesIO(data), formats=[form]) as image:
                frames: int = getattr(image, "n_frames", 1)
                width, height = image.size
        except Exception:  # noqa: BLE001 - a broken file provokes whatever it likes
            return None
        return Structure(format=form, width=width, height=height, frames=frames)

    return parsed


def _avif(data: bytes) -> Structure | None:
    """A still one only: of an animated one it is not known what each frame would take."""
    try:
        claimed = largest(data)
    except Unfit:
        return None
    found = _parsed("AVIF")(data)
    return found and replace(found, claimed=claimed)


_WALKS: Final[dict[str, Callable[[bytes], Structure | None]]] = {
    "PNG": _png,
    "JPEG": _jpeg,
    "WEBP": _webp,
    "GIF": _gif,
    "BMP": _bmp,
    "TIFF": _tiff,
    "AVIF": _avif,
    "HEIF": _parsed("HEIF"),
}
