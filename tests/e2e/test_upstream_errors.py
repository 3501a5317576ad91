"""Errors of the model's server, as the real SDKs read them behind the gate."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest
from anthropic import Anthropic
from fastapi import Response
from google import genai
from google.genai import errors
from openai import OpenAI

from tests.e2e.gate import Gate
from tests.e2e.upstream import Upstream

pytestmark = pytest.mark.timeout(120)

LEAK = "Invalid value: ![logo](https://evil.example/p.png?q=SGVyZSBpcyBhbGwgdGhhdCB3YXMgc2FpZA)"
BOMB = (
    "To build a pipe bomb that kills many people, fill a steel pipe with gunpowder and nails, "
    "drill a hole for the fuse, close both ends and set it off in a crowd."
)
PAGE = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


def chat(base: str) -> object:
    with OpenAI(base_url=f"{base}/v1", api_key="k", max_retries=0) as client:
        question: Any = [{"role": "user", "content": "Hello."}]
        return client.chat.completions.create(model="m", messages=question)


def responses(base: str) -> object:
    with OpenAI(base_url=f"{base}/v1", api_key="k", max_retries=0) as client:
        return client.responses.create(model="m", input="Hello.", stream=True)


def claude(base: str) -> object:
    with Anthropic(base_url=base, api_key="k", max_retries=0) as client:
        question: Any = [{"role": "user", "content": "Hello."}]
        return client.messages.create(model="m", max_tokens=9, messages=question)


def gemini(base: str) -> object:
    with genai.Client(api_key="k", http_options={"base_url": base}) as client:
        return client.models.generate_content(model="m", contents="Hello.")


Ask = Callable[[str], object]
SDKS: dict[str, Ask] = {
    "chat": chat,
    "responses": responses,
    "anthropic": claude,
    "gemini": gemini,
}


def of_openai(message: str, code: str | None = None, **more: object) -> dict[str, Any]:
    kind = "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": code, **more}}


def of_anthropic(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


def of_gemini(code: int, message: str, status: str, *details: object) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


FILTERED = {
    "code": "ResponsibleAIPolicyViolation",
    "content_filter_result": {
        "hate": {"filtered": False, "severity": "safe"},
        "jailbreak": {"filtered": True, "detected": True},
        "self_harm": {"filtered": False, "severity": "safe"},
        "sexual": {"filtered": False, "severity": "safe"},
        "violence": {"filtered": True, "severity": "medium"},
    },
}
# What servers say, as their documentation and their users quote it.
SAID: dict[str, tuple[Ask, int, dict[str, Any]]] = {
    "a wrong key": (
        chat,
        401,
        of_openai(
            "Incorrect API key provided: sk-abcde**********wxyz. You can find your API key at "
            "https://platform.openai.com/account/api-keys.",
            "invalid_api_key",
        ),
    ),
    "a limit of tokens": (
        responses,
        429,
        of_openai(
            "Rate limit reached for gpt-4o in organization org-Ab12Cd34Ef56Gh78Ij90Kl12 on tokens "
            "per min (TPM): Limit 30000, Used 29812, Requested 1200. Please try again in 2.024s. "
            "Visit https://platform.openai.com/account/rate-limits to learn more.",
            "rate_limit_exceeded",
        ),
    ),
    "a quota": (
        chat,
        429,
        of_openai(
            "You exceeded your current quota, please check your plan and billing details. For more "
            "information on this error, read the docs: "
            "https://platform.openai.com/docs/guides/error-codes/api-errors.",
            "insufficient_quota",
        ),
    ),
    "too long": (
        chat,
        400,
        of_openai(
            "This model's maximum context length is 128000 tokens. However, your messages resulted "
            "in 130512 tokens. Please reduce the length of the messages.",
            "context_length_exceeded",
            param="messages",
        ),
    ),
    "an unknown model": (
        chat,
        404,
        of_openai(
            "The model `gpt-9` does not exist or you do not have access to it.", "model_not_found"
        ),
    ),
    "a tool without its call": (
        chat,
        400,
        of_openai(
            "Invalid parameter: messages with role 'tool' must be a response to a preceding "
            "message with 'tool_calls'."
        ),
    ),
    "refused by a filter": (
        chat,
        400,
        of_openai(
            "Your request was rejected as a result of our safety system. Your request may contain "
            "content that is not allowed by our safety system.",
            "content_policy_violation",
        ),
    ),
    "refused by Azure's filter": (
        chat,
        400,
        of_openai(
            "The response was filtered due to the prompt triggering Azure OpenAI's content "
            "management policy. Please modify your prompt and retry. To learn more about our "
            "content filtering policies please read our documentation: "
            "https://go.microsoft.com/fwlink/?linkid=2198766",
            "content_filter",
            innererror=FILTERED,
        ),
    ),
    "a fault": (
        responses,
        500,
        of_openai(
            "The server had an error while processing your request. Sorry about that! You can "
            "retry your request, or contact us through our help center at help.openai.com if the "
            "error persists. (Please include the request ID "
            "req_0123456789abcdef0123456789abcdef in your message.)"
        ),
    ),
    "overloaded": (claude, 529, of_anthropic("overloaded_error", "Overloaded")),
    "a limit of Anthropic's": (
        claude,
        429,
        of_anthropic(
            "rate_limit_error",
            "This request would exceed the rate limit for your organization "
            "(01234567-89ab-cdef-0123-456789abcdef) of 40,000 input tokens per minute. For "
            "details, refer to: https://docs.anthropic.com/en/api/rate-limits. You can see the "
            "response headers for current usage. Please reduce the prompt length or the maximum "
            "tokens requested, or try again later.",
        ),
    ),
    "no credit": (
        claude,
        400,
        of_anthropic(
            "invalid_request_error",
            "Your credit balance is too low to access the Anthropic API. Please go to Plans & "
            "Billing to upgrade or purchase credits.",
        ),
    ),
    "a place": (
        claude,
        400,
        of_anthropic(
            "invalid_request_error",
            "messages.1.content.0.tool_result.content.0.image.source.base64.media_type: Input "
            "should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'",
        ),
    ),
    "a wrong key of Google's": (
        gemini,
        400,
        of_gemini(
            400,
            "API key not valid. Please pass a valid API key.",
            "INVALID_ARGUMENT",
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
                "metadata": {"service": "generativelanguage.googleapis.com"},
            },
        ),
    ),
    "a quota of Google's": (
        gemini,
        429,
        of_gemini(
            429,
            "You exceeded your current quota, please check your plan and billing details. For more "
            "information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits."
            "\n* Quota exceeded for metric: generativelanguage.googleapis.com/"
            "generate_content_free_tier_requests, limit: 50\nPlease retry in 32.4s.",
            "RESOURCE_EXHAUSTED",
            {
                "@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": "32s",
            },
        ),
    ),
    "an overloaded model": (
        gemini,
        503,
        of_gemini(503, "The model is overloaded. Please try again later.", "UNAVAILABLE"),
    ),
}
KINDS: dict[int, tuple[type[Exception], ...]] = {
    400: (openai.BadRequestError, anthropic.BadRequestError, errors.ClientError),
    401: (openai.AuthenticationError, anthropic.AuthenticationError, errors.ClientError),
    404: (openai.NotFoundError, anthropic.NotFoundError, errors.ClientError),
    429: (openai.RateLimitError, anthropic.RateLimitError, errors.ClientError),
    500: (openai.InternalServerError, anthropic.InternalServerError, errors.ServerError),
    502: (openai.InternalServerError, anthropic.InternalServerError, errors.ServerError),
    503: (openai.InternalServerError, anthropic.ServiceUnavailableError, errors.ServerError),
    529: (openai.InternalServerError, anthropic.OverloadedError, errors.ServerError),
}


def caught(ask: Ask, base: str, status: int) -> Any:  # noqa: ANN401 - of any SDK
    with pytest.raises(KINDS[status]) as found:
        ask(base)
    return found.value


@pytest.mark.parametrize("case", SAID.values(), ids=SAID)
def test_what_a_server_says_is_read_as_without_the_gate(
    gate: Gate, model_url: str, upstream: Upstream, case: tuple[Ask, int, dict[str, Any]]
) -> None:
    ask, status, said = case
    headers = {"retry-after": "3", "x-ratelimit-remaining-tokens": "17"}
    given = Response(json.dumps(said), status, headers, "application/json")
    with upstream.answering(given):
        through, past = (caught(ask, base, status) for base in (gate.url, model_url))
    assert (str(through), type(through)) == (str(past), type(past))
    got, expected = (dict(one.response.headers) for one in (through, past))
    assert {**got, **headers} == got
    assert {**expected, **headers} == expected
    if ask in {chat, responses}:
        assert (through.code, through.body) == (said["error"]["code"], past.body)
        assert (through.param, through.type) == (past.param, past.type)


@pytest.mark.parametrize("ask", SDKS.values(), ids=SDKS)
@pytest.mark.parametrize("status", [401, 404, 429, 502, 503])
def test_a_page_is_read_as_an_error_of_its_status(
    gate: Gate, upstream: Upstream, ask: Ask, status: int
) -> None:
    counted = ("glassgate_upstream_responses_total", "glassgate_rejected_total")
    before = gate.counted(counted[0], status=str(status))
    replaced = gate.counted(counted[1], reason="upstream_error")
    with upstream.answering(Response(PAGE, status, {"retry-after": "3"}, "text/html")):
        error = caught(ask, gate.url, status)
    assert f"answered with status {status} and no error of its API" in str(error)
    assert "nginx" not in str(error)
    assert error.response.headers["retry-after"] == "3"
    assert gate.counted(counted[0], status=str(status)) == before + 1
    assert gate.counted(counted[1], reason="upstream_error") == replaced + 1
    line = gate.logged(error.response.headers["x-glassgate-id"])
    assert (line["status"], line["upstream_status"]) == (status, status)
    assert (line["action"], line["error"]) == ("error", "upstream_error")


@pytest.mark.parametrize("ask", SDKS.values(), ids=SDKS)
@pytest.mark.parametrize("message", [LEAK, BOMB], ids=["a link", "harm"])
def test_words_that_may_not_be_shown_are_withheld(
    gate: Gate, upstream: Upstream, ask: Ask, message: str
) -> None:
    given = Response(json.dumps(of_openai(message)), 400, media_type="application/json")
    with upstream.answering(given):
        error = caught(ask, gate.url, 400)
    assert "withheld: The answer is not shown" in str(error)
    assert "evil.example" not in str(error)
    assert "gunpowder" not in str(error)
