"""Read, pin, reveal, judge, decide and act on one request or answer: all of it is computing.

Runs in a worker thread and touches no network. What comes out is what may be sent on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from detectors.contract.exchange import Exchange, ImagePart, Stage
from detectors.contract.finding import Inspection
from detectors.inspect import Inspector
from detectors.media.decode import Limits
from detectors.media.pin import PictureRefused, pin
from detectors.media.sizes import SizeRule
from service.errors import Malformed, RequestError, UpstreamMalformed
from service.pipeline import actions
from service.pipeline.trace import Trace
from service.policy.engine import Policy
from service.policy.model import Action, Decision, EditKind
from service.providers import sse, strict_json
from service.providers.base import Patch, Provider
from service.providers.strict_json import Json
from service.upstream import Answer

UNMENDED: Final = "This could not be made safe to answer."


@dataclass(frozen=True, slots=True, kw_only=True)
class Examiner:
    """What an examination needs, the same for every call."""

    inspector: Inspector
    policy: Policy
    sizes: tuple[SizeRule, ...]
    limits: Limits
    timeout_s: float

    def inspect(self, exchange: Exchange) -> Inspection:
        return self.inspector.inspect(exchange, self.timeout_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A request after it was examined: ``body`` is what may be sent, if the decision lets it.

    ``inspection`` is that of the request as it came; that of a rewritten one only decides.
    """

    body: Json
    exchange: Exchange
    inspection: Inspection
    decision: Decision


def request(raw: bytes, provider: Provider, examiner: Examiner, trace: Trace) -> Examined:
    """Examines a request, and makes the changes that the decision asks for.

    Raises:
        Malformed, BodyTooLarge: it cannot be read; the error names the pointer.
    """
    with trace.timed("read"):
        body = strict_json.parse(raw)
        exchange = provider.read(body)
        trace.asked(exchange)
    exchange = _pin(body, exchange, provider, examiner, trace)
    inspection = examiner.inspect(exchange)
    trace.inspection(inspection)
    with trace.timed("decide"):
        decision = examiner.policy.decide(exchange, inspection)
    examined = Examined(body=body, exchange=exchange, inspection=inspection, decision=decision)
    if decision.action is Action.REWRITE:
        examined = _rewrite(examined, provider, examiner, trace)
    trace.decided(examined.decision, Stage.REQUEST)
    return examined


def answer(
    answer: Answer, provider: Provider, examiner: Examiner, trace: Trace
) -> tuple[Decision, bytes]:
    """Examines an answer, every choice of it; the bytes are those to pass on if it may.

    Raises:
        UpstreamMalformed: it cannot be read, so it cannot be inspected.
    """
    try:
        if answer.streamed:
            body, passed = _assembled(answer.body, provider)
        else:
            body = strict_json.parse(answer.body)
            passed = strict_json.dump(body)
        exchange = provider.read_answer(body)
    except RequestError as error:
        place = f" ({error.pointer})" if error.pointer else ""
        raise UpstreamMalformed(
            f"the model's answer cannot be read, so it was not passed on: {error.message}{place}"
        ) from None
    inspection = examiner.inspect(exchange)
    trace.inspection(inspection)
    decision = examiner.policy.decide(exchange, inspection)
    if decision.action is Action.REWRITE:
        decision = replace(decision, action=Action.REFUSE, message=decision.message or UNMENDED)
    trace.decided(decision, Stage.RESPONSE)
    return decision, passed


def _assembled(raw: bytes, provider: Provider) -> tuple[Json, bytes]:
    """The answer that a stream spells, and the events up to its end."""
    assembly, events = provider.assembly(), []
    for event in sse.parse(raw):
        assembly.add(event)
        events.append(event)
        if assembly.done:
            break
    return assembly.answer, sse.encode(events)


def _pin(
    body: Json, exchange: Exchange, provider: Provider, examiner: Examiner, trace: Trace
) -> Exchange:
    """Pins the pictures, in the exchange and in the body alike."""
    with trace.timed("pin"):
        try:
            pinned = pin(exchange, examiner.sizes, examiner.limits)
        except PictureRefused as error:
            raise Malformed(f"the picture cannot be used: {error}", error.pointer) from None
        changed = [
            provider.replace_image(new.pointer, new.data, new.media_type)
            for old, new in zip(exchange.parts(), pinned.parts(), strict=True)
            if isinstance(new, ImagePart) and old != new
        ]
        actions.apply(body, changed)
    return pinned


def _rewrite(examined: Examined, provider: Provider, examiner: Examiner, trace: Trace) -> Examined:
    """Makes the edits and inspects the outcome; what is still found then is refused.

    An instruction changes no part of the client's, so a rule that asks for one matches again.
    """
    decision = examined.decision
    with trace.timed("act"):
        changes: list[Patch] = actions.patches(
            examined.body, provider, examined.inspection, decision
        )
        actions.apply(examined.body, changes)
        exchange = provider.read(examined.body)
    exchange = _pin(examined.body, exchange, provider, examiner, trace)
    inspection = examiner.inspect(exchange)
    trace.inspection(inspection, again=True)
    again = examiner.policy.decide(exchange, inspection)
    if again.action is Action.REFUSE:
        decision = again
    elif any(edit.kind is not EditKind.INSTRUCT for edit in again.edits):
        decision = replace(again, action=Action.REFUSE, message=again.message or UNMENDED)
    return replace(examined, exchange=exchange, decision=decision)
