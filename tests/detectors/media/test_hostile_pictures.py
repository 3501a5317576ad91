"""Hundreds of pictures made to break a decoder: each is refused by name or decoded, and soon."""

from __future__ import annotations

import random
import re
import struct
import time
import zlib
from collections.abc import Iterator

import pytest
from PIL import Image

from detectors.media.canonical import canonicalise
from detectors.media.decode import Limits, MediaError
from detectors.media.formats import FORMATS
from detectors.media.sizes import ANYTHING
from tests.pictures import encoded, photo, png

LONGEST_S = 5.0
"""Of computing, for one file, on a machine that is busy with other things."""
PLAIN = photo(size=(96, 64))
WHOLE = {form: encoded(PLAIN, form) for form in FORMATS}
MARKER = re.compile(rb"\xff[\xc0-\xfe]")


def boundaries(form: str, data: bytes) -> Iterator[int]:
    """Where the pieces of a file end, and one byte to either side."""
    ends: list[int] = []
    if form == "PNG":
        at = 8
        while at < len(data):
            ends += [at, at + 4, at + 8]
            at += 12 + struct.unpack(">I", data[at : at + 4])[0]
    elif form == "JPEG":
        ends = [found.start() for found in MARKER.finditer(data)]
    elif form == "WEBP":
        ends = [4, 8, 12, 16, 20]
    elif form == "BMP":
        ends = [2, 6, 10, 14, 18, 22, 26, 30, 34, 54]
    elif form == "TIFF":
        ends = [2, 4, *range(8, 180, 12), len(data) - 12, len(data) - 4]
    elif form in {"AVIF", "HEIF"}:
        boxes = (b"ftyp", b"meta", b"iinf", b"iloc", b"ispe", b"av1C", b"hvcC", b"mdat")
        ends = [data.index(box) + 4 for box in boxes if box in data]
    else:
        ends = [6, 10, 11, 13, 13 + 3 * 256, *range(13 + 3 * 256, len(data), 255)]
    for end in ends:
        yield from (end - 1, end, end + 1)


