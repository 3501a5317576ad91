"""Read, pin, reveal, judge, decide and act on one request or answer: all of it is computing.

Runs in a worker thread and touches no network. What comes out is what may be sent on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from detectors.contract.exchange import (
    Exchange,
    ImagePart,
    OpaquePart,
    Origin,
    Shown,
    Stage,
    TextPart,
)
from detectors.contract.finding import Inspection
from detectors.inspect import Inspector
from detectors.media.decode import Limits
from detectors.media.pin import PictureRefused, pin
from detectors.media.sizes import SizeRule
from service.errors import Malformed, RequestError, UpstreamMalformed
from service.pipeline import actions, redraft
from service.pipeline.allow import judged
from service.pipeline.trace import Trace
from service.pipeline.turns import Open
from service.pipeline.uploads import Uploads
from service.policy import allow
from service.policy.edits import EditKind
from service.policy.engine import Policy
from service.policy.facts import UPLOAD
from service.policy.hosts import without
from service.policy.model import PICTURE_METHODS, Action, Decision
from service.policy.tongue import asked_in
from service.providers import strict_json
from service.providers.base import Patch, Provider, TakesForms
from service.providers.sse import Event
from service.providers.strict_json import Json

LASTING: Final = frozenset({EditKind.INSTRUCT, EditKind.ANNOTATE, EditKind.DOWNSCALE})
"""Edits that take out nothing for which their rule matched, so that it matches again."""
UNMENDED: Final = "This could not be made safe to answer."


@dataclass(frozen=True, slots=True, kw_only=True)
class Examiner:
    """What an examination needs, the same for every call."""

    inspector: Inspector
    policy: Policy
    sizes: tuple[SizeRule, ...]
    limits: Limits
    timeout_s: float
    uploads: Uploads | None = None

    def inspect(self, exchange: Exchange) -> Inspection:
        inspection = self.inspector.inspect(exchange, self.timeout_s)
        covered = inspection if self.uploads is None else self.uploads.covered(inspection)
        return without(covered, self.policy.written.link_hosts)

    def decide(self, exchange: Exchange, inspection: Inspection, trace: Trace) -> Decision:
        """The policy's decision, after its allow-list was asked about what rules matched for."""
        decision = self.policy.decide(exchange, inspection, trace.caller, trace.id)
        written = self.policy.written.allow
        if not (written and decision.reasons):
            return decision
        entries = allow.in_force(written, trace.caller.tenant, datetime.now(UTC).date())
        claims = allow.claims(entries, inspection, decision)
        if not claims:
            return decision
        allowed = judged(claims, exchange, self.inspect)
        lowered = allow.lowered(inspection, allowed)
        again = self.policy.decide(exchange, lowered, trace.caller, trace.id)
        return replace(again, allowed=allow.used(decision, again, allowed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A request after it was examined: ``body`` is what may be sent, if the decision lets it.

    ``inspection`` is that of the request as it came; that of a rewritten one is ``again``.
    """

    body: Json
    exchange: Exchange
    inspection: Inspection
    decision: Decision
    again: Inspection | None = None


@dataclass(frozen=True, slots=True)
class Linked:
    """A request that was read, and has parts that are to be fetched before it is examined."""

    body: Json
    exchange: Exchange


def begin(raw: bytes, provider: Provider, examiner: Examiner, trace: Trace) -> Examined | Linked:
    """Reads a request, and examines it at once unless it links to something. Raises as both do."""
    body, exchange = read(raw, provider, trace)
    if any(isinstance(part, OpaquePart) and part.remote for part in exchange.parts()):
        return Linked(body, exchange)
    return examined_as(body, exchange, provider, examiner, trace)


def request(raw: bytes, provider: Provider, examiner: Examiner, trace: Trace) -> Examined:
    """Reads and examines a request of which nothing is fetched. Raises as both do."""
    body, exchange = read(raw, provider, trace)
    return examined_as(body, exchange, provider, examiner, trace)


def read(raw: bytes, provider: Provider, trace: Trace) -> tuple[Json, Exchange]:
    """A request's body, and what it says.

    Raises:
        Malformed, BodyTooLarge: it cannot be read; the error names the pointer.
    """
    trace.body = lambda: raw
    with trace.timed("read"):
        parse = provider.parse if isinstance(provider, TakesForms) else strict_json.parse
        body = parse(raw)
        exchange = provider.read(body)
        trace.asked(exchange)
    return body, exchange


def examined_as(
    body: Json, exchange: Exchange, provider: Provider, examiner: Examiner, trace: Trace
) -> Examined:
    """Examines a request that was read, and makes the changes that the decision asks for.

    Raises:
        Malformed: a picture of it cannot be used; the error names the pointer.
    """
    exchange = _pin(body, exchange, provider, examiner, trace)
    inspection = examiner.inspect(exchange)
    trace.inspection(inspection)
    with trace.timed("decide"):
        decision = examiner.decide(exchange, inspection, trace)
    trace.keep(exchange, inspection, decision, examiner.policy.written, trace.body)
    trace.body = bytes  # a stream may last, and its request be large
    examined = Examined(body=body, exchange=exchange, inspection=inspection, decision=decision)
    if decision.action is Action.REWRITE:
        examined = _rewrite(examined, provider, examiner, trace)
    trace.decided(examined.decision, Stage.REQUEST)
    trace.shown = _shown(exchange, inspection)
    trace.turn = Open.of(
        examined.body,
        examined.exchange,
        examined.again or inspection,
        examined.decision,
        provider=provider,
        uploads=examiner.uploads,
        call=trace.id,
    )
    return examined


def answer(
    raw: bytes, provider: Provider, examiner: Examiner, trace: Trace
) -> tuple[Decision, bytes]:
    """Examines a whole answer, every choice of it; the bytes are those to pass on if it may.

    Raises:
        UpstreamMalformed: it cannot be read, so it cannot be inspected.
    """
    try:
        body = strict_json.parse(raw)
        exchange = trace.answering(provider.read_answer(body))
    except RequestError as error:
        raise unreadable(error) from None
    inspection = examiner.inspect(exchange)
    decision = examiner.decide(exchange, inspection, trace)
    trace.keep(exchange, inspection, decision, examiner.policy.written, lambda: raw)
    trace.inspection(inspection)
    decision = edited(
        body, provider.read_answer, examiner, trace, inspection=inspection, decision=decision
    )
    trace.decided(decision, Stage.RESPONSE)
    if trace.turn is not None:
        trace.turn.answered(body, exchange, inspection, decision)
    return decision, strict_json.dump(body)


def edited(  # noqa: PLR0913 - an answer, and what was found and decided of it
    body: Json,
    read_answer: Callable[[Json], Exchange],
    examiner: Examiner,
    trace: Trace,
    *,
    inspection: Inspection,
    decision: Decision,
) -> Decision:
    """The decision on an answer after its edits were made in ``body``, if it asks for some."""
    if decision.action is not Action.REWRITE:
        return decision
    try:
        redraft.redraft(body, redraft.drafts(inspection, decision))
    except redraft.Unmendable:
        return refused(decision)
    return mended(read_answer(body), decision, examiner, trace)


def judge(exchange: Exchange, examiner: Examiner, trace: Trace) -> tuple[Inspection, Decision]:
    """What is found in a piece of an answer, and what is to be done with it.

    Nothing is written into the trace. A piece cannot be rewritten: where a rule asks for that, it
    is refused.
    """
    inspection = examiner.inspect(exchange)
    decision = examiner.decide(exchange, inspection, trace)
    return inspection, refused(decision) if decision.action is Action.REWRITE else decision


def streamed(
    exchange: Exchange,
    events: Sequence[Event],
    provider: Provider,
    examiner: Examiner,
    trace: Trace,
) -> tuple[Inspection, Decision, Sequence[Event]]:
    """What is found in a streamed answer of which nothing was sent, and the events to send."""
    inspection = examiner.inspect(exchange)
    decision = examiner.decide(exchange, inspection, trace)
    if decision.action is Action.REWRITE:
        try:
            worded = redraft.drafts(inspection, decision)
            events, answer = redraft.restream(events, provider, worded)
        except redraft.Unmendable:
            decision = refused(decision)
        else:
            decision = mended(provider.read_answer(answer), decision, examiner, trace)
    return inspection, decision, events


def mended(exchange: Exchange, decision: Decision, examiner: Examiner, trace: Trace) -> Decision:
    """The decision on an answer that was edited: what is still found in it is refused."""
    exchange = trace.answering(exchange)
    again = examiner.decide(exchange, examiner.inspect(exchange), trace)
    return decision if again.action is Action.FORWARD else refused(again)


def refused(decision: Decision) -> Decision:
    """The decision where what it asks for cannot be done, or did not help."""
    return replace(decision, action=Action.REFUSE, message=decision.message or UNMENDED)


def _shown(exchange: Exchange, inspection: Inspection) -> Shown:
    """What of a request its answer is judged by."""
    kinds = {part.key: (part.method or "").split(":")[0] for part in inspection.parts}
    pictures = [part for part in inspection.parts if isinstance(part, ImagePart)]
    texts = [part for part in inspection.parts if isinstance(part, TextPart)]
    own = (part for part in exchange.parts() if isinstance(part, TextPart))
    return Shown(
        pictures=sum(kinds[part.key] in {"", UPLOAD} for part in pictures),
        operator=tuple(part.text for part in own if part.origin is Origin.OPERATOR),
        read=tuple(part.text for part in texts if kinds[part.key] in PICTURE_METHODS),
        language=asked_in(exchange),
    )


def unreadable(error: RequestError) -> UpstreamMalformed:
    """The error of the model's server whose answer met this one."""
    place = f" ({error.pointer})" if error.pointer else ""
    return UpstreamMalformed(
        f"the model's answer cannot be read, so it was not passed on: {error.message}{place}"
    )


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

    A rule that asks for an instruction matches again, and that is no offence: it was added.
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
    again = examiner.decide(exchange, inspection, trace)
    if again.action is Action.REFUSE:
        decision = again
    elif _asked(again) - {each for each in _asked(decision) if each[0] in LASTING}:
        decision = replace(again, action=Action.REFUSE, message=again.message or UNMENDED)
    return replace(examined, exchange=exchange, decision=decision, again=inspection)


def _asked(decision: Decision) -> set[tuple[EditKind, str, int]]:
    """The decision's edits, wherever they are to be made."""
    return {(edit.kind, edit.text, edit.longest) for edit in decision.edits}
