from __future__ import annotations

from service.providers.sse import Event
from service.providers.strict_json import Json, dump
from tests.service.providers.samples.sample import DATA, Sample

EARLY: Json = {"type": "image_generation.partial_image", "b64_json": DATA, "size": "auto"}
LAST: Json = {"type": "image_generation.completed", "b64_json": DATA, "revised_prompt": "a cat"}

SAMPLE = Sample(
    body={
        "model": "m",
        "size": "1024x1024",
        "svg": {"model": "v"},
        "inspiration": {"text": "unknown field"},
        "prompt": "a cat",
    },
    seen=[("/prompt", "user", "a cat"), ("/inspiration", "user", "text\nunknown field")],
    pictures=(),
    settings=frozenset({"/svg"}),
    answer={"data": [EARLY, LAST]},
    answered=[("/data/0", "image"), ("/data/1", "image"), ("/data/1/revised_prompt", "a cat")],
    stream=[Event(dump(told).decode()) for told in (EARLY, LAST)],
    instructs=False,
    refuses=False,
)
