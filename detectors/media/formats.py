"""The one table of the picture formats that are read, by the bytes with which each begins.

Sources: the PNG specification (third edition), ITU-T T.81, RFC 9649, the GIF89a specification, the
headers of Windows bitmaps, TIFF 6.0, the AVIF specification (v1.1), ISO/IEC 23008-12 (HEIF).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from typing import Final

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
    features,
)

PLUGINS: Final = (
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
"""Imported so that Pillow finds them registered and does not load its dozens of others."""

HEIC_EXTRA: Final = 'pip install "glassgate[heic]"'
NAMED: Final = "PNG, JPEG, WebP, GIF, BMP, TIFF, AVIF or HEIC"
"""What is accepted, for a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """``magic`` is how a file begins, within its first 16 bytes if ``brands`` do not say.

    ``kept``: the providers take it as it is. What they do not take is written anew, as a JPEG where
    the format is ``lossy`` and as a PNG else. ``endings`` are those of files' names.
    """

    media_type: str
    magic: re.Pattern[bytes]
    endings: tuple[str, ...]
    kept: bool = False
    lossy: bool = False


def _begins(magic: bytes) -> re.Pattern[bytes]:
    return re.compile(magic, re.DOTALL)


FORMATS: Final = {
    "PNG": Format(
        media_type="image/png", magic=_begins(rb"\x89PNG\r\n\x1a\n"), endings=("png",), kept=True
    ),
    "JPEG": Format(
        media_type="image/jpeg",
        magic=_begins(rb"\xff\xd8\xff"),
        endings=("jpg", "jpeg"),
        kept=True,
        lossy=True,
    ),
    "WEBP": Format(
        media_type="image/webp", magic=_begins(rb"RIFF....WEBP"), endings=("webp",), kept=True
    ),
    "GIF": Format(
        media_type="image/gif", magic=_begins(rb"GIF8[79]a"), endings=("gif",), kept=True
    ),
    "BMP": Format(
        # The length of the second header, so that no text that begins with "BM" is taken for one.
        media_type="image/bmp",
        magic=_begins(rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0"),
        endings=("bmp", "dib"),
    ),
    "TIFF": Format(
        media_type="image/tiff", magic=_begins(rb"II\*\0|MM\0\*"), endings=("tif", "tiff")
    ),
    "AVIF": Format(
        # By its first brand, or, where that says no more than "pictures", by one of the others.
        media_type="image/avif",
        magic=_begins(rb"....ftyp(?:avi[fs]|m[is]f1.{4}(?:.{4}){0,15}?avi[fs])"),
        endings=("avif",),
        lossy=True,
    ),
    "HEIF": Format(
        media_type="image/heic",
        magic=_begins(rb"....ftyp(?:he[iv][cxms]|m[is]f1)"),
        endings=("heic", "heif"),
        lossy=True,
    ),
}
"""By Pillow's name. The providers' own limits are in ``docs/dialects.md``."""


def named(data: bytes) -> str | None:
    """Pillow's name of the format, by a file's first bytes; None for any other kind of file."""
    return next((name for name, form in FORMATS.items() if form.magic.match(data)), None)


def _heic() -> bool:
    """Registers the decoder of HEIC, on one thread; whether there is one: the extra brings it."""
    try:
        import_module("pillow_heif").register_heif_opener(decode_threads=1)
    except ImportError:
        return False
    return True


AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # a worker's threads are counted elsewhere
_THERE: Final = {"AVIF": bool(features.check("avif")), "HEIF": _heic()}
READ: Final = frozenset(name for name in FORMATS if _THERE.get(name, True))
"""The formats whose decoder is installed."""
