"""Errors of the model's server, in every dialect: what passes on, and what is put in its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.errors import UpstreamFailed
from service.pipeline.examine import Examiner
from service.pipeline.handle import Call
from service.pipeline.upstream_error import MOST
from service.providers.gemini_files import GeminiFiles
from service.providers.table import ENDPOINTS, find
from tests.service.pipeline.playing import ASKED, Told, model, play, streamed
from tests.service.pipeline.words import examining

# Nothing stands against a request here, the batch of an unknown file among them.
POLICY = """
version: 1
description: a test
rules:
  - {id: bad-answer, description: d, stage: response, on: [model], when: harm > 0.5,
     action: refuse, message: not this answer}
  - {id: gently, description: d, stage: response, on: [model], when: identity > 0.5,
     action: rewrite, edits: [{kind: redact}]}
  - {id: answer-incomplete, description: d, stage: response, when: "!complete", action: refuse,
     message: not inspected}
"""
GEMINI = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}
BODIES: dict[str, Any] = {
    "openai_chat": ASKED,
    "openai_responses": {"model": "m", "input": "hello"},
    "openai_completions": {"model": "m", "prompt": "hello"},
    "openai_embeddings": {"model": "m", "input": "hello"},
    "openai_images": {"model": "m", "prompt": "hello"},
    "openai_image_edits": {"prompt": "hello"},
    "openai_files": {"purpose": "user_data"},
    "openai_batches": {
        "input_file_id": "f",
        "endpoint": "/v1/responses",
        "completion_window": "24h",
    },
    "anthropic": {"model": "m", "max_tokens": 9, "messages": ASKED["messages"]},
    "gemini": GEMINI,
}
FORMS = {"openai_image_edits", "openai_files"}
PATHS = [path for _, path in ENDPOINTS]
PAGE = b"<html><h1>bad gateway of 10.0.0.7</h1></html>"
SLOW = {"retry-after": "7", "x-ratelimit-remaining-requests": "0"}

every = pytest.mark.parametrize("path", PATHS)


def error(message: str, **more: object) -> bytes:
    """As each of the three says it: they differ in what stands beside the message."""
    return json.dumps({"error": {"message": message, "code": "c", **more}}).encode()


@pytest.fixture
def examiner(tmp_path: Path) -> Examiner:
    return examining(tmp_path, policy=POLICY)


def asked(path: str) -> Call:
    """A harmless request to an endpoint."""
    on_wire = path.replace("{model}", "m").replace("{id}", "f")
    if ("GET", path) in ENDPOINTS:
        fetching = find("GET", on_wire)
        assert fetching is not None
        return Call(provider=fetching, path=on_wire, headers=(), body=b"", method="GET")
    found = ENDPOINTS["POST", path]
    if found.dialect == "gemini_files":
        alone = GeminiFiles("text/plain", said={})
        return Call(provider=alone, path=on_wire, headers=(), body=b"hello")
    body = BODIES[found.dialect]
    files = {"file": ("a.txt", b"hello", "text/plain")} if found.dialect in FORMS else None
    if found.dialect == "openai_image_edits":
        files = {"other": ("a.txt", b"hello", "text/plain")}
    given = {"data": body, "files": files} if files else {"json": body}
    request = httpx.Request("POST", f"http://gate{on_wire}", **given)
    provider = find("POST", on_wire, "", request.headers["content-type"])
    assert provider is not None
    return Call(provider=provider, path=on_wire, headers=(), body=request.read())


def answered(
    examiner: Examiner,
    path: str,
    body: bytes,
    status: int,
    kind: str = "application/json",
    **headers: str,
) -> tuple[Told, Any]:
    """What a client gets whose model answers so; and its JSON."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with model(body, status=status, kind=kind, headers=named) as (base, sent):
        (reply,) = play(examiner, base, asked(path))
    assert len(sent) == 1
    return reply, json.loads(reply.body)


def ours(path: str, status: int, message: str) -> Any:  # noqa: ANN401 - as on the wire
    """The dialect's own error."""
    own = UpstreamFailed(message)
    own.status = status
    return asked(path).provider.error(own)


@every
@pytest.mark.parametrize("status", [400, 429, 529])
def test_a_readable_error_passes_as_it_came(examiner: Examiner, path: str, status: int) -> None:
    said = error("busy", type="t", param=None, details=[{"reason": "busy", "left": 0}])
    reply, _ = answered(examiner, path, said, status, **SLOW)
    assert (reply.status, reply.body) == (status, said)
    headers = dict(reply.headers)
    assert {**headers, **SLOW} == headers
    assert headers["x-request-id"] == "up-1"
    assert headers["x-glassgate-decision"] == "forward"


OTHER_FORMS = {
    "a word": b'{"error":"model not found"}',
    "without an envelope": b'{"object":"error","message":"too long","code":400}',
    "another server's": b'{"detail":[{"loc":["body"],"msg":"field required"}]}',
    "an array of one": b'[{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}]',
}


