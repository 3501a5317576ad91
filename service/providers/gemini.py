"""Gemini's generateContent and streamGenerateContent.

The shapes are those of the official SDK's types (``google.genai.types``). Fields that the dialect
does not describe reach the model's server unchanged, so their strings are inspected too.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs

from detectors.contract.exchange import Exchange, Message, Origin, Part, Role, Stage
from service.errors import GlassgateError, Malformed
from service.providers.base import Assembly, Patch, Provider
from service.providers.calls import named
from service.providers.documents import PLAIN
from service.providers.fields import Object, gap, loose_text
from service.providers.gemini_chunks import ANSWER_SETTINGS, CANDIDATE_SETTINGS, Candidates
from service.providers.gemini_parts import Fields, camel, items, messages, parts
from service.providers.sse import Event
from service.providers.strict_json import Json, dump

# Settings of the call: the model does not read them as content.
SETTINGS: Final = frozenset(
    {"model", "toolConfig", "safetySettings", "labels", "serviceTier", "store"}
)
# Of ``generationConfig``; what else stands there (a schema) the model reads.
GENERATION_SETTINGS: Final = frozenset(
    {
        "temperature",
        "topP",
        "topK",
        "candidateCount",
        "maxOutputTokens",
        "stopSequences",
        "seed",
        "presencePenalty",
        "frequencyPenalty",
        "responseLogprobs",
        "logprobs",
        "responseMimeType",
        "responseModalities",
        "mediaResolution",
        "thinkingConfig",
        "speechConfig",
        "imageConfig",
        "audioTimestamp",
        "routingConfig",
        "modelSelectionConfig",
        "enableEnhancedCivicAnswers",
    }
)
ERRORS: Final[dict[int, str]] = {
    HTTPStatus.UNAUTHORIZED: "UNAUTHENTICATED",
    HTTPStatus.FORBIDDEN: "PERMISSION_DENIED",
    HTTPStatus.NOT_FOUND: "NOT_FOUND",
    HTTPStatus.REQUEST_TIMEOUT: "DEADLINE_EXCEEDED",
    HTTPStatus.CONFLICT: "ABORTED",
    HTTPStatus.TOO_MANY_REQUESTS: "RESOURCE_EXHAUSTED",
    HTTPStatus.INTERNAL_SERVER_ERROR: "INTERNAL",
    HTTPStatus.BAD_GATEWAY: "UNAVAILABLE",
    HTTPStatus.SERVICE_UNAVAILABLE: "UNAVAILABLE",
    HTTPStatus.GATEWAY_TIMEOUT: "DEADLINE_EXCEEDED",
}
WHY: Final = "SAFETY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gemini:
    """``POST /v1beta/models/{model}:generateContent``, and the same streamed.

    Without ``alt=sse`` a stream is one JSON array: it is answered when all of it was inspected, so
    to the pipeline it is an answer like one that is not streamed, but for its brackets.
    """

    dialect = "gemini"

    model: str = ""
    stream: bool = False
    array: bool = False

    def called(self, model: str, query: str) -> Provider:
        asked = parse_qs(query.removeprefix("?"))
        events = "sse" in [*asked.get("alt", ()), *asked.get("$alt", ())]
        return replace(self, model=model, array=self.stream and not events)

    def read(self, body: Json) -> Exchange:
        request = Fields(body, "")
        at = request.place("contents")
        told = [
            message
            for here, item in items(request["contents"], at)
            for message in messages(item, here)
        ]
        if not told:
            raise Malformed("at least one content is expected", at)
        exchange = Exchange(
            dialect=self.dialect,
            model=self.model,
            stage=Stage.REQUEST,
            messages=(*_operator_parts(request), *told),
            stream=self.stream and not self.array,
        )
        return named(exchange)

    def read_answer(self, answer: Json) -> Exchange:
        whole = Fields(_joined(answer) if isinstance(answer, list) else answer, "")
        beside = (
            *_feedback(whole),
            *whole.rest(Origin.MODEL, ANSWER_SETTINGS | {"candidates", "promptFeedback"}),
        )
        version = whole["modelVersion"]
        return Exchange(
            dialect=self.dialect,
            model=version if isinstance(version, str) else self.model,
            stage=Stage.RESPONSE,
            messages=(
                *(_candidate(item, at) for at, item in items(whole["candidates"], "/candidates")),
                *([Message(role=Role.ASSISTANT, parts=beside)] if beside else []),
            ),
        )

    def assembly(self) -> Assembly:
        return Candidates()

    def replace_image(self, path: str, data: bytes, media_type: str) -> Patch:
        return _put(path, _blob(data, media_type))

    def replace_document(self, path: str, data: bytes, media_type: str) -> Patch:
        return _put(path, _blob(data, media_type))

    def replace_with_text(self, path: str, text: str) -> Patch:
        *part, _ = path.split("/")
        # A tool's result has no parts of text, but documents of text.
        if part[-3:-2] in (["functionResponse"], ["function_response"]):
            return _put(path, _blob(text.encode(), PLAIN))
        return Patch(op="replace", path="/".join(part), value={"text": text})

    def instruct(self, body: Json, text: str) -> Patch:
        request = Fields(body, "")
        at, before = request.place("systemInstruction"), request["systemInstruction"]
        added: Json = {"text": text}
        if before is None:
            return Patch(op="add", path=at, value={"parts": [added]})
        if isinstance(before, str):
            return Patch(op="replace", path=at, value={"parts": [{"text": before}, added]})
        place = Fields(before, at).place("parts")
        known = Fields(before, at)["parts"]
        if isinstance(known, list):
            return Patch(op="add", path=f"{place}/{len(known)}", value=added)
        return Patch(op="add", path=place, value=[*([known] if known else []), added])

    def refusal(self, body: Json, message: str, call: str, created: int) -> Json:  # noqa: ARG002 - the dialect tells no time
        said = self._blocked(message, call)
        return [said] if self.array else said

    def refusal_events(self, body: Json, message: str, call: str, created: int) -> Sequence[Event]:  # noqa: ARG002 - the same
        return [_event(self._blocked(message, call))]

    def ending(self, assembly: Assembly, message: str) -> Sequence[Event]:
        if not isinstance(assembly, Candidates):
            raise TypeError("an assembly of this dialect is expected")
        if not Fields(assembly.answer, "")["candidates"]:
            return [_event(self._blocked(message, "ended"))]
        ended: list[Json] = [
            {"index": index, "finishReason": WHY, "finishMessage": message}
            for index in assembly.unfinished or [0]
        ]
        return [_event({"candidates": ended})]

    def failure(self, error: GlassgateError) -> Sequence[Event]:
        return [_event(_error(error))]

    def error(self, error: GlassgateError) -> Json:
        return [_error(error)] if self.array else _error(error)

    def _blocked(self, message: str, call: str) -> Object:
        return {
            "promptFeedback": {"blockReason": WHY, "blockReasonMessage": message},
            "usageMetadata": {"promptTokenCount": 0, "totalTokenCount": 0},
            "modelVersion": self.model,
            "responseId": call,
        }


def _blob(data: bytes, media_type: str) -> Json:
    return {"mimeType": media_type, "data": b64encode(data).decode()}


def _put(path: str, blob: Json) -> Patch:
    """Puts bytes where bytes stood, or in place of the part that linked to them."""
    part, _, name = path.rpartition("/")
    if camel(name) == "fileData":
        return Patch(op="replace", path=part, value={"inlineData": blob})
    return Patch(op="replace", path=path, value=blob)


def _event(chunk: Json) -> Event:
    return Event(dump(chunk).decode())


def _error(error: GlassgateError) -> Object:
    place = f" ({error.pointer})" if error.pointer else ""
    fault = error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    status = ERRORS.get(error.status, "INTERNAL" if fault else "INVALID_ARGUMENT")
    return {
        "error": {"code": int(error.status), "message": error.message + place, "status": status}
    }


def _operator_parts(request: Fields) -> Iterator[Message]:
    """What reaches the model beside the contents: instruction, tools and fields unknown here."""
    told: list[Part] = []
    for name, value in request.items():
        at = request.place(name)
        if name == "systemInstruction":
            told.extend(parts(value, at, Origin.OPERATOR))
        elif name == "tools":
            for here, tool in items(value, at):
                told.extend(loose_text(tool, here, Origin.OPERATOR))
        elif name == "generationConfig":
            told.extend(Fields(value, at).rest(Origin.OPERATOR, GENERATION_SETTINGS))
        elif name == "cachedContent":
            told.append(gap("history", at, Origin.USER, "what was said before is not here"))
        elif name not in SETTINGS | {"contents"}:
            told.extend(loose_text(value, at, Origin.OPERATOR))
    if told:
        yield Message(role=Role.SYSTEM, parts=tuple(told))


def _joined(chunks: list[Json]) -> Json:
    """The answer that the chunks of an array spell."""
    assembly = Candidates()
    for chunk in chunks:
        assembly.take(chunk)
    return assembly.answer


def _candidate(item: Json, at: str) -> Message:
    candidate = Fields(item, at)
    said = candidate["content"]
    told = [
        *(parts(said, candidate.place("content"), Origin.MODEL) if said is not None else ()),
        *candidate.rest(Origin.MODEL, CANDIDATE_SETTINGS | {"content"}),
    ]
    return Message(role=Role.ASSISTANT, parts=tuple(told))


def _feedback(answer: Fields) -> Iterator[Part]:
    if answer["promptFeedback"] is not None:
        feedback = Fields(answer["promptFeedback"], answer.place("promptFeedback"))
        yield from feedback.rest(Origin.MODEL, {"blockReason", "safetyRatings"})
