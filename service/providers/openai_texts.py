"""OpenAI's endpoints that take a text and hold no conversation: completions and embeddings.

The shapes are those of the official SDK's types. Neither has a place for an operator's instruction;
embeddings have none for words that say no, so there a refusal is an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NoReturn

from detectors.contract.exchange import Exchange, Message, Origin, Part, Role, Stage, TextPart
from service.errors import ContentFiltered, GlassgateError
from service.providers.base import Assembly, Patch
from service.providers.deltas import DONE, Chunks
from service.providers.fields import (
    Object,
    as_bool,
    as_count,
    as_list,
    as_object,
    as_text,
    gap,
    rest,
)
from service.providers.openai_chat import ANSWER_SETTINGS, MOST_CHOICES, NO_USAGE, OpenAIChat
from service.providers.sse import Event
from service.providers.strict_json import Json, dump, pointer

TOKENS: Final = "tokens"

# Settings of each call: the model does not read them as content.
COMPLETION_SETTINGS: Final = frozenset(
    {
        "model",
        "best_of",
        "echo",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "max_tokens",
        "n",
        "presence_penalty",
        "seed",
        "stop",
        "stream",
        "stream_options",
        "temperature",
        "top_p",
        "user",
    }
)
EMBEDDING_SETTINGS: Final = frozenset({"model", "dimensions", "encoding_format", "user"})
EMBEDDED_SETTINGS: Final = frozenset({"object", "data", "model", "usage"})


class Prompted:
    """What these endpoints have in common: no pictures, and no operator but the server's own."""

    def replace_image(self, path: str, data: bytes, media_type: str) -> Patch:  # noqa: ARG002
        raise ContentFiltered("this endpoint takes no pictures", path)

    def replace_with_text(self, path: str, text: str) -> Patch:  # noqa: ARG002
        raise ContentFiltered("this endpoint takes no pictures", path)

    def instruct(self, *_: object) -> NoReturn:
        raise ContentFiltered(
            "this needs an instruction to the model, and this endpoint has no place for one, so "
            "the request was not passed on"
        )

    def failure(self, error: GlassgateError) -> Sequence[Event]:
        return OpenAIChat().failure(error)

    def error(self, error: GlassgateError) -> Json:
        return OpenAIChat().error(error)


class Wordless(Prompted):
    """An endpoint whose answers hold no words: it says no by an error."""

    def refusal(self, _: Json, message: str, *__: object) -> NoReturn:
        raise ContentFiltered(message)

    refusal_events = refusal

    def ending(self, _: Assembly, message: str) -> Sequence[Event]:
        return self.failure(ContentFiltered(message))


class OpenAICompletions(Prompted):
    """``POST /v1/completions``."""

    dialect = "openai_completions"

    def read(self, body: Json) -> Exchange:
        request = as_object(body, "")
        as_count(request.get("n"), "/n", most=MOST_CHOICES)
        return asked(self.dialect, request, "prompt", COMPLETION_SETTINGS)

    def read_answer(self, answer: Json) -> Exchange:
        whole = as_object(answer, "")
        choices = as_list(whole.get("choices"), "/choices")
        told = [tuple(_choice(choice, pointer("choices", i))) for i, choice in enumerate(choices)]
        return answered(self.dialect, whole, told, ANSWER_SETTINGS)

    def assembly(self) -> Assembly:
        return Chunks(ANSWER_SETTINGS)

    def refusal(self, body: Json, message: str, call: str, created: int) -> Json:
        request = as_object(body, "")
        choices = [_refused(index, message, "content_filter") for index in _choices(request)]
        return {**_head(request, call, created), "choices": choices, "usage": dict(NO_USAGE)}

    def refusal_events(self, body: Json, message: str, call: str, created: int) -> Sequence[Event]:
        request = as_object(body, "")
        return _streamed(_head(request, call, created), _choices(request), message)

    def ending(self, assembly: Assembly, message: str) -> Sequence[Event]:
        said = as_object(assembly.answer, "")
        begun = [as_object(item, "/choices") for item in as_list(said["choices"], "/choices")]
        unended = [each.get("index") for each in begun if each.get("finish_reason") is None]
        head = {name: said.get(name) for name in ("id", "object", "created", "model")}
        return _streamed(head, unended or [0], f"\n\n{message}")