@pytest.mark.parametrize("said", OTHER_FORMS.values(), ids=OTHER_FORMS)
def test_an_error_of_another_form_passes_as_it_came(examiner: Examiner, said: bytes) -> None:
    reply, _ = answered(examiner, "/v1/chat/completions", said, 400)
    assert (reply.status, reply.body) == (400, said)


@every
@pytest.mark.parametrize("status", [401, 403, 429, 503, 520])
def test_a_page_becomes_the_dialects_error_with_its_status(
    examiner: Examiner, path: str, status: int
) -> None:
    reply, told = answered(examiner, path, PAGE, status, "text/html", **SLOW)
    message = f"the model's server answered with status {status} and no error of its API"
    assert (reply.status, told) == (status, ours(path, status, f"{message} that can be read"))
    headers = dict(reply.headers)
    assert headers["retry-after"] == "7"
    assert headers["content-type"] == "application/json"
    assert headers["x-glassgate-decision"] == "error"


NO_ERROR: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "text/plain"),
    "a word": (b"busy", "text/plain"),
    "JSON that is no object": (b'"busy"', "application/json"),
    "an array of two": (b"[{},{}]", "application/json"),
    "an array of none": (b"[]", "application/json"),
    "the same key twice": (b'{"error":{"code":1,"code":2}}', "application/json"),
    "no UTF-8": (b'{"error":"\xff"}', "application/json"),
    "a stream": (streamed((0, {"content": "hi"})), "text/event-stream"),
    "an enormous one": (error("x" * MOST), "application/json"),
}


@pytest.mark.parametrize(("said", "kind"), NO_ERROR.values(), ids=NO_ERROR)
def test_what_is_no_readable_error_becomes_one(examiner: Examiner, said: bytes, kind: str) -> None:
    reply, told = answered(examiner, "/v1/chat/completions", said, 429, kind, **SLOW)
    assert (reply.status, told["error"]["code"]) == (429, "upstream_error")
    assert dict(reply.headers)["retry-after"] == "7"


@pytest.mark.parametrize("status", [300, 304, 307])
def test_what_has_no_status_of_an_error_is_a_bad_gateway(examiner: Examiner, status: int) -> None:
    said = b"" if status == 304 else error("moved")
    reply, told = answered(examiner, "/v1/chat/completions", said, status)
    assert (reply.status, told["error"]["code"]) == (502, "upstream_error")
    assert f"status {status}" in told["error"]["message"]


@every
@pytest.mark.parametrize("status", [301, 307])
def test_no_client_is_sent_to_another_place(examiner: Examiner, path: str, status: int) -> None:
    there = {"location": "https://elsewhere.example/v1"}
    reply, told = answered(examiner, path, error("moved"), status, **there)
    assert reply.status == 502
    assert "another place" in json.dumps(told)
    assert "elsewhere" not in json.dumps([told, *reply.headers])


WITHHELD = {
    "in its message": (error("you asked: bad"), "not this answer"),
    "in its code": (error("no", code="bad"), "not this answer"),
    "deep in its details": (error("no", details=[{"input": {"x": ["bad"]}}]), "not this answer"),
    "beside it": (b'{"error":{"message":"no"},"debug":"bad"}', "not this answer"),
    "in another form": (b'{"error":"bad"}', "not this answer"),
    "in an array": (b'[{"error":{"message":"bad"}}]', "not this answer"),
    "what would have to be edited": (error("who is it"), "could not be made safe"),
    "what could not be inspected": (error("boom"), "not inspected"),
    "a picture": (error("no", shown="data:image/png;base64,AAAA"), "not inspected"),
}


@pytest.mark.parametrize(("said", "why"), WITHHELD.values(), ids=WITHHELD)
def test_words_that_may_not_be_shown_are_withheld(
    examiner: Examiner, said: bytes, why: str
) -> None:
    reply, told = answered(examiner, "/v1/chat/completions", said, 429, **SLOW)
    assert reply.status == 429
    assert dict(reply.headers)["retry-after"] == "7"
    message = told["error"]["message"]
    assert why in message
    assert "the model's server answered with status 429" in message
    assert [word for word in ("bad", "who is", "boom", "data:") if word in message] == []


@every
def test_they_are_withheld_in_every_dialect(examiner: Examiner, path: str) -> None:
    _, told = answered(examiner, path, error("you asked: bad"), 400)
    message = "and words that are withheld: not this answer"
    assert told == ours(path, 400, f"the model's server answered with status 400 {message}")


@pytest.mark.parametrize("wait", ["soon", "Wed, 21 Oct 2026 07:28:00 GMT", "9" * 400, "-1", "\xb2"])
def test_only_seconds_are_told_of_a_wait(examiner: Examiner, wait: str) -> None:
    said = {"retry_after": wait}
    reply, _ = answered(examiner, "/v1/chat/completions", PAGE, 503, "text/html", **said)
    assert (reply.status, dict(reply.headers).get("retry-after")) == (503, None)
