"""QR codes and barcodes: what a machine would read from a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Final

import cv2
import numpy as np
import zxingcpp
from PIL import Image, ImageOps

from detectors.contract.detector import SelfCheckError
from detectors.contract.exchange import ImagePart, Line, Origin, Part, TextPart
from detectors.media.decode import Limits, decode, flatten, upright
from detectors.media.encode import encode

METHOD: Final = "qr"
LONG_SIDE: Final = 2048
"""Pixels to which a longer picture is brought before it is searched: the cost follows the area."""
MOST_CODES: Final = 100
"""Kept of one picture: no sheet of labels has more."""
LONG_NUMBER: Final = 20
"""Digits from which a code that holds no letter may say something; shorter ones are of goods."""

_KNOWN: Final = "Glassgate"
_NEAR: Final = (19, 51)
"""Pixels around each with which it is compared: for modules of 2 to 6 pixels, and of 6 to 14."""


class Qr:
    """Reveals the words of all codes in a picture as one part, with the place of each code.

    Turned, mirrored, inverted and several codes are found; QR codes also where they are faint, or
    differ from their ground in hue only. About 25 ms for a megapixel.
    """

    name = METHOD
    version = f"zxing-cpp-{version('zxing-cpp')}"

    def applies(self, part: Part) -> bool:
        return isinstance(part, ImagePart)

    def reveal(self, part: Part) -> Sequence[Part]:
        """Raises ``MediaError`` for a broken picture."""
        if not isinstance(part, ImagePart):
            return ()
        lines = _read(flatten(upright(decode(part.data, Limits()))))
        if not lines:
            return ()
        return (
            TextPart(
                pointer=part.pointer,
                origin=Origin.THIRD_PARTY,
                parent=part.key,
                method=METHOD,
                text="\n".join(line.text for line in lines),
                lines=lines,
            ),
        )

    def self_check(self) -> None:
        code = zxingcpp.create_barcode(_KNOWN, zxingcpp.BarcodeFormat.QRCode)
        image = Image.fromarray(zxingcpp.write_barcode_to_image(code, scale=4)).convert("RGB")
        data, media_type = encode(image, "image/png")
        part = ImagePart(pointer="", origin=Origin.USER, data=data, media_type=media_type)
        if [text.text for text in self.reveal(part) if isinstance(text, TextPart)] != [_KNOWN]:
            raise SelfCheckError("qr did not read a code that it drew; reinstall zxing-cpp")


def _read(image: Image.Image) -> tuple[Line, ...]:
    scale = max(1.0, max(image.size) / LONG_SIDE)
    if scale > 1:
        image = ImageOps.contain(image, (LONG_SIDE, LONG_SIDE), Image.Resampling.BOX)
    lines: list[Line] = []
    start = 0
    for code in _codes(image)[:MOST_CODES]:
        text = code.text.strip()
        if not any(map(str.isalpha, text)) and len(text) < LONG_NUMBER:
            continue
        lines.append(Line(text=text, box=_box(code.position, scale), score=1.0, start=start))
        start += len(text) + 1
    return tuple(lines)


def _codes(image: Image.Image) -> list[zxingcpp.Barcode]:
    """All codes that show, and the QR codes that only a machine with an aim would see."""
    found = zxingcpp.read_barcodes(image.convert("L"))
    qr = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode])  # kept, it is told of as leaked
    for plane in _hidden(image):
        more = zxingcpp.read_barcodes(plane, qr, try_rotate=False, try_downscale=False)
        found += [code for code in more if not any(_same(code, known) for known in found)]
    return found


def _same(code: zxingcpp.Barcode, known: zxingcpp.Barcode) -> bool:
    """Whether it is that code again, and not another with the same words."""
    (x, y), (left, top) = _centre(code.position), _centre(known.position)
    reach = abs(known.position.top_left.x - left) + abs(known.position.top_left.y - top)
    return code.text == known.text and abs(x - left) + abs(y - top) < reach


def _centre(place: zxingcpp.Position) -> tuple[float, float]:
    a, b = place.top_left, place.bottom_right
    return (a.x + b.x) / 2, (a.y + b.y) / 2


def _hidden(image: Image.Image) -> Iterator[Image.Image]:
    """What is darker than what is near it, by however little; and the two planes of hue."""
    brightness, *hues = image.convert("YCbCr").split()
    grey = np.asarray(brightness)
    for near in _NEAR:
        mean, binary = cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY
        yield Image.fromarray(cv2.adaptiveThreshold(grey, 255, mean, binary, near, 1))
    yield from map(ImageOps.autocontrast, hues)


def _box(place: zxingcpp.Position, scale: float) -> tuple[tuple[float, float], ...]:
    corners = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
    return tuple((corner.x * scale, corner.y * scale) for corner in corners)
