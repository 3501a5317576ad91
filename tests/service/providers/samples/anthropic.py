from __future__ import annotations

from service.providers.anthropic_events import event
from service.providers.sse import Event
from service.providers.strict_json import Json
from tests.service.providers.samples.sample import DATA, PIXEL, Sample

PICTURE: Json = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": DATA},
    "cache_control": {"type": "ephemeral"},
}
SCREEN: Json = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": DATA},
}
ASKED: list[Json] = [
    {"type": "text", "text": "first"},
    PICTURE,
    {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}},
    {"type": "image", "source": {"type": "file", "file_id": "f-1"}},
    {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"},
    },
    {
        "type": "document",
        "title": "a title",
        "source": {"type": "text", "media_type": "text/plain", "data": "a letter"},
    },
    {
        "type": "document",
        "source": {"type": "content", "content": [{"type": "text", "text": "a page"}]},
    },
    {
        "type": "search_result",
        "source": "https://x.test",
        "title": "found",
        "content": [{"type": "text", "text": "a hit"}],
    },
    {"type": "container_upload", "file_id": "f-2"},
    {"type": "hologram", "hologram": "new"},
    {
        "type": "document",
        "title": "a linked one",
        "source": {"type": "url", "url": "https://x.test/a.pdf"},
        "citations": {"enabled": True},
    },
    {"type": "document", "context": "a kept one", "source": {"type": "file", "file_id": "f-3"}},
]
CALLED: list[Json] = [
    {"type": "thinking", "thinking": "hm", "signature": "c2VhbGVk"},
    {"type": "redacted_thinking", "data": "c2VhbGVk"},
    {
        "type": "text",
        "text": "I look it up.",
        "citations": [
            {"type": "char_location", "cited_text": "a letter", "start_char_index": 0},
        ],
    },
    {"type": "tool_use", "id": "t1", "name": "f", "input": {"q": "cats"}},
    {"type": "server_tool_use", "id": "t2", "name": "web_search", "input": {"query": "dogs"}},
    {
        "type": "web_search_tool_result",
        "tool_use_id": "t2",
        "content": [
            {
                "type": "web_search_result",
                "title": "dogs",
                "url": "https://dogs.test",
                "encrypted_content": "c2VhbGVk",
            }
        ],
    },
]
RESULTS: list[Json] = [
    {
        "type": "tool_result",
        "tool_use_id": "t1",
        "is_error": False,
        "content": [
            {"type": "text", "text": "the result"},
            SCREEN,
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "a paper"},
            },
            {"type": "document", "source": {"type": "url", "url": "https://x.test/b.pdf"}},
        ],
    },
    {"type": "text", "text": "go on"},
    {"type": "tool_result", "tool_use_id": "t3", "content": "another"},
]


def _delta(index: int, **delta: Json) -> Event:
    return event("content_block_delta", index=index, delta=delta)


def _block(index: int, **block: Json) -> Event:
    return event("content_block_start", index=index, content_block=block)


STREAM = [
    event(
        "message_start",
        message={"id": "x", "type": "message", "role": "assistant", "model": "m", "content": []},
    ),
    _block(0, type="thinking", thinking="", signature=""),
    event("ping"),
    _delta(0, type="thinking_delta", thinking="h"),
    _delta(0, type="thinking_delta", thinking="m"),
    _delta(0, type="signature_delta", signature="c2VhbGVk"),
    event("content_block_stop", index=0),
    _block(1, type="text", text="", citations=None),
    _delta(1, type="text_delta", text="on"),
    _delta(1, type="text_delta", text="e"),
    _delta(1, type="citations_delta", citation={"type": "char_location", "cited_text": "two"}),
    event("content_block_stop", index=1),
    _block(2, type="tool_use", id="c", name="g", input={}),
    _delta(2, type="input_json_delta", partial_json=""),
    _delta(2, type="input_json_delta", partial_json='{"a"'),
    _delta(2, type="input_json_delta", partial_json=":1}"),
    event("content_block_stop", index=2),
    _block(3, type="tool_use", id="d", name="h", input={}),
    event("content_block_stop", index=3),
    event("message_delta", delta={"stop_reason": "tool_use"}, usage={"output_tokens": 9}),
    event("message_stop"),
]

