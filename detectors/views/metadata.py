"""The words beside a picture's pixels: no model sees them, yet they may show what was intended."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Final

from PIL import Image, PngImagePlugin

from detectors.contract.detector import SelfCheckError
from detectors.contract.exchange import ImagePart, Origin, Part, TextPart
from detectors.media.metadata import metadata

METHOD: Final = "metadata"
PLACE: Final = "metadata:gps"
UNSEEN: Final = frozenset({METHOD, PLACE})
"""Methods of text that no model is shown, so that it is judged alone and joined with nothing."""
PLACE_NAMED: Final = "The picture says where it was taken."
"""Stands for a position, which is nobody's business and is not kept."""

_KNOWN: Final = "These words stand beside the pixels."


class Metadata:
    """Reveals text of EXIF, XMP, IPTC, comments and profiles, and that a position is among them.

    Reads the bytes that came in. Those that are forwarded hold none of it: a picture that does is
    never sent byte for byte.
    """

    name = METHOD
    version = "1"

    def applies(self, part: Part) -> bool:
        return isinstance(part, ImagePart)

    def reveal(self, part: Part) -> Sequence[Part]:
        if not isinstance(part, ImagePart):
            return ()
        found = metadata(part.data if part.original is None else part.original)
        said = {METHOD: "\n".join(found.texts), PLACE: PLACE_NAMED if found.place else ""}
        return [
            TextPart(
                pointer=part.pointer,
                origin=Origin.THIRD_PARTY,
                parent=part.key,
                method=method,
                text=text,
            )
            for method, text in said.items()
            if text
        ]

    def self_check(self) -> None:
        notes = PngImagePlugin.PngInfo()
        notes.add_text("Comment", _KNOWN)
        out = BytesIO()
        Image.new("RGB", (1, 1)).save(out, "PNG", pnginfo=notes)
        part = ImagePart(
            pointer="", origin=Origin.USER, data=out.getvalue(), media_type="image/png"
        )
        if [text.text for text in self.reveal(part) if isinstance(text, TextPart)] != [_KNOWN]:
            raise SelfCheckError("metadata did not read a known comment")
