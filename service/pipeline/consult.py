"""Inspects what a neighbour asks about, on a call's own way; nothing is forwarded.

A neighbour is another gateway, or a program that brings its questions by itself. What it asks is
put in the form of OpenAI's chat, so that it is read, pinned, inspected and decided as any call is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus

from detectors.contract.exchange import OpaquePart, Stage
from service.errors import Malformed, Overloaded
from service.pipeline import examine
from service.pipeline.examine import Examined, Examiner, Linked
from service.pipeline.handle import JSON, Call, Gate, Reply, receipt
from service.pipeline.pool import GRACE_S
from service.pipeline.trace import Trace
from service.policy.engine import Policy
from service.providers import strict_json
from service.providers.openai_chat import OpenAIChat
from service.providers.strict_json import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request or an answer in the form of OpenAI's chat, to be inspected.

    ``places`` says which pointers into ``body`` stand for which into what the neighbour sent.
    """

    body: Json
    stage: Stage = Stage.REQUEST
    places: Mapping[str, str] = field(default_factory=dict)

    def place(self, pointer: str) -> str:
        """Where the neighbour wrote what stands at ``pointer``, a part's key or a pointer."""
        for own in sorted(self.places, key=len, reverse=True):
            if pointer == own or pointer.startswith((f"{own}/", f"{own}#")):
                return self.places[own] + pointer[len(own) :]
        return pointer


@dataclass(frozen=True, slots=True, kw_only=True)
class Consulted:
    """A question, and what was found and decided about it.

    ``linked`` are the pointers of its parts that were only linked to, so that what was fetched for
    them is not told to one who did not send it.
    """

    question: Question
    examined: Examined
    linked: frozenset[str]


class Neighbour(OpenAIChat, ABC):
    """What a neighbour asks, and how it is answered: pure functions, as a dialect's are."""

    @abstractmethod
    def questions(self, body: Json) -> Sequence[Question]:
        """What is to be inspected, at least one. Raises ``Malformed`` naming the pointer."""

    @abstractmethod
    def reply(
        self, body: Json, consulted: Sequence[Consulted], trace: Trace, policy: Policy
    ) -> Json:
        """The answer to ``body``, given what became of each of its questions, in order."""


class Desk(Gate):
    """A gate that answers neighbours as well."""

    async def _handle(self, call: Call, trace: Trace, examiner: Examiner) -> Reply:
        neighbour = call.provider
        if not isinstance(neighbour, Neighbour):
            return await super()._handle(call, trace, examiner)
        if self._ledger.full:
            raise Overloaded("the audit store takes no records, so nothing is inspected")
        limit_s = examiner.timeout_s + GRACE_S
        body, questions = await self._pool.run(partial(_read, call.body, neighbour, trace), limit_s)
        consulted = [await self._consult(each, neighbour, trace, examiner) for each in questions]
        say = partial(_said, neighbour, body, consulted, trace, examiner.policy)
        said = await self._pool.run(say, limit_s, admitted=True)
        trace.status = HTTPStatus.OK
        headers = [("content-type", JSON), *receipt(trace)]
        return Reply(status=HTTPStatus.OK, headers=headers, body=said)

    async def _consult(
        self, question: Question, neighbour: Neighbour, trace: Trace, examiner: Examiner
    ) -> Consulted:
        """One question on its way. Raises ``Malformed`` with a pointer into what was sent."""
        limit_s = examiner.timeout_s + GRACE_S
        try:
            if question.stage is Stage.RESPONSE:
                answer = partial(_answer, question, neighbour, examiner, trace)
                examined = await self._pool.run(answer, limit_s, admitted=True)
                return Consulted(question=question, examined=examined, linked=frozenset())
            ask = partial(_asked, question, neighbour, trace)
            read, linked = await self._pool.run(ask, limit_s, admitted=True)
            examined = await self._fetched(read, neighbour, trace, examiner)
        except Malformed as error:
            raise Malformed(error.message, question.place(error.pointer or "")) from None
        return Consulted(question=question, examined=examined, linked=linked)


def _read(raw: bytes, neighbour: Neighbour, trace: Trace) -> tuple[Json, Sequence[Question]]:
    with trace.timed("read"):
        body = strict_json.parse(raw)
        return body, neighbour.questions(body)


def _asked(question: Question, neighbour: Neighbour, trace: Trace) -> tuple[Linked, frozenset[str]]:
    """A request, read, with a body that may be changed; and the pointers of its links."""
    trace.body = partial(strict_json.dump, question.body)
    with trace.timed("read"):
        body = deepcopy(question.body)
        exchange = neighbour.read(body)
        trace.asked(exchange)
    links = [part for part in exchange.parts() if isinstance(part, OpaquePart) and part.remote]
    return Linked(body, exchange), frozenset(part.pointer for part in links)


def _answer(question: Question, neighbour: Neighbour, examiner: Examiner, trace: Trace) -> Examined:
    """An answer, examined as that of a model is."""
    with trace.timed("read"):
        exchange = trace.answering(neighbour.read_answer(question.body))
    trace.model = trace.model or exchange.model
    with trace.timed("guard"):
        inspection, decision = examine.judge(exchange, examiner, trace)
    written, said = examiner.policy.written, partial(strict_json.dump, question.body)
    trace.keep(exchange, inspection, decision, written, said)
    trace.inspection(inspection)
    trace.decided(decision, Stage.RESPONSE)
    return Examined(body=question.body, exchange=exchange, inspection=inspection, decision=decision)


def _said(
    neighbour: Neighbour,
    body: Json,
    consulted: Sequence[Consulted],
    trace: Trace,
    policy: Policy,
) -> bytes:
    return strict_json.dump(neighbour.reply(body, consulted, trace, policy))
