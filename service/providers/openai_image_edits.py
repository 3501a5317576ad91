"""OpenAI's edited pictures: a form with the pictures, what to do with them, and where.

The shapes are those of the official SDK's types.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from detectors.contract.exchange import Exchange, Message, Origin, Part, Role, Stage, TextPart
from detectors.media.decode import MediaError
from detectors.media.stencil import levels, stencil
from service.errors import ContentFiltered
from service.providers import forms
from service.providers.base import Patch, Provider
from service.providers.fields import Object, as_object, as_text, image, rest
from service.providers.forms import DATA
from service.providers.openai_images import PICTURE_SETTINGS, OpenAIImages
from service.providers.strict_json import Json, pointer

PICTURES: Final = ("image", "mask", "markup")
EDIT_SETTINGS: Final = PICTURE_SETTINGS | {"input_fidelity", "svg[model]", "svg[reasoning][effort]"}
YES: Final = frozenset({"true", "1"})
SHADED: Final = "shaded"
"""Marks a mask whose picture shows in grey how opaque it is."""


@dataclass(frozen=True, slots=True)
class OpenAIImageEdits(OpenAIImages):
    """``POST /v1/images/edits``; ``kind`` is the content type of the call."""

    kind: str = ""
    dialect = "openai_image_edits"

    def sent_as(self, kind: str) -> Provider:
        return OpenAIImageEdits(kind)

    def parse(self, raw: bytes) -> Json:
        form = forms.parse(raw, self.kind)
        if isinstance(mask := form.get("mask"), dict):
            form["mask"] = _shaded(mask)
        return form

    def dump(self, body: Json) -> tuple[str, bytes]:
        form = as_object(body, "")
        if isinstance(mask := form.get("mask"), dict):
            form = {**form, "mask": _cut(mask)}
        return forms.dump(form)

    def read(self, body: Json) -> Exchange:
        request = as_object(body, "")
        model = request.get("model")
        prompt = as_text(request.get("prompt"), "/prompt")
        known = EDIT_SETTINGS | {*PICTURES, "prompt"}
        parts: list[Part] = [TextPart(pointer="/prompt", origin=Origin.USER, text=prompt)]
        for name in PICTURES:
            parts.extend(_pictures(request.get(name), pointer(name)))
        parts.extend(rest(request, "", Origin.USER, known))
        return Exchange(
            dialect=self.dialect,
            model="" if model is None else as_text(model, "/model"),
            stage=Stage.REQUEST,
            messages=(Message(role=Role.USER, parts=tuple(parts)),),
            stream=str(request.get("stream")).lower() in YES,
        )

    def replace_image(self, path: str, data: bytes, media_type: str) -> Patch:
        return Patch(op="replace", path=f"{path}/{DATA}", value=forms.uri(data, media_type))

    def replace_with_text(self, path: str, text: str) -> Patch:  # noqa: ARG002
        raise ContentFiltered("a picture would have to be taken out, and it is the request", path)


def _pictures(value: Json, at: str) -> Iterator[Part]:
    """The pictures of a field, and what else is said of them."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _pictures(item, f"{at}/{index}")
    elif value is not None:
        file = forms.as_file(value, at)
        yield image(as_text(file.get(DATA), f"{at}/{DATA}"), at, Origin.USER, None)
        yield from rest(file, at, Origin.USER, {DATA, SHADED})


def _shaded(mask: Object) -> Object:
    """A mask by its transparency, if it has any; of a broken one is told when it is pinned."""
    try:
        grey = levels(_bytes(mask))
    except MediaError:
        return mask
    return {**mask, DATA: forms.uri(grey, "image/png"), SHADED: True} if grey else mask


def _cut(mask: Object) -> Object:
    if not mask.get(SHADED):
        return mask
    return {forms.NAME: mask[forms.NAME], DATA: forms.uri(stencil(_bytes(mask)), "image/png")}


def _bytes(file: Object) -> bytes:
    return b64decode(str(file[DATA]).partition(",")[2])
