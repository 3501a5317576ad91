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
from detectors.media.sizes import ANYTHING
from tests.pictures import encoded, photo, png

LONGEST_S = 5.0
"""Of computing, for one file, on a machine that is busy with other things."""
PLAIN = photo(size=(96, 64))
WHOLE = {form: encoded(PLAIN, form) for form in ("PNG", "JPEG", "WEBP", "GIF")}
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
    if one != other
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


ODD = {
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
REFUSED = {*CUT, *OTHERS, "a bomb over the limit", "10,000 frames", "a header of 65535 x 65535"}


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
