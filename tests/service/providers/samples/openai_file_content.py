from __future__ import annotations

from tests.service.providers.samples.sample import Sample

SAMPLE = Sample(
    body={"comment": "unknown field"},
    seen=[("/comment", "user", "unknown field")],
    pictures=(),
    answer={
        "file": {"filename": "a.txt", "file_data": "data:text/plain;base64,d29yZHM="},
    },
    answered=[("/file", "document"), ("/file/filename", "a.txt")],
    instructs=False,
    refuses=False,
)
