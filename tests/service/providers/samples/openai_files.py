from __future__ import annotations

from service.providers.strict_json import Json
from tests.service.providers.samples.openai_chat import SAMPLE as CHAT
from tests.service.providers.samples.openai_responses import SAMPLE as RESPONSES
from tests.service.providers.samples.sample import Sample

CHATS, ANSWERS = "/file/lines/0/body", "/file/lines/1/body"


def line(url: str, body: Json) -> Json:
    assert isinstance(body, dict)
    return {"custom_id": "1", "method": "POST", "url": url, "body": {**body, "model": "m"}}


SAMPLE = Sample(
    body={
        "purpose": "batch",
        "expires_after[seconds]": "3600",
        "comment": "unknown field",
        "file": {
            "filename": "asked.jsonl",
            "lines": [
                line("/v1/chat/completions", CHAT.body),
                line("/v1/responses", RESPONSES.body),
                line("/v1/moderations", {"input": "words"}),
            ],
        },
    },
    seen=[
        ("/comment", "user", "unknown field"),
        ("/file/filename", "user", "asked.jsonl"),
        *((CHATS + at, origin, told) for at, origin, told in CHAT.seen),
        *((ANSWERS + at, origin, told) for at, origin, told in RESPONSES.seen),
        ("/file/lines/2", "user", "unknown"),
    ],
    calls={
        **{CHATS + at: call for at, call in CHAT.calls.items()},
        **{ANSWERS + at: call for at, call in RESPONSES.calls.items()},
    },
    thoughts=frozenset(
        {*(CHATS + at for at in CHAT.thoughts), *(ANSWERS + at for at in RESPONSES.thoughts)}
    ),
    pictures=[*CHAT.pictures, *RESPONSES.pictures],
    settings=frozenset(
        {*(CHATS + at for at in CHAT.settings), *(ANSWERS + at for at in RESPONSES.settings)}
    ),
    answer={"id": "file-1", "object": "file", "bytes": 9, "filename": "asked.jsonl"},
    answered=[("/filename", "asked.jsonl")],
    instructs=False,
    refuses=False,
)
