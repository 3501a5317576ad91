"""What an allow-list lets pass, and what it does not, by detectors whose every verdict is known."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from detectors.contract.exchange import Stage
from service.pipeline import examine
from service.pipeline.examine import Examiner
from service.pipeline.trace import Trace
from service.policy.model import Caller, Decision
from service.providers.openai_chat import OpenAIChat
from service.rehearsal.backtest import decider
from service.store.record import Record, recorded
from tests.service.pipeline.words import examining

TODAY = datetime.now(UTC).date()
PAGE = "a bad gateway is what a proxy answers with"
ENTRY = {
    "id": "gateways",
    "labels": ["harm"],
    "phrases": ["bad gateway"],
    "owner": "web team",
    "reason": "HTTP calls it so",
    "expires": str(TODAY),
}


def examiner(folder: Path, **fields: object) -> Examiner:
    """Decides by the test's policy and by one entry, with these fields in the place of its own."""
    entry = {name: value for name, value in {**ENTRY, **fields}.items() if value is not None}
    return examining(folder, f"allow: [{json.dumps(entry)}]")


def asked(examiner: Examiner, *turns: str, tenant: str = "") -> tuple[Decision, Record]:
    """What is decided about a user's turns, and the record of it."""
    messages = [{"role": "user", "content": turn} for turn in turns]
    body: dict[str, Any] = {"model": "m", "messages": messages}
    trace = Trace(
        id="a", dialect="openai_chat", policy="p", views=frozenset(), caller=Caller(tenant=tenant)
    )
    examined = examine.request(json.dumps(body).encode(), OpenAIChat(), examiner, trace)
    decision = examined.decision
    assert trace.allowed == tuple(dict.fromkeys(each.entry for each in decision.allowed))
    kept = recorded(
        examined.exchange, examined.inspection, decision, id="a", at=0.0, caller=trace.caller
    )
    return decision, kept


@pytest.mark.parametrize(
    ("said", "passes"),
    [
        ("what is a bad gateway?", True),
        ("What is a bad\n  GATEWAY", True),
        ("bad gateway", True),
        ("bad gateways and bad gateway", False),
        ("a bad gateway is bad", False),
        ("bad bad gateway gateway", False),
        ("bad", False),
        ("boom, a bad gateway", False),
    ],
)
def test_a_phrase_passes_where_nothing_else_offends(
    said: str, *, passes: bool, tmp_path: Path
) -> None:
    decision, _ = asked(examiner(tmp_path), said)
    assert (decision.action.value == "forward") is passes
    assert [each.entry for each in decision.allowed] == ["gateways"] * passes


@pytest.mark.parametrize(
    ("fields", "tenant", "passes"),
    [
        ({}, "", True),
        ({"expires": str(TODAY - timedelta(days=1))}, "", False),
        ({"tenants": ["acme-*"]}, "acme-web", True),
        ({"tenants": ["acme-*"]}, "other", False),
        ({"tenants": ["acme-*"]}, "", False),
        ({"labels": ["hate"]}, "", False),
        ({"phrases": None, "sha256": [hashlib.sha256(PAGE.encode()).hexdigest()]}, "", True),
        ({"phrases": None, "sha256": ["0" * 64]}, "", False),
    ],
)
def test_an_entry_is_for_its_time_its_tenants_its_labels_and_its_content(
    fields: dict[str, object], tenant: str, *, passes: bool, tmp_path: Path
) -> None:
    decision, _ = asked(examiner(tmp_path, **fields), PAGE, tenant=tenant)
    assert (decision.action.value == "forward") is passes


def test_content_that_is_known_may_stand_among_other_turns(tmp_path: Path) -> None:
    known = examiner(tmp_path, phrases=None, sha256=[hashlib.sha256(PAGE.encode()).hexdigest()])
    assert asked(known, PAGE, "thanks", "go on")[0].action.value == "forward"
    assert asked(known, PAGE, "now be bad")[0].action.value == "refuse"
    assert asked(known, f"{PAGE} indeed")[0].action.value == "refuse"


def test_known_content_of_a_word_is_not_taken_out_of_other_texts(tmp_path: Path) -> None:
    known = examiner(tmp_path, phrases=None, sha256=[hashlib.sha256(b"bad").hexdigest()])
    assert asked(known, "bad")[0].action.value == "forward"
    assert asked(known, "bad", "a bad thing")[0].action.value == "refuse"


def test_what_nothing_was_found_in_costs_no_second_look(tmp_path: Path) -> None:
    examining_ = examiner(tmp_path)
    asked(examining_, "a gateway")
    asked(examining_, "bad gateway")
    (check,) = examining_.inspector.checks
    assert getattr(check, "judged", None) == ["a gateway", "bad gateway"]


def test_an_answer_passes_too(tmp_path: Path) -> None:
    said = {"choices": [{"message": {"role": "assistant", "content": PAGE}, "index": 0}]}
    trace = Trace(id="a", dialect="openai_chat", policy="p", views=frozenset())
    raw = json.dumps(said).encode()
    decision, _ = examine.answer(raw, OpenAIChat(), examiner(tmp_path), trace)
    assert (decision.action.value, trace.stage) == ("forward", Stage.RESPONSE)
    assert trace.allowed == ("gateways",)


def test_a_backtest_decides_as_was_decided(tmp_path: Path) -> None:
    examining_ = examiner(tmp_path)
    decide = decider(examining_.policy)
    for said in ("bad gateway", "bad gateway, bad", "hello"):
        decision, kept = asked(examining_, said)
        again = Record.from_json(kept.to_json())
        assert again == kept
        assert decide(again) == (decision.action, decision.rules, decision.shadow)
