"""Act: a decision's edits become patches of the body, by JSON pointer (RFC 6901, RFC 6902)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from detectors.contract.exchange import ImagePart, Line, Part, TextPart
from detectors.contract.finding import Inspection
from detectors.media.paint import mask
from service.policy.model import Decision, Edit, EditKind
from service.providers.base import Patch, Provider
from service.providers.strict_json import Json

REMOVED: Final = "[A picture was removed here.]"

Box = tuple[tuple[float, float], ...]


def patches(
    body: Json, provider: Provider, inspection: Inspection, decision: Decision
) -> list[Patch]:
    """The patches that carry out the decision's edits, pictures first, instructions last."""
    parts = {part.key: part for part in inspection.parts}
    dropped = {edit.part for edit in decision.edits if edit.kind is EditKind.DROP_IMAGE}
    boxes: dict[str, list[Box]] = {}
    for edit in decision.edits:
        if edit.kind is EditKind.MASK_TEXT:
            text = parts[edit.part or ""]
            boxes.setdefault(_picture(text, parts).key, []).extend(_boxes(text, edit))
    said = [edit.text for edit in decision.edits if edit.kind is EditKind.INSTRUCT]
    return [
        *(provider.replace_with_text(parts[key or ""].pointer, REMOVED) for key in dropped),
        *(_masked(parts[key], boxes[key], provider) for key in boxes if key not in dropped),
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


def _boxes(text: Part, edit: Edit) -> list[Box]:
    """Where the offending lines stand: those that a span touches, or all of them."""
    lines = text.lines if isinstance(text, TextPart) else ()
    return [
        line.box
        for line in lines
        if not edit.spans or any(_touches(line, start, end) for start, end in edit.spans)
    ]


def _touches(line: Line, start: int, end: int) -> bool:
    return line.start < end and start < line.start + len(line.text)


def _masked(picture: Part, boxes: Sequence[Box], provider: Provider) -> Patch:
    if not isinstance(picture, ImagePart):
        raise TypeError("only a picture has lines to mask")
    data, media_type = mask(picture.data, picture.media_type, boxes)
    return provider.replace_image(picture.pointer, data, media_type)
