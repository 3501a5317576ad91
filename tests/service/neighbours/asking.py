"""A desk in the test's own process, with detectors whose every verdict is known."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from PIL import Image

from detectors.contract.exchange import ImagePart, Line, Origin, Part, TextPart
from detectors.inspect import Inspector
from service.fetch.client import Fetcher
from service.neighbours.table import NEIGHBOURS
from service.pipeline.consult import Desk
from service.pipeline.examine import Examiner
from service.pipeline.handle import UNKEPT, Call, Ledger
from service.pipeline.pool import InspectionPool
from service.providers.base import Provider
from service.settings import Settings
from service.upstream import Upstream
from tests.e2e.serving import free_port
from tests.pictures import opened, png
from tests.service.pipeline.words import Words, examining

RED, GREEN, BLUE, GREY = "red", "green", "blue", "grey"
BOX = ((0.0, 0.0), (64.0, 0.0), (64.0, 8.0), (0.0, 8.0))
EDITS = """
  - {id: masked, description: d, stage: request, on: [ocr], when: hate > 0.5, action: rewrite,
     edits: [{kind: mask_text}]}
  - {id: dropped, description: d, stage: request, on: [ocr], when: identity > 0.5,
     action: rewrite, edits: [{kind: drop_image}]}
"""


class Colours:
    """Reads a picture by the colour of the band at its top, where the words stand."""

    name = "colours"
    version = "1"
    words: ClassVar[dict[object, str]] = {
        (255, 0, 0): "bad",
        (0, 128, 0): "hateful",
        (0, 0, 255): "who",
    }

    def applies(self, part: Part) -> bool:
        return isinstance(part, ImagePart)

    def reveal(self, part: Part) -> Sequence[Part]:
        if not isinstance(part, ImagePart):
            return ()
        picture = opened(part.data).convert("RGB")
        shown = picture.getpixel((2, 2))
        text = self.words.get(shown, "a field")
        line = Line(text=text, box=BOX, score=1.0, start=0)
        return (
            TextPart(
                pointer=part.pointer,
                parent=part.key,
                method="ocr",
                origin=Origin.THIRD_PARTY,
                text=text,
                lines=(line,),
            ),
        )

    def self_check(self) -> None:
        """Nothing can be wrong with it."""


def coloured(colour: str) -> str:
    """A white picture with a band of this colour, as a data URI."""
    picture = Image.new("RGB", (64, 64), "white")
    picture.paste(Image.new("RGB", (64, 8), colour))
    data = png(picture)
    return f"data:image/png;base64,{b64encode(data).decode()}"


@dataclass(frozen=True, slots=True)
class Told:
    status: int
    headers: Mapping[str, str]
    json: Any


def ask(  # noqa: PLR0913 - what a call comes with, by name
    folder: Path,
    path: str,
    body: object,
    *,
    policy: Sequence[str] = (),
    fetcher: Fetcher | None = None,
    provider: Provider | None = None,
    ledger: Ledger = UNKEPT,
) -> Told:
    """What the desk answers. The model's server is not there: whatever is forwarded is a 502."""
    plain = examining(folder, EDITS, *policy)
    examiner = Examiner(
        inspector=Inspector([*plain.inspector.views, Colours()], [Words()]),
        policy=plain.policy,
        sizes=(),
        limits=plain.limits,
        timeout_s=2,
    )

    async def run() -> Told:
        settings = Settings.read()
        upstream = Upstream(f"http://127.0.0.1:{free_port()}", settings)
        pool = InspectionPool(1, 1)
        desk = Desk(examiner, upstream, pool, fetcher, ledger)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        asked = provider or NEIGHBOURS["POST", path]
        reply = await desk.handle(Call(provider=asked, path=path, headers=(), body=raw))
        await upstream.close()
        pool.close()
        assert isinstance(reply.body, bytes)
        return Told(reply.status, dict(reply.headers), json.loads(reply.body))

    return asyncio.run(run())
