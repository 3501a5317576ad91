"""Writes pictures that hold nothing but their pixels."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

JPEG_QUALITY = 95
"""High enough that a second compression shows neither to an eye nor to a model."""


def encode(image: Image.Image, media_type: str) -> tuple[bytes, str]:
    """The picture's bytes and their media type: JPEG stays JPEG, all else becomes PNG.

    Takes RGB and returns a file without metadata, colour profile or comment.
    """
    bare = Image.frombytes(image.mode, image.size, image.tobytes())
    out = BytesIO()
    if media_type == "image/jpeg":
        bare.save(out, "JPEG", quality=JPEG_QUALITY, subsampling=0)
        return out.getvalue(), "image/jpeg"
    bare.save(out, "PNG", compress_level=6)
    return out.getvalue(), "image/png"
