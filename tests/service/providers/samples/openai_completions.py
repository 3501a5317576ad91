from __future__ import annotations

from service.providers.sse import Event
from service.providers.strict_json import Json, dump
from tests.service.providers.samples.sample import Sample


def _chunk(index: int, text: str, reason: str | None = None) -> Event:
    choice: Json = {"index": index, "text": text, "logprobs": None, "finish_reason": reason}
    return Event(dump({"id": "x", "model": "m", "choices": [choice]}).decode())


SAMPLE = Sample(
    body={
        "model": "m",
        "n": 2,
        "suffix": "the end",
        "documents": [{"text": "unknown field"}],
        "prompt": ["once", [101, 102], "twice"],
    },
    seen=[
        ("/prompt/0", "user", "once"),
        ("/prompt/1", "user", "tokens"),
        ("/prompt/2", "user", "twice"),
        ("/suffix", "user", "the end"),
        ("/documents", "user", "text\nunknown field"),
    ],
    pictures=(),
    answer={
        "id": "x",
        "object": "text_completion",
        "model": "m",
        "choices": [
            {"index": 0, "text": "upon", "logprobs": None, "finish_reason": "stop"},
            {"index": 1, "text": "a time", "logprobs": None, "finish_reason": "length"},
        ],
    },
    answered=[("/choices/0/text", "upon"), ("/choices/1/text", "a time")],
    stream=[
        _chunk(0, "up"),
        _chunk(1, "a "),
        _chunk(0, "on"),
        _chunk(0, "", "stop"),
        _chunk(1, "time"),
        _chunk(1, "", "length"),
        Event("[DONE]"),
    ],
    instructs=False,
)
