"""Requests of every dialect with something in them that nobody knows, through the whole gate.

Whatever it is and wherever it stands, it reaches the model's server as it came or nothing does, and
the coverage says which. A sample of the dialect is changed in one place at a time, in every place.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest
from PIL import Image

from detectors.contract.exchange import DocumentPart, ImagePart, OpaquePart, Part, ToolCallPart
from detectors.inspect import Inspector
from detectors.views.tool_call import ToolCall
from service.errors import Malformed
from service.pipeline.examine import Examiner
from service.pipeline.handle import Call
from service.providers import strict_json
from service.providers.base import Provider, TakesForms
from service.providers.strict_json import Json, pointer
from service.providers.table import ENDPOINTS, find
from tests.pictures import png
from tests.places import Place, places, replaced
from tests.service.pipeline.playing import model, play
from tests.service.pipeline.words import Words, examining
from tests.service.providers.samples.sample import DATA, Sample

POLICY: Final = """
version: 1
description: a test
rules:
  - {id: incomplete, description: d, stage: request, when: "!complete", action: refuse, message: m}
  - {id: bad, description: d, stage: request, when: harm > 0.5, action: refuse, message: m}
"""
NAME: Final = "glimmer"
ITSELF, WORDS, STRING = "itself", "words", "a string"
OFFENCE, ENCODED = "an offence", "encoded data"
VALUES: Final[dict[str, Json]] = {
    WORDS: {"deep": ["kept", 1.5, None, True, {"\u00e9": "\u6771\u4eac"}]},
    OFFENCE: {"deep": ["bad"]},
    ENCODED: "data:image/png;base64,AAAA",
    STRING: "kept",
}
PART: Final[Json] = {"type": NAME, NAME: {"deep": ["kept"]}}
PIXELS: Final = base64.b64encode(png(Image.new("RGB", (8, 8), "teal"))).decode()
# An answer that says nothing, so that the receipt is of the request alone.
NOTHING: Final = (b"{}", 400)

# What is only fetched asks with no body.
DIALECTS = {
    provider.dialect: path for (method, path), provider in ENDPOINTS.items() if method == "POST"
}
# A batch names a file, which nobody here has inspected: whatever else it says, it is refused.
BATCH: Final = "openai_batches"
REQUIRED: Final[set[Place]] = {("input_file_id",), ("endpoint",)}


class Looks:
    """Looks at every picture, and sees nothing in it."""

    name, version = "looks", "1"

    def applies(self, part: Part) -> bool:
        return isinstance(part, ImagePart)

    def reveal(self, part: Part) -> Sequence[Part]:  # noqa: ARG002
        return ()

    def self_check(self) -> None:
        """Nothing can be wrong with it."""


@dataclass(frozen=True)
class Change:
    """A body, what was done to it and where; and how a client sends it."""

    what: str
    place: Place
    body: Json
    call: Call


@dataclass(frozen=True)
class Outcome:
    """What the gate did, whether it says that all was inspected, and what the model was sent."""

    decision: str
    complete: bool
    read: Json


@pytest.fixture
def examiner(tmp_path: Path) -> Examiner:
    inspector = Inspector([ToolCall(), Looks()], [Words()])
    return replace(examining(tmp_path, policy=POLICY), inspector=inspector)


def at(value: Json, place: Place) -> Any:  # noqa: ANN401 - whatever stands there
    inner: Any = value
    for step in place:
        inner = inner[step]
    return inner


def inspectable(provider: Provider, sample: Sample) -> Json:
    """The sample with real pictures, and without what is a gap however it is asked."""
    body: Json = json.loads(json.dumps(sample.body).replace(DATA, PIXELS))
    while gaps := [place for place in uninspected(provider, body) if place not in REQUIRED]:
        body = spared(provider, body, gaps[-1])
    return body


def uninspected(provider: Provider, body: Json) -> Iterator[Place]:
    for part in provider.read(body).parts():
        if isinstance(part, OpaquePart | DocumentPart):
            steps = part.pointer.split("/")[1:]
            yield tuple(int(step) if step.isdecimal() else step for step in steps)


def spared(provider: Provider, body: Json, place: Place) -> Json:
    """The body without what stands at a place, or else without what needs it."""
    for deep in range(len(place), 0, -1):
        whole = deepcopy(body)
        del at(whole, place[: deep - 1])[place[deep - 1]]
        try:
            provider.read(whole)
        except Malformed:
            continue
        return whole
    raise AssertionError(place)


def changed(body: Json) -> Iterator[tuple[str, Place, Json]]:
    """The body itself; with an unknown field in each object, an unknown part in each list, and each
    part of an unknown type."""
    yield ITSELF, (), body
    for place in ((), *places(body)):
        here = at(body, place)
        if isinstance(here, dict):
            for what, value in VALUES.items():
                yield what, (*place, NAME), replaced(body, (*place, NAME), value)
        elif isinstance(here, list):
            whole = deepcopy(body)
            at(whole, place).append(PART)
            yield "a part", (*place, len(here)), whole
        elif place and place[-1] == "type":
            yield "a type", place, replaced(body, place, NAME)


def changes(provider: Provider, body: Json, path: str) -> Iterator[Change]:
    """All that a client can send: a form has no objects but files, which have no more fields."""
    for what, place, whole in changed(body):
        called, raw, expressible = provider, b"", True
        if isinstance(provider, TakesForms):
            try:
                kind, raw = provider.dump(whole)
                called = provider.sent_as(kind)
                expressible = parsed(called, raw) == whole
            except (Malformed, AttributeError):
                expressible = False
        else:
            raw = strict_json.dump(whole)
        if expressible:
            call = Call(provider=called, path=path, headers=(), body=raw)
            yield Change(what, place, whole, call)


def parsed(provider: Any, raw: bytes) -> Json:  # noqa: ANN401 - one that takes forms
    read: Json = provider.parse(raw)
    return read


def read(provider: Provider, headers: Mapping[str, str], body: Any) -> Json:  # noqa: ANN401
    """What the model's server reads in what it was sent."""
    if isinstance(provider, TakesForms):
        return parsed(provider.sent_as(headers["content-type"]), body)
    said: Json = body
    return said


