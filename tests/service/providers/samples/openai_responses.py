from __future__ import annotations

from service.providers.sse import Event
from service.providers.strict_json import Json, dump
from tests.service.providers.samples.sample import DATA_URI, PIXEL, Sample


def _event(kind: str, **fields: Json) -> Event:
    return Event(dump({"type": kind, "sequence_number": 0, **fields}).decode(), kind)


def _of(kind: str, index: int, **fields: Json) -> Event:
    return _event(f"response.{kind}", item_id=f"i{index}", output_index=index, **fields)


def _response(status: str, output: list[Json]) -> Json:
    return {"id": "r", "object": "response", "model": "m", "status": status, "output": output}


THOUGHT: Json = {
    "id": "i0",
    "type": "reasoning",
    "summary": [{"type": "summary_text", "text": "hm"}],
    "encrypted_content": "c2VhbGVk",
}
SAID: Json = {
    "id": "i1",
    "type": "message",
    "status": "completed",
    "role": "assistant",
    "content": [
        {
            "type": "output_text",
            "text": "one",
            "annotations": [{"type": "url_citation", "url": "https://x.test", "title": "two"}],
            "logprobs": [{"token": "one"}],
        },
        {"type": "refusal", "refusal": "no"},
    ],
}
CALL: dict[str, Json] = {
    "id": "i2",
    "type": "function_call",
    "status": "completed",
    "call_id": "c",
    "name": "g",
    "arguments": "{}",
}
SEARCH: Json = {
    "id": "i3",
    "type": "web_search_call",
    "status": "completed",
    "action": {"type": "search", "query": "dogs"},
}
SUMMARY: dict[str, Json] = {"type": "summary_text", "text": ""}
TEXT: dict[str, Json] = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
CITED: Json = {"type": "url_citation", "url": "https://x.test", "title": "two"}
STREAM = [
    _event("response.created", response=_response("in_progress", [])),
    _of("output_item.added", 0, item={"id": "i0", "type": "reasoning", "summary": []}),
    _of("reasoning_summary_part.added", 0, summary_index=0, part=SUMMARY),
    _of("reasoning_summary_text.delta", 0, summary_index=0, delta="h"),
    _of("reasoning_summary_text.delta", 0, summary_index=0, delta="m"),
    _of("reasoning_summary_text.done", 0, summary_index=0, text="hm"),
    _of("reasoning_summary_part.done", 0, summary_index=0, part={**SUMMARY, "text": "hm"}),
    _of("output_item.done", 0, item=THOUGHT),
    _of(
        "output_item.added",
        1,
        item={
            "id": "i1",
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
        },
    ),
    _of("content_part.added", 1, content_index=0, part=TEXT),
    _of("output_text.delta", 1, content_index=0, delta="o", logprobs=[], obfuscation="xyz"),
    _of("output_text.delta", 1, content_index=0, delta="ne", logprobs=[]),
    _of("output_text.annotation.added", 1, content_index=0, annotation_index=0, annotation=CITED),
    _of("output_text.done", 1, content_index=0, text="one", logprobs=[]),
    _of(
        "content_part.done",
        1,
        content_index=0,
        part={**TEXT, "text": "one", "annotations": [CITED]},
    ),
    _of("content_part.added", 1, content_index=1, part={"type": "refusal", "refusal": ""}),
    _of("refusal.delta", 1, content_index=1, delta="no"),
    _of("refusal.done", 1, content_index=1, refusal="no"),
    _of("content_part.done", 1, content_index=1, part={"type": "refusal", "refusal": "no"}),
    _of("output_item.done", 1, item=SAID),
    _of("output_item.added", 2, item={**CALL, "status": "in_progress", "arguments": ""}),
    _of("function_call_arguments.delta", 2, delta="{"),
    _of("function_call_arguments.delta", 2, delta="}"),
    _of("function_call_arguments.done", 2, arguments="{}"),
    _of("output_item.done", 2, item=CALL),
    _of("output_item.added", 3, item={"id": "i3", "type": "web_search_call"}),
    _of("web_search_call.searching", 3),
    _of("output_item.done", 3, item=SEARCH),
    _event("response.completed", response=_response("completed", [THOUGHT, SAID, CALL, SEARCH])),
]

