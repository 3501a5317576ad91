"""A policy with scopes in a real gate: whom each is for, and that nobody leaves that of its key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from tests.e2e.gate import Gate, running
from tests.e2e.upstream import Upstream, completion

pytestmark = pytest.mark.timeout(180)

KEY, OTHER = "sk-pupil", "sk-somebody"
CHAT, MESSAGES, GEMINI = (
    "/v1/chat/completions",
    "/v1/messages",
    "/v1beta/models/m:generateContent",
)
NAMES = {
    "tenants": ("by-tenant", "school-*"),
    "key_groups": ("by-key", "pupils"),
    "models": ("by-model", "gpt-*"),
    "paths": ("by-path", "/v1/messages"),
}


def written(kind: str) -> str:
    """A scope with a rule of its own, which refuses; that of the models refuses answers."""
    name, pattern = NAMES[kind]
    stage = "response" if kind == "models" else "request"
    return (
        f"  - id: {name}\n    description: d\n    {kind}: ['{pattern}']\n    rules:\n"
        f"      - {{id: {name}-rule, description: d, stage: {stage}, when: texts > 0,"
        f" action: refuse, message: Refused {name}.}}\n"
    )


POLICY = f"""\
version: 1
description: the policy of a test
rules:
  - {{id: everywhere, description: d, stage: request, when: harm > 2.0, action: refuse,
     message: Never.}}
select:
{"".join(written(kind) for kind in NAMES)}"""


@pytest.fixture(scope="module")
def scoped(model_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    folder = tmp_path_factory.mktemp("scoped")
    (folder / "policy.yaml").write_text(POLICY)
    settings = {
        "tenant_header": "x-tenant",
        "key_groups": json.dumps({"pupils": [hashlib.sha256(KEY.encode()).hexdigest()]}),
    }
    flags = ("--upstream", f"{model_url}/v1", "--policy", str(folder / "policy.yaml"))
    with running(folder / "gate", *flags, **settings) as gate:
        yield gate


def body(path: str, model: str) -> dict[str, Any]:
    if path == GEMINI:
        return {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}
    return {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}


ASKED: list[tuple[tuple[str, str, dict[str, str]], str]] = [
    # path, model, headers; the scope that refuses
    ((CHAT, "m", {}), ""),
    ((CHAT, "m", {"x-tenant": "school-7"}), "by-tenant"),
    ((CHAT, "m", {"x-tenant": "shop"}), ""),
    ((CHAT, "m", {"authorization": f"Bearer {KEY}"}), "by-key"),
    ((CHAT, "m", {"authorization": f"bearer {KEY}"}), "by-key"),
    ((CHAT, "m", {"api-key": KEY}), "by-key"),
    ((CHAT, "m", {"authorization": f"Bearer {OTHER}"}), ""),
    ((GEMINI, "", {"x-goog-api-key": KEY}), "by-key"),
    ((f"{GEMINI}?key={KEY}", "", {}), "by-key"),
    ((f"{GEMINI}?key={OTHER}", "", {}), ""),
    ((CHAT, "gpt-5", {}), "by-model"),
    ((MESSAGES, "m", {"x-api-key": OTHER}), "by-path"),
    ((MESSAGES, "m", {"x-api-key": KEY}), "by-key"),
    ((CHAT, "gpt-5", {"x-tenant": "school-7", "authorization": f"Bearer {KEY}"}), "by-tenant"),
]


@pytest.mark.parametrize(("call", "scope"), ASKED)
def test_the_scope_of_a_caller_is_in_force(
    scoped: Gate, upstream: Upstream, call: tuple[str, str, dict[str, str]], scope: str
) -> None:
    path, model, headers = call
    asked = body(path.partition("?")[0], model)
    reply = httpx.post(f"{scoped.url}{path}", json=asked, headers=headers, timeout=60)
    assert reply.headers["x-glassgate-decision"] == ("refuse" if scope else "forward")
    assert (f"Refused {scope}." in reply.text) is bool(scope)
    assert len(upstream.received) == (scope in {"", "by-model"})
    line = scoped.logged(reply.headers["x-glassgate-id"])
    assert (line["rules"], line["scope"]) == ([f"{scope}-rule"] if scope else [], scope)


def test_an_answer_has_the_scope_of_the_model_that_was_asked(
    scoped: Gate, upstream: Upstream
) -> None:
    """A model's server answers ``gpt-5`` as ``gpt-5-2026-01-01``, or as whatever it likes."""
    with upstream.answering(completion({"content": "Hello."})):
        reply = httpx.post(f"{scoped.url}{CHAT}", json=body(CHAT, "gpt-5"), timeout=60)
    assert "Refused by-model." in reply.text
    said = {**body(CHAT, "gpt-5"), "answer": {"model": "m", **completion_of("Hello.")}}
    reply = httpx.post(f"{scoped.url}/v1/guard", json=said, timeout=60)
    assert reply.json()["answer"]["decision"]["rules"] == ["by-model-rule"]


def completion_of(text: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]}


def test_nobody_leaves_a_group_by_a_second_key(scoped: Gate, upstream: Upstream) -> None:
    before = scoped.counted("glassgate_requests_total", dialect="openai_chat")
    with (
        OpenAI(
            base_url=f"{scoped.url}/v1", api_key=OTHER, default_headers={"x-api-key": KEY}
        ) as client,
        pytest.raises(openai.BadRequestError) as caught,
    ):
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}])
    assert caught.value.code == "ambiguous_key"
    assert "`x-api-key`" in caught.value.message
    assert "`authorization`" in caught.value.message
    headers = {"x-api-key": KEY, "authorization": f"bearer {OTHER}"}
    asked = body(MESSAGES, "m")
    reply = httpx.post(f"{scoped.url}{MESSAGES}", json=asked, headers=headers, timeout=60)
    assert (reply.status_code, reply.json()["type"]) == (400, "error")
    assert "send one" in reply.json()["error"]["message"]
    assert upstream.received == []
    assert scoped.counted("glassgate_requests_total", dialect="openai_chat") == before + 1
    assert scoped.counted("glassgate_rejected_total", reason="ambiguous_key") == 2
    assert KEY not in scoped.log
