"""What the gate saw in a picture: each way of looking as a picture of its own, with its lines."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from PIL import Image

from detectors.contract.exchange import Exchange, ImagePart, Line, Message, Role, Stage, TextPart
from detectors.contract.finding import Inspection
from detectors.media.decode import Limits, decode, flatten, inspect_header, upright
from detectors.media.encode import encode
from detectors.media.formats import FORMATS
from detectors.views.ocr.detect import Picture
from detectors.views.ocr.hidden import bgr, looks
from service.pipeline.examine import Examined
from service.policy.allow import lowered
from service.policy.explain import Explanation, explain
from service.policy.model import Action
from service.trial import Trial

PLAIN: Final = "plain"
"""The name of the picture that is forwarded, as it was inspected: views that need no other look."""

_UNSEEN: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""General categories of Unicode that show nothing, or turn what stands beside them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A line that was read, or a place that was found, and the ``method`` that did."""

    method: str
    line: Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """A picture that was looked at. The boxes of its ``marks`` are in its own pixels."""

    name: str
    data: bytes = field(repr=False)
    media_type: str
    width: int
    height: int
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """One picture, and all that the gate made of it.

    ``sights`` begins with the picture as it was inspected, followed by every other look whose gate
    opened. ``sent`` holds what the model would get, and is empty where the request was refused.
    ``why`` explains the rules that held, of the request as it came.
    """

    name: str
    examined: Examined
    came: Sight
    sights: tuple[Sight, ...]
    sent: tuple[Sight | str, ...]
    why: Explanation


def look(trial: Trial, image: Path, prompt: str) -> Looked:
    """Examines a picture, with a prompt beside it if there is one, and looks at it again.

    Raises:
        TrialError: the picture or the prompt cannot be read.
    """
    examined, trace = trial.examine(prompt, [image], Role.USER.value)
    inspection = examined.inspection
    own = tuple(part for part in inspection.parts if part.method is None)
    (picture,) = (part for part in own if isinstance(part, ImagePart))
    asked = Exchange(
        dialect=examined.exchange.dialect,
        model=examined.exchange.model,
        stage=Stage.REQUEST,
        messages=(Message(role=Role.USER, parts=own),),
    )
    counted = lowered(inspection, examined.decision.allowed)
    why = explain(trial.examiner.policy, asked, counted, trace.caller, trace.id)
    return Looked(
        name=image.name,
        examined=examined,
        came=_sight("came in", picture.data if picture.original is None else picture.original),
        sights=tuple(_sights(picture, inspection)),
        sent=tuple(_sent(examined)),
        why=replace(why, rules=tuple(each for each in why.rules if each.held)),
    )


def visible(text: str) -> str:
    r"""The text with every character that shows nothing written as its number: ``\u200b``."""
    return "".join(
        f"\\u{ord(each):04x}" if each != "\n" and unicodedata.category(each) in _UNSEEN else each
        for each in text
    )


def _sights(picture: ImagePart, inspection: Inspection) -> Iterator[Sight]:
    """The same looks as the view's own, which keeps none: it is asked for them once more."""
    pixels = bgr(flatten(upright(decode(picture.data, Limits()))))
    others = list(looks(picture, pixels))
    methods = {other.method for other in others}
    marks = [
        Mark(method=part.method or "", line=line)
        for part in inspection.parts
        if isinstance(part, TextPart) and part.parent == picture.key
        for line in part.lines
    ]
    yield _sight(PLAIN, picture.data, [mark for mark in marks if mark.method not in methods])
    height, width = pixels.shape[:2]
    for other in others:
        tall, wide = other.picture.shape[:2]
        read = [
            _scaled(mark, wide / width, tall / height)
            for mark in marks
            if mark.method == other.method
        ]
        yield _sight(other.method, _png(other.picture), read)


def _sent(examined: Examined) -> Iterator[Sight | str]:
    if examined.decision.action is Action.REFUSE:
        return
    for message in examined.exchange.messages:
        for part in message.parts:
            if isinstance(part, ImagePart):
                yield _sight(message.role.value, part.data)
            elif isinstance(part, TextPart):
                yield f"{message.role}: {part.text}"


def _sight(name: str, data: bytes, marks: Sequence[Mark] = ()) -> Sight:
    header = inspect_header(data, Limits())
    return Sight(
        name=name,
        data=data,
        media_type=FORMATS[header.format].media_type,
        width=header.width,
        height=header.height,
        marks=tuple(marks),
    )


def _scaled(mark: Mark, across: float, down: float) -> Mark:
    box = tuple((x * across, y * down) for x, y in mark.line.box)
    return replace(mark, line=replace(mark.line, box=box))


def _png(picture: Picture) -> bytes:
    return encode(Image.fromarray(picture[:, :, ::-1]), "image/png")[0]
