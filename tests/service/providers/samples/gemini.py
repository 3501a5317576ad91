from __future__ import annotations

import base64

from service.providers.sse import Event
from service.providers.strict_json import Json, dump
from tests.service.providers.samples.sample import DATA, PIXEL, Sample

LETTER = base64.b64encode(b"a letter").decode()
ASKED: list[Json] = [
    {"text": "first"},
    {"inlineData": {"mimeType": "image/png", "data": DATA}, "mediaResolution": {"level": "LOW"}},
    {"inline_data": {"mime_type": "image/png", "data": DATA}},
    {"inlineData": {"mimeType": "text/plain", "data": LETTER, "displayName": "a name"}},
    {"inlineData": {"mimeType": "application/pdf", "data": "AAAA"}},
    {"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}},
    {
        "fileData": {"mimeType": "video/mp4", "fileUri": "https://x.test/v"},
        "videoMetadata": {"fps": 1},
    },
    {"fileData": {"mimeType": "image/png", "fileUri": "https://x.test/a.png"}},
    {"hologram": "new"},
    {"text": "last", "partMetadata": {"note": "extra"}},
    {
        "fileData": {
            "mimeType": "application/pdf",
            "fileUri": "https://x.test/a.pdf",
            "displayName": "a linked one",
        }
    },
    {"file_data": {"mime_type": "application/pdf", "file_uri": "gs://bucket/a.pdf"}},
]
RESULTS: list[Json] = [
    {
        "functionResponse": {
            "id": "1",
            "name": "f",
            "response": {"found": "the result"},
            "parts": [{"inlineData": {"mimeType": "image/png", "data": DATA}}],
        }
    },
    {"text": "go on"},
    {"functionResponse": {"name": "g", "response": {"found": "another"}}},
]
CALLED: list[Json] = [
    {"text": "hm", "thought": True, "thoughtSignature": "c2VhbGVk"},
    {"functionCall": {"id": "1", "name": "f", "args": {"q": "cats"}}},
    {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
    {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
]


def _chunk(*parts: Json, index: int = 0, **more: Json) -> Event:
    content: Json = {"role": "model", "parts": list(parts)}
    candidate: Json = {"index": index, "content": content, **more}
    return Event(dump({"candidates": [candidate], "modelVersion": "m-1"}).decode())


STREAM = [
    _chunk({"text": "h", "thought": True}),
    _chunk({"text": "o"}, {"text": "m", "thought": True}),
    _chunk({"text": "t"}, index=1),
    _chunk({"text": "ne", "thoughtSignature": "c2VhbGVk"}),
    _chunk({"functionCall": {"name": "g", "args": {"a": 1}}}, finishReason="STOP"),
    _chunk({"text": "wo"}, index=1, citationMetadata={"citations": [{"uri": "https://x.test"}]}),
    _chunk(index=1, finishReason="SAFETY", finishMessage="why"),
]

SAMPLE = Sample(
    body={
        "contents": [
            {"role": "user", "parts": ASKED, "mood": "odd"},
            {"role": "model", "parts": CALLED},
            {"role": "user", "parts": RESULTS},
            {"parts": {"text": "thanks"}},
        ],
        "system_instruction": {"parts": [{"text": "be kind"}]},
        "tools": [{"functionDeclarations": [{"name": "f", "description": "finds"}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
        "generationConfig": {
            "temperature": 1,
            "thinkingConfig": {"includeThoughts": True},
            "responseSchema": {"description": "a form"},
        },
        "cachedContent": "cachedContents/1",
        "documents": [{"text": "unknown field"}],
    },
    seen=[
        ("/system_instruction/parts/0/text", "operator", "be kind"),
        ("/tools/0", "operator", "functionDeclarations\nname\nf\ndescription\nfinds"),
        ("/generationConfig/responseSchema", "operator", "description\na form"),
        ("/cachedContent", "user", "history"),
        ("/documents", "operator", "text\nunknown field"),
        ("/contents/0/parts/0/text", "user", "first"),
        ("/contents/0/parts/1/inlineData", "user", "image"),
        ("/contents/0/parts/2/inline_data", "user", "image"),
        ("/contents/0/parts/3/inlineData", "third_party", "a letter"),
        ("/contents/0/parts/3/inlineData/displayName", "user", "a name"),
        ("/contents/0/parts/4/inlineData", "third_party", "document"),
        ("/contents/0/parts/5/inlineData", "user", "audio"),
        ("/contents/0/parts/6/fileData", "user", "file"),
        ("/contents/0/parts/7/fileData", "user", "remote_image"),
        ("/contents/0/parts/8", "user", "unknown"),
        ("/contents/0/parts/9/text", "user", "last"),
        ("/contents/0/parts/9/partMetadata", "user", "note\nextra"),
        ("/contents/0/parts/10/fileData", "third_party", "remote_document"),
        ("/contents/0/parts/10/fileData/displayName", "user", "a linked one"),
        ("/contents/0/parts/11/file_data", "user", "file"),
        ("/contents/0/mood", "user", "odd"),
        ("/contents/1/parts/0/text", "model", "hm"),
        ("/contents/1/parts/1/functionCall", "model", 'f {"q":"cats"}'),
        ("/contents/1/parts/2/executableCode/code", "model", "print(1)"),
        ("/contents/1/parts/3/codeExecutionResult/output", "third_party", "1"),
        ("/contents/2/parts/0/functionResponse/parts/0/inlineData", "third_party", "image"),
        ("/contents/2/parts/0/functionResponse/name", "third_party", "f"),
        ("/contents/2/parts/0/functionResponse/response", "third_party", "found\nthe result"),
        ("/contents/2/parts/2/functionResponse/name", "third_party", "g"),
        ("/contents/2/parts/2/functionResponse/response", "third_party", "found\nanother"),
        ("/contents/2/parts/1/text", "user", "go on"),
        ("/contents/3/parts/text", "user", "thanks"),
    ],
    calls={
        "/contents/1/parts/1/functionCall": ("1", "f"),
        "/contents/2/parts/0/functionResponse/parts/0/inlineData": ("1", "f"),
        "/contents/2/parts/0/functionResponse/name": ("1", "f"),
        "/contents/2/parts/0/functionResponse/response": ("1", "f"),
        "/contents/2/parts/2/functionResponse/name": ("", "g"),
        "/contents/2/parts/2/functionResponse/response": ("", "g"),
    },
    thoughts=frozenset({"/contents/1/parts/0/text"}),
    answered_thoughts=frozenset({"/candidates/0/content/parts/0/text"}),
    answered_calls={"/candidates/0/content/parts/2/functionCall": ("", "g")},
    pictures=[(PIXEL, "image/png", None)] * 3,
    settings=frozenset(
        {
            "/toolConfig",
            "/generationConfig/thinkingConfig",
            "/contents/0/parts/1/mediaResolution",
            "/contents/0/parts/6/videoMetadata",
        }
    ),
    answer={
        "candidates": [
            {
                "index": 0,
                "content": {
                    "role": "model",
                    "parts": [
                        {"text": "hm", "thought": True},
                        {"text": "one", "thoughtSignature": "c2VhbGVk"},
                        {"functionCall": {"name": "g", "args": {"a": 1}}},
                    ],
                },
                "finishReason": "STOP",
            },
            {
                "index": 1,
                "content": {"role": "model", "parts": [{"text": "two"}]},
                "citationMetadata": {"citations": [{"uri": "https://x.test"}]},
                "finishReason": "SAFETY",
                "finishMessage": "why",
            },
        ],
        "modelVersion": "m-1",
        "usageMetadata": {"totalTokenCount": 1},
    },
    answered=[
        ("/candidates/0/content/parts/0/text", "hm"),
        ("/candidates/0/content/parts/1/text", "one"),
        ("/candidates/0/content/parts/2/functionCall", 'g {"a":1}'),
        ("/candidates/1/content/parts/0/text", "two"),
        ("/candidates/1/citationMetadata", "citations\nuri\nhttps://x.test"),
        ("/candidates/1/finishMessage", "why"),
    ],
    stream=STREAM,
)
