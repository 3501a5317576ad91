"""Writes pictures that hold nothing but their pixels."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from detectors.media.formats import FORMATS

JPEG_QUALITY = 95
"""High enough that a second compression shows neither to an eye nor to a model."""

_LOSSY = frozenset(form.media_type for form in FORMATS.values() if form.lossy)


def encode(image: Image.Image, media_type: str) -> tuple[bytes, str]:
    """The picture's bytes and their media type: JPEG of what was lossy, else PNG.

    Takes RGB and returns a file without metadata, colour profile or comment.
    """
    bare = Image.frombytes(image.mode, image.size, image.tobytes())
    out = BytesIO()
    if media_type in _LOSSY:
        bare.save(out, "JPEG", quality=JPEG_QUALITY, subsampling=0)
        return out.getvalue(), "image/jpeg"
    bare.save(out, "PNG", compress_level=6)
    return out.getvalue(), "image/png"
