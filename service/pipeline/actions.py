"""Act: a decision's edits become patches of the body, by JSON pointer (RFC 6901, RFC 6902)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from detectors.contract.exchange import ImagePart, Line, Part, TextPart
from detectors.contract.finding import Inspection
from detectors.media.blur import blur
from detectors.media.canonical import canonicalise
from detectors.media.paint import mask
from detectors.media.sizes import Bound
from service.pipeline.annotation import annotation
from service.policy.edits import Edit, EditKind
from service.policy.model import Decision
from service.providers.base import Patch, Provider
from service.providers.strict_json import Json

REMOVED: Final = "[A picture was removed here.]"


def patches(
    body: Json, provider: Provider, inspection: Inspection, decision: Decision
) -> list[Patch]:
    """The patches that carry out the decision's edits, pictures first, instructions last."""
    parts = {part.key: part for part in inspection.parts}
    dropped = {edit.part for edit in decision.edits if edit.kind is EditKind.DROP_IMAGE}
    drawing: dict[str, list[Edit]] = {}
    for edit in decision.edits:
        if edit.kind in _DRAWING:
            drawing.setdefault(_picture(parts[edit.part or ""], parts).key, []).append(edit)
    said = [edit.text for edit in decision.edits if edit.kind is EditKind.INSTRUCT]
    said += _warnings(inspection, decision, dropped)
    return [
        *(provider.replace_with_text(parts[key or ""].pointer, REMOVED) for key in dropped),
        *(
            _redrawn(parts[key], drawing[key], parts, provider)
            for key in drawing
            if key not in dropped
        ),
        *([provider.instruct(body, "\n\n".join(said))] if said else []),
    ]


def apply(body: Json, changes: Sequence[Patch]) -> None:
    """Patches ``body`` in place: replacements first, so that no addition moves their pointers."""
    for change in sorted(changes, key=lambda patch: patch.op == "add"):
        *way, last = list(_steps(change.path))
        place = body
        for step in way:
            place = place[int(step)] if isinstance(place, list) else _member(place, step)
        if isinstance(place, list) and change.op == "add":
            place.insert(int(last), change.value)
        elif isinstance(place, list):
            place[int(last)] = change.value
        elif isinstance(place, dict):
            place[last] = change.value


def at(body: Json, path: str) -> Json:
    """What stands at a pointer; None if nothing does."""
    place = body
    for step in _steps(path):
        if isinstance(place, dict):
            place = place.get(step)
        else:
            found = isinstance(place, list) and step.isdecimal() and int(step) < len(place)
            place = place[int(step)] if found and isinstance(place, list) else None
    return place


def _member(place: Json, step: str) -> Json:
    if not isinstance(place, dict):
        raise KeyError(step)
    return place[step]


def _steps(path: str) -> Iterator[str]:
    for step in path.split("/")[1:]:
        yield step.replace("~1", "/").replace("~0", "~")


def _picture(text: Part, parts: dict[str, Part]) -> ImagePart:
    """The picture that a text was read from, over whatever was derived between them."""
    part = text
    while not isinstance(part, ImagePart):
        part = parts[part.parent or ""]
    return part


def _lines(text: Part, edit: Edit) -> list[Line]:
    """The offending lines: those that a span touches, or all of them."""
    lines = text.lines if isinstance(text, TextPart) else ()
    return [
        line
        for line in lines
        if not edit.spans or any(_touches(line, start, end) for start, end in edit.spans)
    ]


def _touches(line: Line, start: int, end: int) -> bool:
    return line.start < end and start < line.start + len(line.text)


def _redrawn(
    picture: Part, edits: Sequence[Edit], parts: Mapping[str, Part], provider: Provider
) -> Patch:
    """The picture with its texts masked, then its faces blurred, and last made smaller."""
    if not isinstance(picture, ImagePart):
        raise TypeError("only a picture can be edited")
    data, media_type = picture.data, picture.media_type
    for kind, draw in _PAINTED.items():
        boxes = [
            line.box
            for edit in edits
            if edit.kind is kind
            for line in _lines(parts[edit.part or ""], edit)
        ]
        if boxes:
            data, media_type = draw(data, media_type, boxes)
    longest = [edit.longest for edit in edits if edit.kind is EditKind.DOWNSCALE]
    if longest:
        smaller = canonicalise(data, media_type, bound=Bound(long=min(longest)))
        data, media_type = smaller.data, smaller.media_type
    return provider.replace_image(picture.pointer, data, media_type)


_PAINTED: Final = {EditKind.MASK_TEXT: mask, EditKind.BLUR_FACES: blur}
_DRAWING: Final = {*_PAINTED, EditKind.DOWNSCALE}


def _warnings(
    inspection: Inspection, decision: Decision, dropped: Collection[str | None]
) -> Iterator[str]:
    """What the model is told of untrusted lines, where it is to be told and will see them."""
    parts = {part.key: part for part in inspection.parts}
    shown = [part for part in parts.values() if isinstance(part, ImagePart) and not part.method]
    edits = [edit for edit in decision.edits if edit.kind is EditKind.ANNOTATE]
    texts = [parts[edit.part or ""] for edit in edits]
    warned = [(text, _lines(text, edit)) for text, edit in zip(texts, edits, strict=True)]
    said = annotation(warned, [part for part in shown if part.key not in dropped])
    if said:
        yield said
