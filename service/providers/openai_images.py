"""OpenAI's generated pictures.

The shapes are those of the official SDK's types. An answer has no place for words that say no, so
a refusal is an error, as it is from OpenAI itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from detectors.contract.exchange import Exchange, Origin, Part
from service.providers.base import Assembly
from service.providers.deltas import DONE
from service.providers.fields import (
    UNKNOWN,
    Object,
    as_list,
    as_object,
    as_text,
    gap,
    image,
    inline_image,
    rest,
)
from service.providers.openai_texts import Wordless, answered, asked
from service.providers.sse import Event
from service.providers.strict_json import Json, parse, pointer

PICTURE_SETTINGS: Final = frozenset(
    {
        "model",
        "background",
        "complexity",
        "frame_count",
        "frame_duration_ms",
        "moderation",
        "n",
        "output_compression",
        "output_format",
        "partial_images",
        "quality",
        "response_format",
        "safety_identifier",
        "size",
        "stream",
        "style",
        "svg",
        "user",
    }
)
PICTURED_SETTINGS: Final = frozenset(
    {
        "background",
        "created",
        "created_at",
        "data",
        "output_format",
        "partial_image_index",
        "quality",
        "safety_identifier",
        "size",
        "svg_usage",
        "type",
        "usage",
    }
)


class OpenAIImages(Wordless):
    """``POST /v1/images/generations``."""

    dialect = "openai_images"

    def read(self, body: Json) -> Exchange:
        return asked(self.dialect, as_object(body, ""), "prompt", PICTURE_SETTINGS)

    def read_answer(self, answer: Json) -> Exchange:
        whole = as_object(answer, "")
        form = whole.get("output_format")
        told = []
        for index, item in enumerate(as_list(whole.get("data", []), "/data")):
            at = pointer("data", index)
            told.append(tuple(_picture(as_object(item, at), at, form)))
        return answered(self.dialect, whole, told, PICTURED_SETTINGS)

    def assembly(self) -> Assembly:
        return Pictures()


class Pictures:
    """The pictures of a stream, the unfinished ones too: the client is shown each."""

    done = False

    def __init__(self) -> None:
        self.whole = False
        self._data: list[Json] = []
        self._beside: Object = {}

    @property
    def answer(self) -> Json:
        return {"data": [*self._data], **self._beside}

    def add(self, event: Event) -> None:
        if event.data == DONE:
            self.done = self.whole = True
            return
        told = as_object(parse(event.data.encode()), "")
        if "error" in told:
            self._beside["error"] = told
            self.done = True
        else:
            self._data.append(told)
        self.whole = self.done or str(told.get("type")).endswith(".completed")


def _picture(item: Object, at: str, form: Json) -> Iterator[Part]:
    """A generated picture; ``form`` is that of all, where the item does not name its own."""
    form = item.get("output_format", form) or "png"
    data, url = item.get("b64_json"), item.get("url")
    if data is not None and form == "svg":
        yield gap(UNKNOWN, at, Origin.MODEL, "vector graphics are not read")
    elif data is not None:
        kind = as_text(form, f"{at}/output_format")
        yield inline_image(data, f"image/{kind}", at, Origin.MODEL)
    if url is not None:
        yield image(as_text(url, f"{at}/url"), f"{at}/url", Origin.MODEL, None)
    yield from rest(item, at, Origin.MODEL, PICTURED_SETTINGS | {"b64_json", "url"})
