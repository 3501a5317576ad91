from __future__ import annotations

from service.providers.sse import Event
from service.providers.strict_json import Json, dump
from tests.service.providers.samples.sample import DATA_URI, PIXEL, Sample


def _chunk(index: int, delta: Json, reason: str | None = None) -> Event:
    choice: Json = {"index": index, "delta": delta, "finish_reason": reason}
    return Event(dump({"id": "x", "model": "m", "choices": [choice]}).decode())


def _arguments(text: str) -> Event:
    return _chunk(1, {"tool_calls": [{"index": 0, "function": {"arguments": text}}]})


CALL: Json = {
    "index": 0,
    "id": "c",
    "type": "function",
    "function": {"name": "g", "arguments": ""},
}
STREAM = [
    _chunk(0, {"role": "assistant", "content": ""}),
    _chunk(1, {"role": "assistant", "refusal": "n"}),
    _chunk(0, {"content": "on"}),
    _chunk(1, {"refusal": "o"}),
    _chunk(0, {"content": "e"}),
    _chunk(0, {}, "stop"),
    _chunk(1, {"reasoning_content": "h"}),
    _chunk(1, {"reasoning_content": "m"}),
    _chunk(1, {"tool_calls": [CALL]}),
    _arguments("{"),
    _arguments("}"),
    _chunk(1, {}, "tool_calls"),
    Event(dump({"id": "x", "choices": [], "citations": ["https://x.test"]}).decode()),
    Event("[DONE]"),
]

SAMPLE = Sample(
    body={
        "model": "m",
        "n": 2,
        "top_k": 3,
        "documents": [{"text": "unknown field"}],
        "tools": [{"type": "function", "function": {"name": "f", "description": "finds"}}],
        "messages": [
            {"role": "system", "content": "be kind"},
            {"role": "developer", "content": [{"type": "text", "text": "be brief"}]},
            {
                "role": "user",
                "name": "ann",
                "content": [
                    {"type": "text", "text": "first"},
                    {"type": "image_url", "image_url": {"url": DATA_URI, "detail": "low"}},
                    {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}},
                    {"type": "text", "text": "last"},
                    {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
                    {"type": "file", "file": {"file_id": "f-1"}},
                    {"type": "hologram", "hologram": "new"},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "reasoning": "hm",
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "f", "arguments": '{"q":"cats"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "the result"},
            {"role": "function", "name": "g", "content": "another"},
            {"role": "tool", "tool_call_id": "c9", "content": [{"type": "text", "text": "more"}]},
            {"role": "user", "content": "thanks", "reasoning": {"hint": "extra"}},
        ],
    },
    seen=[
        ("/documents", "operator", "text\nunknown field"),
        ("/tools/0", "operator", "type\nfunction\nfunction\nname\nf\ndescription\nfinds"),
        ("/messages/0/content", "operator", "be kind"),
        ("/messages/1/content/0/text", "operator", "be brief"),
        ("/messages/2/name", "user", "ann"),
        ("/messages/2/content/0/text", "user", "first"),
        ("/messages/2/content/1", "user", "image"),
        ("/messages/2/content/2", "user", "remote_image"),
        ("/messages/2/content/3/text", "user", "last"),
        ("/messages/2/content/4", "user", "audio"),
        ("/messages/2/content/5", "user", "file"),
        ("/messages/2/content/6", "user", "unknown"),
        ("/messages/3/reasoning", "model", "hm"),
        ("/messages/3/tool_calls/0/function", "model", 'f {"q":"cats"}'),
        ("/messages/4/content", "third_party", "the result"),
        ("/messages/5/name", "third_party", "g"),
        ("/messages/5/content", "third_party", "another"),
        ("/messages/6/content/0/text", "third_party", "more"),
        ("/messages/7/content", "user", "thanks"),
        ("/messages/7/reasoning", "user", "hint\nextra"),
    ],
    calls={
        "/messages/3/tool_calls/0/function": ("c1", "f"),
        "/messages/4/content": ("c1", "f"),
        "/messages/5/name": ("", "g"),
        "/messages/5/content": ("", "g"),
        "/messages/6/content/0/text": ("c9", ""),
    },
    thoughts=frozenset({"/messages/3/reasoning"}),
    answered_thoughts=frozenset({"/choices/1/message/reasoning_content"}),
    answered_calls={"/choices/1/message/tool_calls/0/function": ("c", "g")},
    answer={
        "id": "x",
        "model": "m",
        "citations": ["https://x.test"],
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "one"}},
            {
                "index": 1,
                "message": {
                    "role": "assistant",
                    "content": None,
                    "refusal": "no",
                    "reasoning_content": "hm",
                    "tool_calls": [
                        {
                            "id": "c",
                            "type": "function",
                            "function": {"name": "g", "arguments": "{}"},
                        }
                    ],
                },
            },
        ],
    },
    answered=[
        ("/choices/0/message/content", "one"),
        ("/choices/1/message/refusal", "no"),
        ("/choices/1/message/reasoning_content", "hm"),
        ("/choices/1/message/tool_calls/0/function", "g {}"),
        ("/citations", "https://x.test"),
    ],
    pictures=[(PIXEL, "image/png", "low")],
    stream=STREAM,
)