SAMPLE = Sample(
    body={
        "model": "m",
        "max_output_tokens": 9,
        "metadata": {"tenant": "t"},
        "reasoning": {"effort": "low"},
        "instructions": "be kind",
        "background": True,
        "previous_response_id": "r0",
        "conversation": {"id": "v1"},
        "prompt": {
            "id": "p",
            "version": "2",
            "variables": {"name": "ann", "photo": {"type": "input_image", "image_url": DATA_URI}},
        },
        "text": {"verbosity": "low", "format": {"type": "json_schema", "name": "shape"}},
        "tools": [{"type": "function", "name": "f", "description": "finds"}],
        "documents": [{"text": "unknown field"}],
        "input": [
            {"role": "developer", "content": "be brief"},
            {
                "type": "message",
                "role": "user",
                "mood": {"hint": "extra"},
                "content": [
                    {"type": "input_text", "text": "first"},
                    {"type": "input_image", "image_url": DATA_URI, "detail": "low"},
                    {"type": "input_image", "image_url": "https://x.test/a.png", "file_id": "f"},
                    {"type": "input_file", "file_id": "f-1"},
                    {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
                    {"type": "hologram", "hologram": "new"},
                    {"type": "input_file", "file_url": "https://x.test/a.pdf", "detail": "low"},
                    {"type": "input_file", "file_data": DATA_URI, "filename": "a file"},
                ],
            },
            {"id": "old"},
            {"type": "compaction", "id": "z", "encrypted_content": "c2VhbGVk"},
            THOUGHT,
            SAID,
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"q":"cats"}'},
            {
                "type": "function_call_output",
                "call_id": "c1",
                "output": [
                    {"type": "input_text", "text": "the result"},
                    {"type": "input_image", "image_url": DATA_URI},
                ],
            },
            {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "free"},
            {"type": "custom_tool_call_output", "call_id": "c2", "output": "another"},
            {"type": "computer_call", "call_id": "c3", "action": {"type": "type", "text": "hi"}},
            {
                "type": "computer_call_output",
                "call_id": "c3",
                "output": {"type": "computer_screenshot", "file_id": "f-2"},
            },
            {
                "type": "file_search_call",
                "queries": ["fur"],
                "results": [{"filename": "a.txt", "text": "a page"}],
            },
            {
                "type": "code_interpreter_call",
                "code": "print(1)",
                "outputs": [
                    {"type": "logs", "logs": "1"},
                    {"type": "image", "url": DATA_URI},
                ],
            },
            {
                "type": "mcp_call",
                "id": "c5",
                "name": "h",
                "server_label": "s",
                "arguments": "{}",
                "output": "from afar",
                "error": {"type": "http_error", "message": "lost"},
            },
            {
                "type": "mcp_list_tools",
                "server_label": "s",
                "tools": [{"name": "h", "description": "helps"}],
            },
            {"type": "shell_call", "call_id": "c4", "action": {"commands": ["ls"]}},
            {
                "type": "shell_call_output",
                "call_id": "c4",
                "output": [{"stdout": "a b", "stderr": ""}],
            },
            {"type": "image_generation_call", "result": "PHN2Zz4=", "output_format": "svg"},
            {"type": "crystal_ball", "vision": "new"},
            {"role": "user", "content": "thanks"},
        ],
    },
    seen=[
        ("/instructions", "operator", "be kind"),
        ("/background", "operator", "background"),
        ("/previous_response_id", "user", "history"),
        ("/conversation", "user", "history"),
        ("/text", "operator", "format\ntype\njson_schema\nname\nshape"),
        ("/tools/0", "operator", "type\nfunction\nname\nf\ndescription\nfinds"),
        ("/documents", "operator", "text\nunknown field"),
        ("/prompt", "operator", "template"),
        ("/prompt/variables/name", "user", "ann"),
        ("/prompt/variables/photo", "user", "image"),
        ("/input/0/content", "operator", "be brief"),
        ("/input/1/mood", "user", "hint\nextra"),
        ("/input/1/content/0/text", "user", "first"),
        ("/input/1/content/1", "user", "image"),
        ("/input/1/content/2", "user", "remote_image"),
        ("/input/1/content/2/file_id", "user", "file"),
        ("/input/1/content/3", "user", "file"),
        ("/input/1/content/4", "user", "audio"),
        ("/input/1/content/5", "user", "unknown"),
        ("/input/1/content/6", "user", "remote_document"),
        ("/input/1/content/7", "user", "document"),
        ("/input/1/content/7/filename", "user", "a file"),
        ("/input/2", "user", "history"),
        ("/input/3", "user", "history"),
        ("/input/4/summary/0/text", "model", "hm"),
        ("/input/5/content/0/text", "model", "one"),
        (
            "/input/5/content/0/annotations",
            "model",
            "type\nurl_citation\nurl\nhttps://x.test\ntitle\ntwo",
        ),
        ("/input/5/content/1/refusal", "model", "no"),
        ("/input/6", "model", 'f {"q":"cats"}'),
        ("/input/7/output/0/text", "third_party", "the result"),
        ("/input/7/output/1", "third_party", "image"),
        ("/input/8", "model", "g free"),
        ("/input/9/output", "third_party", "another"),
        ("/input/10", "model", 'computer {"type":"type","text":"hi"}'),
        ("/input/11/output/file_id", "third_party", "file"),
        ("/input/12", "model", 'file_search ["fur"]'),
        ("/input/12/results/0", "third_party", "filename\na.txt\ntext\na page"),
        ("/input/13", "model", "code_interpreter print(1)"),
        ("/input/13/outputs/0/logs", "third_party", "1"),
        ("/input/13/outputs/1", "third_party", "image"),
        ("/input/14", "model", "h {}"),
        ("/input/14/server_label", "model", "s"),
        ("/input/14/output", "third_party", "from afar"),
        ("/input/14/error", "third_party", "type\nhttp_error\nmessage\nlost"),
        ("/input/15/server_label", "third_party", "s"),
        ("/input/15/tools/0", "third_party", "name\nh\ndescription\nhelps"),
        ("/input/16", "model", 'shell {"commands":["ls"]}'),
        ("/input/17/output/0", "third_party", "stdout\na b\nstderr"),
        ("/input/18", "model", "unknown"),
        ("/input/19", "third_party", "unknown"),
        ("/input/20/content", "user", "thanks"),
    ],
    pictures=[
        (PIXEL, "image/png", None),
        (PIXEL, "image/png", "low"),
        *[(PIXEL, "image/png", None)] * 2,
    ],
    calls={
        **dict.fromkeys(("/input/6", "/input/7/output/0/text", "/input/7/output/1"), ("c1", "f")),
        **dict.fromkeys(("/input/8", "/input/9/output"), ("c2", "g")),
        **dict.fromkeys(("/input/10", "/input/11/output/file_id"), ("c3", "computer")),
        **dict.fromkeys(("/input/12", "/input/12/results/0"), ("", "file_search")),
        **dict.fromkeys(
            ("/input/13", "/input/13/outputs/0/logs", "/input/13/outputs/1"),
            ("", "code_interpreter"),
        ),
        **dict.fromkeys(
            ("/input/14", "/input/14/server_label", "/input/14/output", "/input/14/error"),
            ("c5", "h"),
        ),
        **dict.fromkeys(("/input/16", "/input/17/output/0"), ("c4", "shell")),
        "/input/18": ("", "image_generation"),
    },
    thoughts=frozenset({"/input/4/summary/0/text"}),
    answered_thoughts=frozenset({"/output/0/summary/0/text"}),
    answered_calls={"/output/2": ("c", "g"), "/output/3": ("i3", "web_search")},
    settings=frozenset({"/metadata", "/reasoning", "/input/5/content/0/logprobs"}),
    answer=_response("completed", [THOUGHT, SAID, CALL, SEARCH]),
    answered=[
        ("/output/0/summary/0/text", "hm"),
        ("/output/1/content/0/text", "one"),
        (
            "/output/1/content/0/annotations",
            "type\nurl_citation\nurl\nhttps://x.test\ntitle\ntwo",
        ),
        ("/output/1/content/1/refusal", "no"),
        ("/output/2", "g {}"),
        ("/output/3", 'web_search {"type":"search","query":"dogs"}'),
    ],
    stream=STREAM,
)
