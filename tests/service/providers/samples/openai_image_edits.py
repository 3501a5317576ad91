from __future__ import annotations

from service.providers.strict_json import Json
from tests.service.providers.samples.openai_images import EARLY, LAST
from tests.service.providers.samples.openai_images import SAMPLE as GENERATED
from tests.service.providers.samples.sample import DATA_URI, PIXEL, Sample


def room() -> Json:
    return {"filename": "room.png", "file_data": DATA_URI}


SAMPLE = Sample(
    body={
        "model": "m",
        "size": "1024x1024",
        "inspiration": "unknown field",
        "prompt": "a cat",
        "image": [room(), room()],
        "mask": {"filename": "where.png", "file_data": DATA_URI, "shaded": True},
    },
    seen=[
        ("/prompt", "user", "a cat"),
        ("/image/0", "user", "image"),
        ("/image/0/filename", "user", "room.png"),
        ("/image/1", "user", "image"),
        ("/image/1/filename", "user", "room.png"),
        ("/mask", "user", "image"),
        ("/mask/filename", "user", "where.png"),
        ("/inspiration", "user", "unknown field"),
    ],
    pictures=[(PIXEL, "image/png", None)] * 3,
    answer={"data": [EARLY, LAST]},
    answered=GENERATED.answered,
    stream=GENERATED.stream,
    instructs=False,
    refuses=False,
    drops=False,
)