def outcomes(examiner: Examiner, asked: Sequence[Change]) -> Iterator[tuple[Change, Outcome]]:
    with model(NOTHING[0], status=NOTHING[1]) as (base, sent):
        replies = play(examiner, base, *(change.call for change in asked))
    arrived = iter(sent)
    for change, reply in zip(asked, replies, strict=True):
        headers = dict(reply.headers)
        decision = headers["x-glassgate-decision"]
        inspected, _, seen = headers["x-glassgate-coverage"].partition("/")
        got = read(change.call.provider, *next(arrived)) if decision == "forward" else None
        yield change, Outcome(decision, inspected == seen, got)
    assert next(arrived, None) is None


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_nobody_knows_arrives_unchanged_or_not_at_all(
    examiner: Examiner, dialect: str
) -> None:
    path = DIALECTS[dialect].replace("{model}", "m")
    provider = find("POST", path) or ENDPOINTS["POST", path]
    sample: Sample = import_module(f"tests.service.providers.samples.{dialect}").SAMPLE
    body = inspectable(provider, sample)
    if isinstance(provider, TakesForms):
        kind, raw = provider.dump(body)
        body = parsed(provider.sent_as(kind), raw)  # a mask is written as it will be read again
    settings = {step for place in sample.settings for step in place.split("/")[-1:]}
    calls = [p.pointer for p in provider.read(body).parts() if isinstance(p, ToolCallPart)]
    wrong = []
    for change, outcome in outcomes(examiner, list(changes(provider, body, path))):
        forwarded = outcome.decision == "forward"
        setting = not settings.isdisjoint(change.place)
        # A tool is called with words, whatever they begin with.
        words = any(pointer(*change.place).startswith(place) for place in calls)
        right = {
            "forward": outcome.complete and outcome.read == change.body,
            "refuse": not outcome.complete or change.what == OFFENCE,
            "error": change.what in {"a part", "a type"},
        }[outcome.decision]
        if change.what == ITSELF:
            right = right and forwarded is (dialect != BATCH)
        elif forwarded and not setting:
            right = right and change.what != OFFENCE and (change.what != ENCODED or words)
        if not right:
            wrong.append((change.what, pointer(*change.place), outcome.decision, outcome.complete))
    assert wrong == []