class OpenAIEmbeddings(Wordless):
    """``POST /v1/embeddings``."""

    dialect = "openai_embeddings"

    def read(self, body: Json) -> Exchange:
        return asked(self.dialect, as_object(body, ""), "input", EMBEDDING_SETTINGS)

    def read_answer(self, answer: Json) -> Exchange:
        """The numbers say nothing to a reader; what stands beside them might."""
        whole = as_object(answer, "")
        told = []
        for index, item in enumerate(as_list(whole.get("data"), "/data")):
            at = pointer("data", index)
            known = {"object", "index", "embedding"}
            told.append(tuple(rest(as_object(item, at), at, Origin.MODEL, known)))
        return answered(self.dialect, whole, told, EMBEDDED_SETTINGS)

    def assembly(self) -> Assembly:
        return Chunks(EMBEDDED_SETTINGS)


def asked(dialect: str, request: Object, field: str, settings: frozenset[str]) -> Exchange:
    """A request whose words stand in one field; those of unknown fields are its sender's too."""
    model = request.get("model")
    parts = [
        *_texts(request.get(field), pointer(field)),
        *rest(request, "", Origin.USER, settings | {field}),
    ]
    return Exchange(
        dialect=dialect,
        model="" if model is None else as_text(model, "/model"),
        stage=Stage.REQUEST,
        messages=(Message(role=Role.USER, parts=tuple(parts)),),
        stream=as_bool(request.get("stream"), "/stream"),
    )


def answered(
    dialect: str, whole: Object, told: Sequence[tuple[Part, ...]], settings: frozenset[str]
) -> Exchange:
    """An answer with these parts in each of its choices, and its unknown fields' words beside."""
    model = whole.get("model")
    beside = tuple(rest(whole, "", Origin.MODEL, settings))
    every = [*told, beside] if beside else told
    return Exchange(
        dialect=dialect,
        model=model if isinstance(model, str) else "",
        stage=Stage.RESPONSE,
        messages=tuple(Message(role=Role.ASSISTANT, parts=parts) for parts in every),
    )


def _texts(value: Json, at: str) -> Iterator[Part]:
    """A text, or a list of them; a text that comes as the numbers of its tokens is not read."""
    if isinstance(value, str):
        yield TextPart(pointer=at, origin=Origin.USER, text=value)
        return
    items = as_list(value, at)
    if any(isinstance(item, int | float) for item in items):
        yield gap(TOKENS, at, Origin.USER, "a text given as numbers of tokens is not read")
        return
    for index, item in enumerate(items):
        yield from _texts(item, f"{at}/{index}")


def _choice(value: Json, at: str) -> Iterator[Part]:
    choice = as_object(value, at)
    text = choice.get("text")
    if text is not None:
        here = f"{at}/text"
        yield TextPart(pointer=here, origin=Origin.MODEL, text=as_text(text, here))
    known = {"text", "index", "finish_reason", "logprobs"}
    yield from rest(choice, at, Origin.MODEL, known)


def _choices(request: Object) -> range:
    """The choices that a call asks for: so many for each of its prompts."""
    prompt = request.get("prompt")
    several = isinstance(prompt, list) and not any(isinstance(each, int) for each in prompt)
    prompts = len(prompt) if isinstance(prompt, list) and several else 1
    return range(prompts * as_count(request.get("n"), "/n", most=MOST_CHOICES))


def _head(request: Object, call: str, created: int) -> Object:
    return {
        "id": f"cmpl-{call}",
        "object": "text_completion",
        "created": created,
        "model": request.get("model"),
    }


def _refused(index: Json, text: str, reason: str | None) -> Json:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": reason}


def _streamed(head: Object, choices: Sequence[Json], message: str) -> list[Event]:
    said: list[Object] = [
        {**head, "choices": [_refused(index, text, reason)]}
        for index in choices
        for text, reason in ((message, None), ("", "content_filter"))
    ]
    return [*(Event(dump(chunk).decode()) for chunk in said), Event(DONE)]
