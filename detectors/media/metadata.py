"""The words that a picture file holds beside its pixels, and whether it says where it was taken.

Pinning leaves none of them in what is forwarded: they are evidence of an attack, and no more. So a
block that cannot be read is passed over. Only the file's structure is walked, no pixel is decoded.
Sources: the PNG specification (third edition), ITU-T T.81 annex B for JPEG, RFC 9649 for WebP, the
GIF89a specification, Exif 3.0, TIFF 6.0, ISO/IEC 14496-12 (the boxes of AVIF and HEIC).
"""

from __future__ import annotations

import re
import zlib
from binascii import unhexlify
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html import unescape
from io import BytesIO
from itertools import islice
from typing import Final

from PIL import ExifTags, Image

from detectors.media import tiff
from detectors.media.formats import READ, named

MOST_CHARACTERS: Final = 20_000
"""Kept of one picture's words; the rest is not looked at, since none of it is sent on."""
MOST_BLOCKS: Final = 1_000
MOST_BYTES: Final = 256 * 1024
"""Looked at of one block, after it was decompressed."""
MOST_TOGETHER: Final = 4 * MOST_BYTES
FEWEST_WORDS: Final = 3
FEWEST_LETTERS: Final = 20
"""What has fewer of both is the name of a camera or a date, and no sentence."""

_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_WIDE: Final = re.compile(r"[^\W\d_]")
_RUN: Final = re.compile("[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\ufffd]+")
_SPACED_RUN: Final = re.compile(rb"(?:[\x20-\x7e]\0){8,}|(?:\0[\x20-\x7e]){8,}")
_MARKUP: Final = re.compile(r">([^<>]+)<|=\"([^\"<>]*)\"|='([^'<>]*)'")
_NAME: Final = re.compile(r"https?://[\w./#-]+|uuid:[\w-]+|xmp\.\w+:[\w-]+")
_XMP_PLACE: Final = re.compile(r"exif:GPSLatitude\b")
_XP_TAGS: Final = frozenset(range(0x9C9B, 0x9CA0))
_USER_COMMENT: Final = 0x9286
_MAKER_NOTE: Final = 0x927C
"""A maker's own binary form, whose names of fields look like words."""
_UNICODE: Final = b"UNICODE\0"


@dataclass(slots=True)
class Metadata:
    """``texts`` are the sentences beside the pixels; ``place``: a position on earth is named."""

    texts: list[str] = field(default_factory=list)
    place: bool = False

    def take(self, text: str) -> None:
        """Keeps what reads as a sentence, once."""
        text = _NAME.sub("", " ".join(text.split())).strip()
        wordy = len(_WORD.findall(text)) >= FEWEST_WORDS and " " in text
        if (wordy or len(_WIDE.findall(text)) >= FEWEST_LETTERS) and text not in self.texts:
            left = MOST_CHARACTERS - sum(map(len, self.texts))
            self.texts += [text[:left]] if left > 0 else []


def metadata(data: bytes) -> Metadata:
    """What a picture's file holds beside its pixels; nothing of a kind that is not read."""
    found = Metadata()
    left = MOST_TOGETHER
    for kind, block in islice(_blocks(data), MOST_BLOCKS):
        left -= min(len(block), MOST_BYTES)
        if left < 0:
            break
        if kind == "exif":
            _exif(block, found)
        else:
            _words(block[:MOST_BYTES], found)
    return found


