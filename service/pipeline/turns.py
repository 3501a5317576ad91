"""Remember an answer by its id, with its request, for requests that go on from it.

Only where the model's server keeps just what was inspected: every part of both, and the answer as
it was passed on.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Self

from detectors.contract.exchange import Exchange, OpaquePart
from detectors.contract.finding import Inspection
from service.pipeline.uploads import Uploads
from service.policy.model import Action, Decision
from service.providers.base import Continues, Provider
from service.providers.fields import TURN
from service.providers.strict_json import Json
from service.store.files import Turn
from service.store.record import Record, recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """A turn that is not answered yet: what was found in its request, without payload.

    ``before`` names the turn that it goes on from, or is empty.
    """

    provider: Continues
    uploads: Uploads
    asked: Record
    before: str

    @classmethod
    def of(  # noqa: PLR0913 - a request, and what was found and decided of it
        cls,
        body: Json,
        exchange: Exchange,
        inspection: Inspection,
        decision: Decision,
        *,
        provider: Provider,
        uploads: Uploads | None,
        call: str,
    ) -> Self | None:
        """The turn that a request opens; None where nothing can go on from it, or may."""
        if uploads is None or not isinstance(provider, Continues) or not provider.keeps(body):
            return None
        if decision.action is Action.REFUSE or not inspection.coverage.complete:
            return None
        before = _before(exchange)
        exchange, inspection = _without(set(before), exchange, inspection)
        asked = recorded(exchange, inspection, decision, id=call, at=time.time())
        name = next(iter(before.values()), "")
        return cls(provider=provider, uploads=uploads, asked=asked, before=name)

    def answered(
        self, answer: Json, exchange: Exchange, inspection: Inspection, decision: Decision
    ) -> None:
        """Remembers the turn, if its answer was inspected whole and is passed on unchanged."""
        name = self.provider.kept(answer)
        if name is None or decision.action is not Action.FORWARD:
            return
        if inspection.coverage.complete:
            told = recorded(exchange, inspection, decision, id=self.asked.id, at=time.time())
            self.uploads.remember_turn(
                name, Turn(asked=self.asked, answered=told, before=self.before)
            )


def _before(exchange: Exchange) -> dict[str, str]:
    """The parts that mean earlier turns: key and name."""
    return {
        part.key: part.upload
        for part in exchange.parts()
        if isinstance(part, OpaquePart) and part.upload and part.upload.startswith(f"{TURN}:")
    }


def _without(
    keys: set[str], exchange: Exchange, inspection: Inspection
) -> tuple[Exchange, Inspection]:
    """Both without these parts and what hangs under them: that is remembered by its own name."""
    if not keys:
        return exchange, inspection
    gone = {part.key for part in inspection.parts if part.pointer in keys}
    messages = tuple(
        replace(message, parts=tuple(part for part in message.parts if part.key not in keys))
        for message in exchange.messages
    )
    coverage = inspection.coverage
    return replace(exchange, messages=messages), replace(
        inspection,
        parts=tuple(part for part in inspection.parts if part.key not in gone),
        findings=tuple(each for each in inspection.findings if each.part not in gone),
        runs=tuple(run for run in inspection.runs if run.part not in gone),
        coverage=replace(
            coverage, seen=coverage.seen - len(keys), inspected=coverage.inspected - len(keys)
        ),
    )
