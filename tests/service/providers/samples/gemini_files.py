from __future__ import annotations

from tests.service.providers.samples.sample import DATA, Sample

SAMPLE = Sample(
    body={
        "metadata": {
            "file": {
                "name": "files/a",
                "displayName": "A photo",
                "mimeType": "image/png",
                "sizeBytes": "9",
                "uri": "https://x.test/another",
                "error": {"message": "unknown field"},
            },
            "comment": "beside",
        },
        "media": {"mimeType": "image/png", "data": DATA},
    },
    seen=[
        ("/metadata/file/uri", "user", "file"),
        ("/metadata/file/displayName", "user", "A photo"),
        ("/metadata/file/error", "user", "message\nunknown field"),
        ("/metadata/comment", "user", "beside"),
        ("/media", "user", "image"),
    ],
    answer={
        "file": {
            "name": "files/a",
            "displayName": "A photo",
            "uri": "https://generativelanguage.googleapis.com/v1beta/files/a",
            "state": "ACTIVE",
        },
        "more": "words",
    },
    answered=[("/file/displayName", "A photo"), ("/more", "words")],
    instructs=False,
    refuses=False,
    drops=False,
)
