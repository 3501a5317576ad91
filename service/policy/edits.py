"""The edits of requests and answers: as a policy writes them, and as a decision asks for them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from service.policy.fields import Written


class EditKind(StrEnum):
    """The changes that a rewrite can make."""

    MASK_TEXT = "mask_text"
    BLUR_FACES = "blur_faces"
    DROP_IMAGE = "drop_image"
    DOWNSCALE = "downscale"
    ANNOTATE = "annotate"
    INSTRUCT = "instruct"
    REDACT = "redact"
    REPLACE = "replace"
    TRUNCATE = "truncate"
    STRIP_LINKS = "strip_links"


class MaskText(Written):
    """Paint over the offending lines of a picture."""

    kind: Literal["mask_text"]


class BlurFaces(Written):
    """Make the faces unrecognisable, in the picture that the match came from or in all."""

    kind: Literal["blur_faces"]


class Downscale(Written):
    """Bring pictures to a longest side of so many pixels."""

    kind: Literal["downscale"]
    longest: Annotated[int, Field(strict=True, ge=64, le=10_000)]


class Annotate(Written):
    """Tell the model that the offending lines of a picture are data, and not to be followed."""

    kind: Literal["annotate"]


class DropImage(Written):
    """Put a text in the place of the picture that the matched text was read from."""

    kind: Literal["drop_image"]


class Instruct(Written):
    """Add an instruction of the operator to the request."""

    kind: Literal["instruct"]
    text: Annotated[str, Field(min_length=1, max_length=2000)]


class Redact(Written):
    """Put a mark in the place of the offending words; of the whole text, where none are told."""

    kind: Literal["redact"]


class Replace(Written):
    """Put another text in the place of the answer's."""

    kind: Literal["replace"]
    text: Annotated[str, Field(min_length=1, max_length=2000)]


class Truncate(Written):
    """End the answer's text before the first offending words."""

    kind: Literal["truncate"]


class StripLinks(Written):
    """Take the URL out of offending links."""

    kind: Literal["strip_links"]


AnswerEdit = Redact | Replace | Truncate | StripLinks
WrittenEdit = Annotated[
    MaskText | BlurFaces | DropImage | Downscale | Annotate | Instruct | AnswerEdit,
    Field(discriminator="kind"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One change of the request or the answer.

    ``mask_text``: ``part`` is the key of the text part read from a picture, and ``spans`` are the
    (start, end) offsets into its text to paint over; none of them means all of its lines.
    ``annotate``: the same; the lines are those to warn of.
    ``blur_faces``: ``part`` is the key of the part that tells of a picture's faces.
    ``drop_image``: ``part`` is the key of the picture, as the request holds it.
    ``downscale``: the same; ``longest`` is in pixels.
    ``instruct``: ``text`` is the instruction.
    ``redact``, ``truncate``, ``strip_links``: ``part`` is the key of a text of the answer, and
    ``spans`` are those to change; none of them means all of it.
    ``replace``: the same, all of it; ``text`` takes its place.
    """

    kind: EditKind
    part: str | None = None
    spans: tuple[tuple[int, int], ...] = ()
    text: str = ""
    longest: int = 0
