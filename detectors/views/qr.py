"""QR codes and barcodes: what a machine would read from a picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
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
from detectors.views.stripes import Matrix, stripes

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
    differ from their ground in hue only; barcodes and PDF417 at any tilt. About 25 ms for a
    megapixel.
    """

    name = METHOD
    version = f"2+zxing-cpp-{version('zxing-cpp')}"

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
        lines.append(
            Line(
                text=text,
                box=tuple((x * scale, y * scale) for x, y in code.corners),
                score=1.0,
                start=start,
            )
        )
        start += len(text) + 1
    return tuple(lines)


@dataclass(frozen=True, slots=True)
class _Code:
    text: str
    corners: tuple[tuple[float, float], ...]


def _codes(image: Image.Image) -> list[_Code]:
    """All codes that show, and the codes that only a machine with an aim would see."""
    grey = image.convert("L")
    found = [_code(code) for code in zxingcpp.read_barcodes(grey)]
    qr = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode])  # kept, it is told of as leaked
    for plane in _hidden(image):
        more = zxingcpp.read_barcodes(plane, qr, try_rotate=False, try_downscale=False)
        found += _new(map(_code, more), found)
    for tilted in stripes(np.asarray(grey)):
        more = zxingcpp.read_barcodes(tilted.piece, try_rotate=False, try_downscale=False)
        found += _new((_code(code, tilted.back) for code in more), found)
    return found


def _code(code: zxingcpp.Barcode, back: Matrix | None = None) -> _Code:
    """A code, its corners led ``back`` to the picture's pixels."""
    place = code.position
    corners = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
    points = np.array([(corner.x, corner.y, 1) for corner in corners], dtype=np.float64)
    led = points[:, :2] if back is None else points @ back.T
    return _Code(code.text, tuple((x, y) for x, y in led.tolist()))


def _new(codes: Iterable[_Code], known: Sequence[_Code]) -> list[_Code]:
    return [code for code in codes if not any(_same(code, other) for other in known)]


def _same(code: _Code, known: _Code) -> bool:
    """Whether it is that code again, and not another with the same words."""
    (x, y), (left, top) = _centre(code), _centre(known)
    reach = abs(known.corners[0][0] - left) + abs(known.corners[0][1] - top)
    return code.text == known.text and abs(x - left) + abs(y - top) < reach


def _centre(code: _Code) -> tuple[float, float]:
    (left, top), (right, bottom) = code.corners[0], code.corners[2]
    return (left + right) / 2, (top + bottom) / 2


def _hidden(image: Image.Image) -> Iterator[Image.Image]:
    """What is darker than what is near it, by however little; and the two planes of hue."""
    brightness, *hues = image.convert("YCbCr").split()
    grey = np.asarray(brightness)
    for near in _NEAR:
        mean, binary = cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY
        yield Image.fromarray(cv2.adaptiveThreshold(grey, 255, mean, binary, near, 1))
    yield from map(ImageOps.autocontrast, hues)
