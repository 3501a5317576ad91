from __future__ import annotations

from tests.service.providers.samples.sample import Sample

SAMPLE = Sample(
    body={
        "model": "m",
        "dimensions": 2,
        "task": {"kind": "unknown field"},
        "input": ["one", "two", [101, 102]],
    },
    seen=[
        ("/input/0", "user", "one"),
        ("/input/1", "user", "two"),
        ("/input/2", "user", "tokens"),
        ("/task", "user", "kind\nunknown field"),
    ],
    pictures=(),
    answer={
        "object": "list",
        "model": "m",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25], "note": "hm"}],
        "usage": {"prompt_tokens": 1, "total_tokens": 1},
    },
    answered=[("/data/0/note", "hm")],
    instructs=False,
    refuses=False,
)