SAMPLE = Sample(
    body={
        "model": "m",
        "max_tokens": 10,
        "metadata": {"user_id": "u"},
        "documents": [{"text": "unknown field"}],
        "system": [{"type": "text", "text": "be kind"}],
        "tools": [{"name": "f", "description": "finds", "input_schema": {"type": "object"}}],
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": ASKED, "mood": "extra"},
            {"role": "assistant", "content": CALLED},
            {"role": "user", "content": RESULTS},
            {"role": "assistant", "content": "done"},
            {"role": "user", "content": "thanks"},
        ],
    },
    seen=[
        ("/documents", "operator", "text\nunknown field"),
        ("/system/0/text", "operator", "be kind"),
        ("/tools/0", "operator", "name\nf\ndescription\nfinds\ninput_schema\ntype\nobject"),
        ("/messages/0/content", "operator", "be brief"),
        ("/messages/1/content/0/text", "user", "first"),
        ("/messages/1/content/1", "user", "image"),
        ("/messages/1/content/2", "user", "remote_image"),
        ("/messages/1/content/3", "user", "file"),
        ("/messages/1/content/4", "third_party", "document"),
        ("/messages/1/content/5/source/data", "third_party", "a letter"),
        ("/messages/1/content/5/title", "third_party", "a title"),
        ("/messages/1/content/6/source/content/0/text", "third_party", "a page"),
        ("/messages/1/content/7/content/0/text", "third_party", "a hit"),
        ("/messages/1/content/7/source", "third_party", "https://x.test"),
        ("/messages/1/content/7/title", "third_party", "found"),
        ("/messages/1/content/8", "user", "file"),
        ("/messages/1/content/9", "user", "unknown"),
        ("/messages/1/content/10", "third_party", "remote_document"),
        ("/messages/1/content/10/title", "third_party", "a linked one"),
        ("/messages/1/content/10/citations", "third_party", "enabled"),
        ("/messages/1/content/11", "third_party", "file"),
        ("/messages/1/content/11/context", "third_party", "a kept one"),
        ("/messages/1/mood", "user", "extra"),
        ("/messages/2/content/0/thinking", "model", "hm"),
        ("/messages/2/content/2/text", "model", "I look it up."),
        ("/messages/2/content/2/citations/0/cited_text", "model", "a letter"),
        ("/messages/2/content/3", "model", 'f {"q":"cats"}'),
        ("/messages/2/content/4", "model", 'web_search {"query":"dogs"}'),
        ("/messages/2/content/5/content/0/encrypted_content", "third_party", "sealed"),
        ("/messages/2/content/5/content/0/title", "third_party", "dogs"),
        ("/messages/2/content/5/content/0/url", "third_party", "https://dogs.test"),
        ("/messages/3/content/0/content/0/text", "third_party", "the result"),
        ("/messages/3/content/0/content/1", "third_party", "image"),
        ("/messages/3/content/0/content/2/source/data", "third_party", "a paper"),
        ("/messages/3/content/0/content/3", "third_party", "remote_document"),
        ("/messages/3/content/2/content", "third_party", "another"),
        ("/messages/3/content/1/text", "user", "go on"),
        ("/messages/4/content", "model", "done"),
        ("/messages/5/content", "user", "thanks"),
    ],
    calls={
        "/messages/2/content/3": ("t1", "f"),
        "/messages/2/content/4": ("t2", "web_search"),
        **dict.fromkeys(
            (
                "/messages/2/content/5/content/0/encrypted_content",
                "/messages/2/content/5/content/0/title",
                "/messages/2/content/5/content/0/url",
            ),
            ("t2", "web_search"),
        ),
        **dict.fromkeys(
            (
                "/messages/3/content/0/content/0/text",
                "/messages/3/content/0/content/1",
                "/messages/3/content/0/content/2/source/data",
                "/messages/3/content/0/content/3",
            ),
            ("t1", "f"),
        ),
        "/messages/3/content/2/content": ("t3", ""),
    },
    thoughts=frozenset({"/messages/2/content/0/thinking"}),
    answered_thoughts=frozenset({"/content/0/thinking"}),
    answered_calls={"/content/2": ("c", "g"), "/content/3": ("d", "h")},
    pictures=[(PIXEL, "image/png", None)] * 2,
    settings=frozenset({"/metadata", "/messages/1/content/1/cache_control"}),
    answer={
        "id": "x",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "c2VhbGVk"},
            {
                "type": "text",
                "text": "one",
                "citations": [{"type": "char_location", "cited_text": "two"}],
            },
            {"type": "tool_use", "id": "c", "name": "g", "input": {"a": 1}},
            {"type": "tool_use", "id": "d", "name": "h", "input": {}},
        ],
        "stop_reason": "tool_use",
    },
    answered=[
        ("/content/0/thinking", "hm"),
        ("/content/1/text", "one"),
        ("/content/1/citations/0/cited_text", "two"),
        ("/content/2", 'g {"a":1}'),
        ("/content/3", "h {}"),
    ],
    stream=STREAM,
)
