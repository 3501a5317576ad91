"""Each case of the policies that ship, recorded and replayed: a backtest decides as the gate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from detectors.contract.exchange import Exchange
from detectors.contract.finding import Inspection
from service.app import examiner
from service.policy.case_file import Case, CaseFile
from service.policy.document import Document
from service.policy.engine import Policy
from service.policy.load import load
from service.policy.model import NOBODY, Caller, Decision
from service.policy.reading import BUNDLES
from service.policy.resolve import resolve
from service.policy.staging import caller_of, exchange_of, inspection_of, parts_of
from service.rehearsal.asking import Asker
from service.rehearsal.backtest import backtest
from service.settings import Settings
from service.store.reader import ALL, read, write_file
from service.store.record import recorded
from service.store.replay import replayable

FILES = sorted((BUNDLES / "cases").glob("*.yaml"))
BEGUN = 1_750_000_000.0


@dataclass(frozen=True, slots=True)
class Made:
    """A decision, and what it was made from."""

    exchange: Exchange
    inspection: Inspection
    caller: Caller
    decision: Decision


class Noting(Policy):
    """The policy, which notes each decision that it makes."""

    def __init__(self, policy: Policy) -> None:
        vars(self).update(vars(policy))
        self.made: list[Made] = []

    def decide(
        self,
        exchange: Exchange,
        inspection: Inspection,
        caller: Caller = NOBODY,
        request: str = "",
    ) -> Decision:
        decision = super().decide(exchange, inspection, caller, request)
        self.made.append(Made(exchange, inspection, caller, decision))
        return decision


@pytest.fixture(scope="module")
def asker() -> Asker:
    """The real detectors, for the cases that are a request."""
    return Asker(examiner(Settings.read()))


def decided(case: Case, policy: Policy, request: pytest.FixtureRequest) -> Decision:
    """What is decided of a case as the gate would: a request is inspected."""
    if case.request is not None:
        inspecting: Asker = request.getfixturevalue("asker")
        return inspecting.ask(case, policy)
    parts = parts_of(case)
    exchange = exchange_of(case, parts.values())
    return policy.decide(exchange, inspection_of(case, parts), caller_of(case))


@pytest.mark.timeout(180)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_case_is_decided_alike_when_it_is_replayed(
    path: Path, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    written = Document(path).parse(CaseFile)
    source = path.parent / written.policy
    noting = Noting(load(source))
    for case in written.cases:
        assert decided(case, noting, request).action is case.expect.action, case.id
    made, policy = noting.made, load(source)
    assert len(made) >= len(written.cases)
    records = [
        recorded(
            each.exchange,
            each.inspection,
            each.decision,
            id=f"{number:024x}",
            at=BEGUN + number,
            caller=each.caller,
            headers=policy.written.headers,
        )
        for number, each in enumerate(made)
    ]
    store = tmp_path / "records.jsonl"
    write_file(store, records)
    kept = list(read(str(store)))
    assert kept == records
    for record, live in zip(kept, made, strict=True):
        again = policy.decide(*replayable(record), record.id)
        # Only the message may differ: its language is told by the words, which are not kept.
        assert replace(again, message=live.decision.message) == live.decision
    tally = backtest(str(store), ALL, resolve(source))
    assert (tally.records, tally.changed) == (len(made), 0)
    assert all(was == would for was, would in tally.held.values())
    rules = {rule for each in made for rule in (*each.decision.rules, *each.decision.shadow)}
    assert tally.held.keys() == rules
