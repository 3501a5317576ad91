"""Brings a picture to the one form that is inspected and forwarded: the pin of pictures."""

from __future__ import annotations

from dataclasses import dataclass, field

from PIL import Image

from detectors.media.decode import Limits, decode, flatten, inspect_header, transparent, upright
from detectors.media.encode import encode
from detectors.media.formats import FORMATS
from detectors.media.sizes import Bound

_SHADED_MODES = {"L", "LA", "RGB", "RGBA"}
_PLAIN_MODES = _SHADED_MODES | {"1", "P"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture in canonical form: upright, opaque, one frame, no metadata, in its bound.

    ``changes`` says what was done, in bounded words: ``media_type``, ``format``, ``frames``,
    ``metadata``, ``orientation``, ``colour``, ``alpha``, ``size``. Empty: ``data`` is what came in.
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
    bytes after the end, a container that can carry them (each GIF, extended WebP), or more than
    8 bits to a channel; ``format`` for one that the providers do not take, and which is never
    sent. Without any change but ``media_type`` the bytes stay as they are.
    Raises ``MediaError``.
    """
    limits = limits or Limits()
    structure = inspect_header(data, limits)
    image = decode(data, limits)
    shrunk = _shrink(image, bound)
    turned = upright(shrunk)
    form = FORMATS[structure.format]
    found = form.media_type
    happened = {
        "media_type": media_type.lower() != found,
        "format": not form.kept,
        "frames": structure.frames > 1,
        "metadata": form.kept and not structure.plain,
        "orientation": turned is not shrunk,
        "colour": image.mode not in _PLAIN_MODES,
        "alpha": transparent(turned),
        "size": shrunk is not image,
    }
    changes = tuple(name for name, did in happened.items() if did)
    width, height = turned.size
    if not set(changes) - {"media_type"}:
        return Picture(data=data, media_type=found, width=width, height=height, changes=changes)
    encoded, made = encode(flatten(turned), found)
    return Picture(data=encoded, media_type=made, width=width, height=height, changes=changes)


def _shrink(image: Image.Image, bound: Bound) -> Image.Image:
    """The picture within its bound, each pixel the average of those that it stands for.

    Comes before everything else, so that a large picture is held in memory as seldom as can be.
    """
    size = bound.fit(*image.size)
    if size == image.size:
        return image
    whole = image
    if image.mode not in _SHADED_MODES or "transparency" in image.info:
        whole = image.convert("RGBA") if image.has_transparency_data else flatten(image)
    shrunk = whole.resize(size, Image.Resampling.LANCZOS)
    shrunk.info = {name: value for name, value in image.info.items() if name != "transparency"}
    return shrunk
