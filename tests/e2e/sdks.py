"""The official SDKs, asked for a stream: one listener a dialect, what it hears of each event."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from anthropic import Anthropic
from google import genai
from openai import OpenAI


@dataclass(frozen=True, slots=True)
class Heard:
    """An event: the words that it adds, those that say no, and why the answer ends, if it does.

    Where a dialect has no words of their own for a refusal, they are words of the answer.
    """

    words: str = ""
    refusal: str = ""
    end: str = ""


Listen = Callable[[str, str], Iterator[Heard]]
"""Asks the server at a base URL a question, and hears the answer."""


def _openai(base: str) -> OpenAI:
    return OpenAI(base_url=f"{base}/v1", api_key="k", max_retries=0)


def chat(base: str, question: str) -> Iterator[Heard]:
    with _openai(base) as client:
        asked: Any = [{"role": "user", "content": question}]
        for chunk in client.chat.completions.create(model="m", messages=asked, stream=True):
            for choice in chunk.choices:
                words, refusal = choice.delta.content or "", choice.delta.refusal or ""
                yield Heard(words, refusal, choice.finish_reason or "")


def responses(base: str, question: str) -> Iterator[Heard]:
    with _openai(base) as client:
        for event in client.responses.create(model="m", input=question, stream=True):
            if event.type == "response.output_text.delta":
                yield Heard(event.delta)
            elif event.type == "response.refusal.delta":
                yield Heard(refusal=event.delta)
            elif event.type in {"response.completed", "response.incomplete"}:
                why = event.response.incomplete_details
                yield Heard(end=(why.reason or "") if why else event.response.status or "")


def completions(base: str, question: str) -> Iterator[Heard]:
    with _openai(base) as client:
        for chunk in client.completions.create(model="m", prompt=question, stream=True):
            for choice in chunk.choices:
                end: Any = choice.finish_reason  # None until the last, whatever its type says
                yield Heard(choice.text, end=end or "")


def messages(base: str, question: str) -> Iterator[Heard]:
    asked: Any = [{"role": "user", "content": question}]
    with (
        Anthropic(base_url=base, api_key="k", max_retries=0) as client,
        client.messages.stream(model="m", max_tokens=999, messages=asked) as stream,
    ):
        for event in stream:
            if event.type == "text":
                yield Heard(event.text)
        yield Heard(end=stream.get_final_message().stop_reason or "")


def gemini(base: str, question: str) -> Iterator[Heard]:
    with genai.Client(api_key="k", http_options={"base_url": base}) as client:
        for chunk in client.models.generate_content_stream(model="m", contents=question):
            for candidate in chunk.candidates or []:
                parts = (candidate.content and candidate.content.parts) or []
                words = "".join(part.text or "" for part in parts)
                end = candidate.finish_reason.value if candidate.finish_reason else ""
                yield Heard(words, candidate.finish_message or "", end)


LISTEN: Final[dict[str, Listen]] = {
    "openai_chat": chat,
    "openai_responses": responses,
    "openai_completions": completions,
    "anthropic": messages,
    "gemini": gemini,
}
"""The SDK of each dialect."""
CUT: Final = {
    "openai_chat": "content_filter",
    "openai_responses": "content_filter",
    "openai_completions": "content_filter",
    "anthropic": "refusal",
    "gemini": "SAFETY",
}
"""Why an answer ends that was cut off at an offence."""
UNTOLD: Final = frozenset({"gemini"})
"""Whose SDK drops the message of such an end: Google's knows ``finishMessage`` of Vertex only."""