def _blocks(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Each block beside the pixels: ``exif``, or ``text`` for whatever may hold some."""
    form = named(data)
    if form in READ:
        yield from _WALKS[form](data)


_PIXELS: Final = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"fdAT", b"fcTL", b"acTL"}


def _png(data: bytes) -> Iterator[tuple[str, bytes]]:
    at = 8
    while at + 12 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        block = data[at + 8 : at + 8 + size]
        at += 12 + size
        if kind in {b"zTXt", b"iTXt", b"iCCP"}:
            block = block.partition(b"\0")[0] + b"\0" + _inflated(block)
        if kind == b"eXIf":
            yield "exif", block
        elif written := _HEX_PROFILE.match(block):
            digits = b"".join(block[written.end() :].split())[: 2 * MOST_BYTES]
            profile = unhexlify(digits[: len(digits) // 2 * 2])
            yield ("exif", profile[6:]) if profile.startswith(_EXIF) else ("text", profile)
        elif kind not in _PIXELS:
            yield "text", block
        if kind == b"IEND":
            break
    yield "text", data[at:]


_EXIF: Final = b"Exif\0\0"
_HEX_PROFILE: Final = re.compile(
    rb"Raw profile type \w+\0\s{0,9}\w{1,20}\s{1,20}\d{1,9}\s(?=[0-9A-Fa-f\s]*\Z)"
)
"""How ImageMagick writes EXIF and the like into a PNG's text: a name, a length, digits."""


def _inflated(block: bytes) -> bytes:
    """A block's text: from where it decompresses, or as it stands if nothing does."""
    for start in range(min(len(block), 200)):
        if block[start : start + 1] == b"\x78":
            try:
                return zlib.decompressobj().decompress(block[start:], MOST_BYTES)
            except zlib.error:
                continue
    return block


_MARKER, _SOS, _EOI, _COMMENT, _APP1 = 0xFF, 0xDA, 0xD9, 0xFE, 0xE1
_APPS: Final = range(0xE0, 0xF0)
_ENTROPY_END: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def _jpeg(data: bytes) -> Iterator[tuple[str, bytes]]:
    at = 2
    while at + 4 <= len(data) and data[at] == _MARKER:
        marker, size = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        block = data[at + 4 : at + 2 + size]
        if marker == _EOI:
            at += 2
            break
        if marker == _APP1 and block.startswith(_EXIF):
            yield "exif", block[6:]
        elif marker == _COMMENT or marker in _APPS:
            yield "text", block
        at += 2 + size
        if marker == _SOS:
            end = _ENTROPY_END.search(data, at)
            at = end.start() if end else len(data)
    yield "text", data[at:]


def _webp(data: bytes) -> Iterator[tuple[str, bytes]]:
    at = 12
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        block = data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
        if kind == b"EXIF":
            yield "exif", block.removeprefix(_EXIF)
        elif kind not in {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"}:
            yield "text", block
    yield "text", data[at:]


_GIF_BLOCK: Final = re.compile(rb"\x21(?:\xfe|\xff\x0b.{11})", re.DOTALL)


def _gif(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Comments and application blocks, by their marks: what only looks like one is no sentence."""
    at = 0
    while mark := _GIF_BLOCK.search(data, at):
        at, pieces = mark.end(), []
        while data[at : at + 1] > b"\0":
            pieces.append(data[at + 1 : at + 1 + data[at]])
            at += 1 + data[at]
        yield "text", b"".join(pieces)


def _bmp(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Behind the pixels as the header counts them: a profile, or what nobody asked for."""
    start, packed = (int.from_bytes(data[at : at + 4], "little") for at in (10, 34))
    if packed:
        yield "text", data[start + packed :]


def _tiff(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The first page as what it is, a block of EXIF, and all text that the pages hold."""
    yield "exif", data
    for page in tiff.pages(data)[0]:
        for kind, value, _ in page.values():
            if kind in tiff.TEXT:
                yield "text", bytes(value[:MOST_BYTES])


_SEEN_ELSEWHERE: Final = {b"ftyp", b"meta", b"mdat", b"moov", b"moof"}


def _boxed(form: str) -> Callable[[bytes], Iterator[tuple[str, bytes]]]:
    def boxes(data: bytes) -> Iterator[tuple[str, bytes]]:
        try:
            with Image.open(BytesIO(data), formats=[form]) as image:
                info = image.info
        except Exception:  # noqa: BLE001 - a broken file provokes whatever it likes, and is not sent
            info = {}
        yield "exif", (info.get("exif") or b"").removeprefix(_EXIF)
        others = [other.get("data") or b"" for other in info.get("metadata") or ()]
        for block in (info.get("xmp") or b"", info.get("icc_profile") or b"", *others):
            yield "text", block
        at = 0
        while at + 8 <= len(data):
            size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
            if kind not in _SEEN_ELSEWHERE:
                yield "text", data[at + 8 : at + 8 + MOST_BYTES][: max(0, size - 8) or None]
            at += size or len(data)

    return boxes


_WALKS: Final[dict[str, Callable[[bytes], Iterator[tuple[str, bytes]]]]] = {
    "PNG": _png,
    "JPEG": _jpeg,
    "WEBP": _webp,
    "GIF": _gif,
    "BMP": _bmp,
    "TIFF": _tiff,
    "AVIF": _boxed("AVIF"),
    "HEIF": _boxed("HEIF"),
}


def _exif(block: bytes, found: Metadata) -> None:
    exif = Image.Exif()
    try:
        exif.load(block)
        place = exif.get_ifd(ExifTags.IFD.GPSInfo)
        values = [*exif.items(), *exif.get_ifd(ExifTags.IFD.Exif).items(), *place.items()]
    except Exception:  # noqa: BLE001 - a broken block provokes whatever it likes, and is not sent
        _words(block[:MOST_BYTES], found)
        return
    found.place |= {ExifTags.GPS.GPSLatitude, ExifTags.GPS.GPSLongitude} <= set(place)
    for tag, value in values:
        if tag == _MAKER_NOTE:
            continue
        if isinstance(value, str):
            # Pillow reads such a text as Latin-1, and writers mean UTF-8.
            _words(value.encode("latin-1", "replace")[:MOST_BYTES], found)
        elif isinstance(value, bytes) and tag in _XP_TAGS:
            found.take(value.decode("utf-16-le", "ignore").rstrip("\0"))
        elif isinstance(value, bytes) and tag == _USER_COMMENT and value.startswith(_UNICODE):
            for order in ("utf-16-le", "utf-16-be"):
                found.take(value[8:].decode(order, "ignore"))
        elif isinstance(value, bytes):
            _words(value[:MOST_BYTES], found)


def _words(block: bytes, found: Metadata) -> None:
    """The sentences in bytes of any form: runs of text, and what stands in and between tags."""
    text = block.decode("utf-8", "replace")
    if "<x:xmpmeta" in text or "<rdf:" in text:
        found.place |= bool(_XMP_PLACE.search(text))
        for match in _MARKUP.finditer(text):
            found.take(unescape(next(filter(None, match.groups()), "")))
        return
    for run in _RUN.findall(text):
        found.take(run)
    for wide in _SPACED_RUN.findall(block):
        found.take(wide.replace(b"\0", b"").decode("ascii"))