CUT = {
    f"a {form} cut at {at}": data[:at]
    for form, data in WHOLE.items()
    for at in sorted(set(boundaries(form, data)) | set(range(0, len(data), len(data) // 25)))
    if 0 <= at < len(data)
}


def thrown(data: bytes, seed: int) -> bytes:
    """The file with 20 of its bytes, behind the first 8, thrown anew."""
    sample, out = random.Random(seed), bytearray(data)
    for _ in range(20):
        out[sample.randrange(8, len(out))] = sample.randrange(256)
    return bytes(out)


THROWN = {
    f"a {form} thrown {seed}": thrown(data, seed)
    for form, data in WHOLE.items()
    for seed in range(15)
}
OTHERS = {
    f"the magic of {one} before a {other}": WHOLE[one][:12] + WHOLE[other][12:]
    for one in WHOLE
    for other in WHOLE
    if one != other and {one, other} != {"AVIF", "HEIF"}  # one container, one beginning
}


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def bomb(width: int, height: int) -> bytes:
    """A PNG that packs so many pixels of one colour into a thousandth of their size."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = zlib.compress(b"\0" * (height * (1 + 3 * width)), 9)
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def frames(count: int) -> bytes:
    """A GIF of so many frames of one pixel."""
    head = b"GIF89a" + struct.pack("<HH", 1, 1) + b"\x80\0\0" + b"\0\0\0\xff\xff\xff"
    frame = b"\x2c" + struct.pack("<HHHH", 0, 0, 1, 1) + b"\0\x02\x02\x44\x01\0"
    return head + frame * count + b";"


def bmp(width: int, height: int, packed: int = 0, body: bytes = b"") -> bytes:
    """A BMP whose header claims so much."""
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, packed, len(body), 0, 0, 2, 0)
    table = b"\0\0\0\0\xff\xff\xff\0"
    start = 14 + len(head) + len(table)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + head + table + body


def tiff(*pages: dict[int, int], last: int = 0) -> bytes:
    """A TIFF of pages with these entries, each a number; the last names ``last`` as its next."""
    out = b"II*\0" + struct.pack("<I", 8)
    for number, page in enumerate(pages, 1):
        end = len(out) + 2 + 12 * len(page) + 4
        out += struct.pack("<H", len(page))
        out += b"".join(struct.pack("<HHII", tag, 4, 1, page[tag]) for tag in sorted(page))
        out += struct.pack("<I", end if number < len(pages) else last)
    return out


def page(width: int, height: int, **more: int) -> dict[int, int]:
    """The entries of a page of grey pixels, all in one strip at the beginning of the file."""
    told = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 0, 277: 1, 278: height, 279: 16}
    return told | {int(tag.removeprefix("tag")): number for tag, number in more.items()}


def claiming(form: str, width: int, height: int) -> bytes:
    """An AVIF or HEIC whose container claims another size than its pixels have."""
    data = WHOLE[form]
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", width, height) + data[at + 8 :]


def entries(count: int) -> bytes:
    """A TIFF with so many entries that all hold the whole of a large file."""
    body = b"".join(struct.pack("<HHII", 300 + n, 7, 4_000_000, 8) for n in range(count))
    return b"II*\0" + struct.pack("<IH", 8, count) + body + bytes(4_100_000)


ODD = {
    "a BMP that claims 65535 x 65535": bmp(65535, 65535),
    "a BMP upside down that claims as much": bmp(65535, -65535),
    "a BMP in run lengths": bmp(7000, 7000, 1, b"\0\1"),
    "a BMP that holds a PNG": bmp(96, 64, 5, png(PLAIN)),
    "a TIFF that claims 65535 x 65535": tiff(page(65535, 65535)),
    "a TIFF without pixels": tiff(page(0, 0)),
    "a TIFF whose pixels lie elsewhere": tiff(page(4, 4, tag273=1 << 30)),
    "a TIFF whose tiles are too large": tiff(page(4, 4, tag322=1 << 20, tag323=1 << 20)),
    "a TIFF whose last page is its first": tiff(page(4, 4), page(4, 4), last=8),
    "a TIFF of 10,000 pages": tiff(*[page(4, 4)] * 10_000),
    "a TIFF of no page": tiff(),
    "a TIFF whose second page is too large": tiff(page(4, 4), page(60_000, 60_000)),
    "a TIFF whose 900 entries hold the file": entries(900),
    "an AVIF that claims 65535 x 65535": claiming("AVIF", 65535, 65535),
    "a HEIC that claims 65535 x 65535": claiming("HEIF", 65535, 65535),
    "an AVIF that claims less than it has": claiming("AVIF", 8, 8),
    "a HEIC that claims less than it has": claiming("HEIF", 1, 1),
    "a bomb of 49 megapixels": bomb(7000, 7000),
    "a bomb over the limit": bomb(12000, 12000),
    "10,000 frames": frames(10_000),
    "1,000 frames": frames(1_000),
    "a header of 65535 x 65535": png(PLAIN)[:16] + b"\0\0\xff\xff" * 2 + png(PLAIN)[24:],
    "a picture and another behind it": png(PLAIN) + png(PLAIN),
    "a picture and a page behind it": png(PLAIN) + b"<html><script>1</script>",
    "a thread of 60,000 pixels": png(Image.new("RGB", (60_000, 1))),
    "a text packed into a PNG": png(PLAIN).replace(b"IDAT", b"zTXt"),
}
HOSTILE = {**CUT, **THROWN, **OTHERS, **ODD}
DECODED = {
    "a bomb of 49 megapixels",
    "1,000 frames",
    "a picture and another behind it",
    "a picture and a page behind it",
    "a thread of 60,000 pixels",
    "a TIFF whose second page is too large",
    "an AVIF that claims less than it has",
}
REFUSED = {*CUT, *OTHERS, *ODD} - DECODED


def test_there_are_hundreds() -> None:
    assert len(HOSTILE) >= 200


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_picture_is_refused_or_decoded_and_soon(name: str) -> None:
    begun = time.thread_time()
    refused = ""
    try:
        made = canonicalise(HOSTILE[name], "image/png", bound=ANYTHING, limits=Limits())
        assert made.width * made.height <= Limits().max_pixels
    except MediaError as error:
        refused = str(error)
    assert time.thread_time() - begun < LONGEST_S
    assert bool(refused) or name not in REFUSED
    assert "\n" not in refused
