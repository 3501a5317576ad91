"""QR codes and barcodes: what a machine would read from a picture."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

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


class Qr:
    """Reveals the words of all codes in a picture as one part, with the place of each code.

    Turned, mirrored, inverted and several codes are found. About 10 ms for a megapixel.
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
    searched = image.convert("L")
    if scale > 1:
        searched = ImageOps.contain(searched, (LONG_SIDE, LONG_SIDE), Image.Resampling.BOX)
    lines: list[Line] = []
    start = 0
    for code in zxingcpp.read_barcodes(searched)[:MOST_CODES]:
        text = code.text.strip()
        if not any(map(str.isalpha, text)) and len(text) < LONG_NUMBER:
            continue
        lines.append(Line(text=text, box=_box(code.position, scale), score=1.0, start=start))
        start += len(text) + 1
    return tuple(lines)


def _box(place: zxingcpp.Position, scale: float) -> tuple[tuple[float, float], ...]:
    corners = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
    return tuple((corner.x * scale, corner.y * scale) for corner in corners)
