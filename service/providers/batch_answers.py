"""The lines of what a batch answers (JSONL): each holds an answer in the dialect of its body.

The shapes are those of the official API's reference: ``id``, ``custom_id`` and, one of them null,
``response`` (``status_code``, ``request_id``, ``body``) and ``error`` (``code``, ``message``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from detectors.contract.exchange import Exchange, Message, Origin, Part, Role, Stage
from service.errors import ContentFiltered, GlassgateError, Malformed, RequestError
from service.providers.base import Provider
from service.providers.batch_lines import below
from service.providers.fields import UNKNOWN, Object, as_object, as_text, gap, rest
from service.providers.openai_chat import MOST_CHOICES, OpenAIChat
from service.providers.openai_images import OpenAIImages
from service.providers.openai_responses import OpenAIResponses
from service.providers.openai_texts import OpenAICompletions, OpenAIEmbeddings
from service.providers.strict_json import Json, parse

ANSWERED: Final[dict[str, Provider]] = {
    "chat.completion": OpenAIChat(),
    "response": OpenAIResponses(),
    "text_completion": OpenAICompletions(),
    "list": OpenAIEmbeddings(),
}
"""The dialect of an answer, by its ``object``. Generated pictures name none."""

BODY: Final = "/response/body"
_MARKS: Final = ("custom_id", "response")
"""Fields that every line of a batch's answers has, and no line of its requests."""


def lines(raw: bytes) -> list[bytes] | None:
    """The lines of a file that a batch wrote, without their ends; None of any other file.

    The first tells. One that has the marks and cannot be read is a batch's, so that it is refused
    as unreadable and not read as a mere text.
    """
    found = raw.split(b"\n")
    first = next((line for line in found if line.strip()), b"")
    try:
        told = parse(first)
    except RequestError:
        marked = all(f'"{name}"'.encode() in first for name in _MARKS)
    else:
        marked = isinstance(told, dict) and told.keys() >= set(_MARKS)
    return found if marked else None


def read(line: Json, dialect: str) -> Exchange:
    """What a line says to the client. Raises ``Malformed``."""
    told = as_object(line, "")
    beside = list(rest(told, "", Origin.MODEL, {"id", "custom_id", "response"}))
    model, said = "", list[Message]()
    _named(told, "", "id", "custom_id")
    if told.get("response") is not None:
        response = as_object(told["response"], "/response")
        _named(response, "/response", "request_id")
        beside.extend(rest(response, "/response", Origin.MODEL, {"request_id", "body"}))
        model, said = _answer(response.get("body"))
    if beside:
        said.append(Message(role=Role.ASSISTANT, parts=tuple(beside)))
    return Exchange(dialect=dialect, model=model, stage=Stage.RESPONSE, messages=tuple(said))


def refused(line: Json, message: str, call: str, created: int) -> Json:
    """The line with the refusal of its body's dialect. Raises ``ContentFiltered``."""
    body = _body(line)
    provider = _dialect(body)
    if provider is None:
        raise ContentFiltered(message)
    choices = body.get("choices")
    count = len(choices) if isinstance(choices, list) else 1
    asked: Json = {"model": body.get("model"), "n": max(1, min(count, MOST_CHOICES))}
    return _with(line, 200, provider.refusal(asked, message, call, created))


def failed(line: Json, error: GlassgateError) -> Json:
    """The line with an error: as the answer where it had one, else as that of the line."""
    if as_object(line, "").get("response") is not None:
        return _with(line, error.status, OpenAIChat().error(error))
    return {
        **_head(line),
        "response": None,
        "error": {"code": error.code, "message": error.message},
    }


def _named(held: Object, at: str, *names: str) -> None:
    """Raises ``Malformed`` unless these are names, or null: they are not inspected."""
    for name in names:
        if held.get(name) is not None:
            as_text(held[name], f"{at}/{name}")


def _answer(body: Json) -> tuple[str, list[Message]]:
    """The model and the messages of an answer, the pointers those of its line."""
    if body is None:
        return "", []
    whole = body if isinstance(body, dict) else {}
    provider = _dialect(whole)
    if provider is None:
        return "", [Message(role=Role.ASSISTANT, parts=tuple(_undescribed(whole)))]
    try:
        exchange = provider.read_answer(body)
    except Malformed as error:
        raise Malformed(error.message, BODY + (error.pointer or "")) from None
    return exchange.model, below(exchange.messages, BODY)


def _undescribed(body: Object) -> Iterator[Part]:
    """An error is read as it stands; what is of no dialect is not."""
    if body.keys() == {"error"}:
        yield from rest(body, BODY, Origin.MODEL, frozenset())
    else:
        yield gap(UNKNOWN, BODY, Origin.MODEL, "an answer in a dialect that is not read")


def _dialect(body: Object) -> Provider | None:
    kind = body.get("object")
    if kind is None and isinstance(body.get("data"), list):
        return OpenAIImages()
    return ANSWERED.get(kind) if isinstance(kind, str) else None


def _body(line: Json) -> Object:
    response = as_object(line, "").get("response")
    body = response.get("body") if isinstance(response, dict) else None
    return body if isinstance(body, dict) else {}


def _head(line: Json) -> Object:
    told = as_object(line, "")
    return {"id": told.get("id"), "custom_id": told.get("custom_id")}


def _with(line: Json, status: int, body: Json) -> Json:
    response = as_object(as_object(line, "").get("response"), "/response")
    answer: Object = {"status_code": status, "request_id": response.get("request_id"), "body": body}
    return {**_head(line), "response": answer, "error": None}
