"""Decodes untrusted pictures under limits; every refusal is a ``MediaError`` without payload."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import ExifTags, Image, ImageOps

from detectors.contract.detector import DetectorError
from detectors.media.formats import HEIC_EXTRA, NAMED, READ, named
from detectors.media.structure import Structure, examine

OPAQUE = 255
"""The alpha of a pixel that hides its background."""


class MediaError(DetectorError):
    """Bytes that are not the picture they claim to be, or more than may be decoded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of a picture may be decoded.

    ``max_bytes`` counts the encoded file, ``max_pixels`` width x height as its header says
    (Pillow needs up to 4 bytes for each), ``max_frames`` the frames of an animation or the pages of
    a TIFF.
    """

    formats: frozenset[str] = READ
    max_bytes: int = 20 * 1024 * 1024
    max_pixels: int = 50_000_000
    max_frames: int = 1_000


_DEEP = frozenset({"I", "F"})
"""Modes of 32 bits: what of their range is shown differs from reader to reader."""

_MISSING = {
    "AVIF": "AVIF is not read by the Pillow that is installed here: install its wheel",
    "HEIF": f"HEIC is not read here without the extra: run {HEIC_EXTRA}",
}

_OTHERS = (
    (b"%PDF", "a PDF document"),
    (b"BM", "this kind of BMP"),
    (b"II+\0", "BigTIFF"),
    (b"MM\0+", "BigTIFF"),
    (b"\0\0\1\0", "ICO"),
    (b"8BPS", "Photoshop"),
    (b"PK\3\4", "a ZIP archive"),
)
_MARKUP = re.compile(rb"\s*<(\?xml|svg|!doctype|html|!--)", re.IGNORECASE)
_DATA_URI = re.compile(
    r"data:([a-z]+/[a-z0-9.+-]+)((?:;[a-z0-9-]+=[^;,]*)*);base64,", re.IGNORECASE
)


def data_uri(text: str) -> tuple[bytes, str]:
    """The bytes and the declared media type of a ``data:`` URI, by RFC 2397 and RFC 4648.

    Strict: base64 only, padded, of the standard alphabet. White space is refused, because
    decoders disagree about it. Raises ``MediaError``.
    """
    head = _DATA_URI.match(text)
    if head is None:
        raise MediaError("a data URI must begin with data:<media type>;base64,")
    try:
        data = base64.b64decode(text[head.end() :].encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise MediaError(
            "the data URI is not strict base64: standard alphabet, padded, without white space"
        ) from error
    if not data:
        raise MediaError("the data URI holds no bytes")
    return data, head[1].lower()


def decode(data: bytes, limits: Limits) -> Image.Image:
    """The first frame, its pixels loaded, as stored: see ``upright`` for the EXIF orientation.

    The file's form, its header's size and its frames are checked before any pixel is decoded.
    Raises ``MediaError``.
    """
    structure = inspect_header(data, limits)
    try:
        image = Image.open(BytesIO(data), formats=[structure.format])
        _check_size(*image.size, limits)
        _check_depth(image)
        image.load()
    except MediaError:
        raise
    except Exception as error:  # Pillow's decoders raise whatever a broken file provokes
        raise MediaError("the picture is truncated or broken: it cannot be decoded") from error
    return image


def inspect_header(data: bytes, limits: Limits) -> Structure:
    """Checks what can be known without decoding; returns the file's structure.

    Raises ``MediaError``.
    """
    if len(data) > limits.max_bytes:
        raise MediaError(
            f"the picture has {len(data)} bytes, the limit is {limits.max_bytes}: send it smaller"
        )
    form = named(data)
    if form is None:
        raise MediaError(f"{_name(data)} is not accepted: send {NAMED}")
    if form not in READ:
        raise MediaError(f"{_MISSING[form]}; or send the picture as PNG or JPEG")
    if form not in limits.formats:
        raise MediaError(f"{form} is not accepted here")
    structure = examine(data, form)
    if structure is None or structure.truncated:
        still = ", or not a still picture" if form == "AVIF" else ""
        raise MediaError(f"the {form} is truncated or broken{still}")
    _check_size(structure.width, structure.height, limits)
    if structure.claimed > limits.max_pixels:
        raise MediaError(f"the {form} unpacks to more than {limits.max_pixels} pixels")
    if structure.frames > limits.max_frames:
        raise MediaError(f"the picture has more than {limits.max_frames} frames")
    return structure


def upright(image: Image.Image) -> Image.Image:
    """The picture turned as its EXIF orientation says; itself if that is upright.

    Raises ``MediaError``.
    """
    try:
        if image.getexif().get(ExifTags.Base.Orientation, 1) == 1:
            return image
        return ImageOps.exif_transpose(image)
    except Exception as error:  # a broken EXIF block provokes whatever it likes
        raise MediaError("the picture's EXIF block is broken") from error


def transparent(image: Image.Image) -> bool:
    """Whether any pixel lets a background through."""
    if not image.has_transparency_data:
        return False
    layer = image if image.mode in {"RGBA", "LA"} else image.convert("RGBA")
    return layer.getchannel("A").getextrema()[0] != OPAQUE


def flatten(image: Image.Image) -> Image.Image:
    """RGB: transparency over white, 16-bit levels brought to 8, CMYK and palettes resolved."""
    if image.mode.startswith("I"):
        levels = np.asarray(image).astype(np.uint32) >> 8
        return Image.fromarray(levels.astype(np.uint8)).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    white = Image.new("RGB", layer.size, "white")
    white.paste(layer, mask=layer.getchannel("A"))
    return white


def _check_size(width: int, height: int, limits: Limits) -> None:
    if width < 1 or height < 1:
        raise MediaError("the picture has no pixels")
    if width * height > limits.max_pixels:
        raise MediaError(
            f"the picture claims {width}x{height} pixels, the limit is {limits.max_pixels} "
            "in all: send it smaller"
        )


def _check_depth(image: Image.Image) -> None:
    if image.format == "TIFF" and image.mode in _DEEP:
        raise MediaError("the TIFF has more than 16 bits to a sample: save it with 8 or 16")


def _name(data: bytes) -> str:
    """What the bytes look like, for a message: one of a few fixed names."""
    if not data:
        return "an empty file"
    if _MARKUP.match(data[:1024].removeprefix(b"\xef\xbb\xbf")):
        return "SVG or other markup"
    if data[4:8] == b"ftyp":
        return "a video"
    return next((name for magic, name in _OTHERS if data.startswith(magic)), "this kind of file")
