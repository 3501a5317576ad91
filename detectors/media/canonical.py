"""Brings a picture to the one form that is inspected and forwarded: the pin of pictures."""

from __future__ import annotations

from dataclasses import dataclass, field

from PIL import Image

from detectors.media.decode import (
    FORMATS,
    Limits,
    decode,
    flatten,
    inspect_header,
    transparent,
    upright,
)
from detectors.media.encode import encode
from detectors.media.sizes import Bound

_PLAIN_MODES = {"1", "L", "LA", "P", "RGB", "RGBA"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture in canonical form: upright, opaque, one frame, no metadata, in its bound.

    ``changes`` says what was done, in bounded words: ``media_type``, ``frames``, ``metadata``,
    ``orientation``, ``colour``, ``alpha``, ``size``. Empty: ``data`` is what came in.
    """

    data: bytes = field(repr=False)
    media_type: str
    width: int
    height: int
    changes: tuple[str, ...] = ()


def canonicalise(
    data: bytes, media_type: str, *, bound: Bound, limits: Limits | None = None
) -> Picture:
    """The canonical form of an encoded picture; ``media_type`` is the declared one.

    ``metadata`` stands for everything beside the pixels: EXIF, GPS, XMP, profiles, comments,
    bytes after the end, or a container that can carry them (each GIF, extended WebP). Without
    any change but ``media_type`` the bytes stay as they are. Raises ``MediaError``.
    """
    limits = limits or Limits()
    structure = inspect_header(data, limits)
    image = decode(data, limits)
    turned = upright(image)
    size = bound.fit(*turned.size)
    found = FORMATS[structure.format]
    happened = {
        "media_type": media_type.lower() != found,
        "frames": structure.frames > 1,
        "metadata": not structure.plain,
        "orientation": turned is not image,
        "colour": image.mode not in _PLAIN_MODES,
        "alpha": transparent(image),
        "size": size != turned.size,
    }
    changes = tuple(name for name, did in happened.items() if did)
    if set(changes) <= {"media_type"}:
        return Picture(data=data, media_type=found, width=size[0], height=size[1], changes=changes)
    flat = flatten(turned)
    if size != flat.size:
        flat = flat.resize(size, Image.Resampling.LANCZOS)
    encoded, made = encode(flat, found)
    return Picture(data=encoded, media_type=made, width=size[0], height=size[1], changes=changes)
