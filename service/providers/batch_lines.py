"""The lines of a batch (JSONL): each names an endpoint, and holds a request in its dialect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from detectors.contract.exchange import Message, Origin, Role
from service.errors import Malformed
from service.providers.base import Patch, Provider
from service.providers.fields import UNKNOWN, Object, as_list, as_object, as_text, gap, rest
from service.providers.openai_chat import OpenAIChat
from service.providers.openai_images import OpenAIImages
from service.providers.openai_responses import OpenAIResponses
from service.providers.openai_texts import OpenAICompletions, OpenAIEmbeddings
from service.providers.strict_json import Json, dump, parse

LINES: Final = "lines"
BATCHED: Final[dict[str, Provider]] = {
    "/v1/chat/completions": OpenAIChat(),
    "/v1/responses": OpenAIResponses(),
    "/v1/completions": OpenAICompletions(),
    "/v1/embeddings": OpenAIEmbeddings(),
    "/v1/images/generations": OpenAIImages(),
}
"""The endpoints whose requests are read in a batch."""

_STEPS: Final = 4  # of ``/file/lines/0/body``


def lines(text: bytes, at: str) -> list[Json]:
    """The objects of a JSONL text, blank lines left out. ``at`` is where they will stand.

    Raises:
        Malformed, BodyTooLarge: a line cannot be read; the error names it.
    """
    found: list[Json] = []
    for line in text.split(b"\n"):
        if line.strip():
            here = f"{at}/{len(found)}"
            try:
                found.append(parse(line))
            except Malformed as error:
                raise Malformed(error.message, here + (error.pointer or "")) from None
    if not found:
        raise Malformed("the batch holds no request", at)
    return found


def written(held: Json) -> bytes:
    """The lines as JSONL."""
    return b"".join(dump(line) + b"\n" for line in as_list(held, ""))


def reading(held: Json, at: str) -> tuple[str, list[Message]]:
    """The model that a batch asks, and the messages of all its lines. Raises ``Malformed``."""
    models: set[str] = set()
    messages: list[Message] = []
    for index, item in enumerate(as_list(held, at)):
        here = f"{at}/{index}"
        line = as_object(item, here)
        endpoint = as_text(line.get("url"), f"{here}/url")
        provider = BATCHED.get(endpoint)
        known = {"custom_id", "method", "url", "body"}
        parts = list(rest(line, here, Origin.USER, known))
        if provider is None:
            reason = "requests to this endpoint are not read in a batch"
            parts.append(gap(UNKNOWN, here, Origin.USER, reason))
        messages.append(Message(role=Role.USER, parts=tuple(parts)))
        if provider is not None:
            model, asked = _asked(provider, line, f"{here}/body")
            models.add(model)
            messages.extend(asked)
        if len(models) > 1:
            raise Malformed("a batch asks one model, and this line another", f"{here}/body/model")
    return "".join(models), [message for message in messages if message.parts]


def _asked(provider: Provider, line: Object, at: str) -> tuple[str, list[Message]]:
    """The model and the messages of one request, the pointers those of the whole."""
    try:
        exchange = provider.read(line.get("body"))
    except Malformed as error:
        raise Malformed(error.message, at + (error.pointer or "")) from None
    return exchange.model, below(exchange.messages, at)


def below(messages: Sequence[Message], at: str) -> list[Message]:
    """What stands in a body, with the pointers of what holds the body at ``at``."""
    return [
        replace(
            message,
            parts=tuple(replace(part, pointer=at + part.pointer) for part in message.parts),
        )
        for message in messages
    ]


def within(path: str) -> tuple[str, str, Provider]:
    """Where a line's request stands, the place of its picture within it, and its dialect.

    Of the dialects with pictures, Chat Completions has them in its messages, Responses elsewhere.
    """
    steps = path.split("/")
    at = "/".join(steps[: _STEPS + 1])
    inner = path.removeprefix(at)
    return at, inner, OpenAIChat() if inner.startswith("/messages/") else OpenAIResponses()


def moved(patch: Patch, at: str) -> Patch:
    """A change of a request as one of the whole."""
    return replace(patch, path=at + patch.path)
