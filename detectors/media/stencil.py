"""A mask's transparency as a picture that can be looked at, and back.

Where an editing model may paint, the mask is transparent; its colours mean nothing. So what is
inspected and sent is the transparency alone: as levels of grey here, as transparency there.
"""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from detectors.media.decode import Limits, decode, transparent


def levels(data: bytes, limits: Limits | None = None) -> bytes | None:
    """The opacity of an encoded picture as a grey PNG; None if no pixel is transparent.

    Raises ``MediaError``.
    """
    image = decode(data, limits or Limits())
    return _png(image.convert("RGBA").getchannel("A")) if transparent(image) else None


def stencil(grey: bytes, limits: Limits | None = None) -> bytes:
    """A black PNG whose opacity is what ``grey``, an encoded picture, shows. Raises as above."""
    opacity = decode(grey, limits or Limits()).convert("L")
    black = Image.new("RGBA", opacity.size)
    black.putalpha(opacity)
    return _png(black)


def _png(image: Image.Image) -> bytes:
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
