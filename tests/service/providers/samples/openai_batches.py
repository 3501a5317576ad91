from __future__ import annotations

from tests.service.providers.samples.sample import Sample

SAMPLE = Sample(
    body={
        "input_file_id": "file-1",
        "endpoint": "/v1/videos",
        "completion_window": "24h",
        "metadata": {"job": "nightly"},
        "comment": "unknown field",
    },
    seen=[
        ("/input_file_id", "user", "file"),
        ("/endpoint", "user", "unknown"),
        ("/comment", "user", "unknown field"),
    ],
    pictures=(),
    settings=frozenset({"/metadata"}),
    answer={
        "id": "batch_1",
        "object": "batch",
        "status": "failed",
        "errors": {"data": [{"message": "the file is empty"}]},
    },
    answered=[("/errors", "data\nmessage\nthe file is empty")],
    instructs=False,
    refuses=False,
)
