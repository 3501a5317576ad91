from __future__ import annotations

from collections.abc import Sequence

from service.providers.base import Provider
from service.providers.openai_texts import OpenAICompletions
from service.providers.sse import Event
from tests.dialects.dialect import Dialect, Object, Speech, Voice, spelt

HEAD = {"id": "c-1", "object": "text_completion", "created": 1, "model": "m"}


class Completions(Dialect):
    """Of turns it knows one, in which each part is a prompt of its own."""

    name = "openai_completions"
    can = frozenset[str]()
    kinds = ("text",)
    mixes = True

    def provider(self, *, stream: bool = False) -> Provider:  # noqa: ARG002 - the same for both
        return OpenAICompletions()

    def path(self, *, stream: bool = False) -> str:  # noqa: ARG002 - the same for both
        return "/v1/completions"

    def body(self, turns: Sequence[Object], *, stream: bool = False) -> Object:
        (turn,) = turns
        return {"model": "m", **turn, **({"stream": True} if stream else {})}

    def text(self, words: str) -> str:
        return words

    def user(self, *parts: str) -> list[Object]:
        return [{"prompt": list(parts)}]

    def answer(self, *said: Voice) -> Object:
        choices = [
            {"index": index, "text": voice.words, "finish_reason": "stop", "logprobs": None}
            for index, voice in enumerate(said)
        ]
        return {**HEAD, "choices": choices}

    def speech(self, *said: Voice) -> Speech:
        voices = [
            [*(_chunk(index, piece) for piece in voice.pieces), _chunk(index, "", "stop")]
            for index, voice in enumerate(said)
        ]
        return Speech([], voices, [Event("[DONE]")])


def _chunk(index: int, text: str, reason: str | None = None) -> Event:
    choice = {"index": index, "text": text, "finish_reason": reason, "logprobs": None}
    return spelt({**HEAD, "choices": [choice]})
