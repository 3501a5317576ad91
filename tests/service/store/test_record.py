from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.contract.exchange import (
    CallRef,
    Exchange,
    ImagePart,
    Line,
    Message,
    OpaquePart,
    Origin,
    Part,
    Role,
    Shown,
    Stage,
    TextPart,
    ToolCallPart,
)
from detectors.contract.finding import Coverage, Finding, Gap, Inspection, Outcome, Run
from detectors.contract.labels import LABELS
from service.policy.engine import Policy
from service.policy.load import load
from service.policy.model import Caller
from service.settings import DEFAULT_POLICY
from service.store.record import UNFIT, Record, RecordError, recorded
from service.store.replay import replayable
from tests.service.store.samples import REFUSED, SECRET, SEEN, SENT, many, record

EVERYTHING = """
version: 1
description: names every kind of fact
thresholds: {harm: 0.5}
rules:
  - {id: mask, description: d, stage: request, on: [ocr], when: harm > threshold.harm,
     action: rewrite, edits: [{kind: mask_text}], message: m}
  - {id: drop, description: d, stage: request, on: ["ocr:faint"], when: hate > 0.5,
     action: rewrite, edits: [{kind: drop_image}]}
  - {id: long, description: d, stage: request, on: [user, third_party],
     when: "characters > 600 ? injection > 0.2 : injection > 0.9", action: refuse, message: m}
  - {id: joint, description: d, stage: request, on: [joined], when: "joined && jailbreak > 0.5",
     action: refuse, message: m, mode: shadow}
  - {id: where, description: d, stage: request, on: [third_party],
     when: "method == 'ocr' && origin == 'third_party' && location > 0.1", action: forward}
  - {id: whole, description: d, stage: request,
     when: "images > 1 && stream && dialect == 'openai_chat' && model.startsWith('m')",
     action: rewrite, edits: [{kind: instruct, text: t}]}
  - {id: missing, description: d, stage: request, when: "'audio' in gaps || size(gaps) > 2",
     action: refuse, message: m}
  - {id: answer, description: d, stage: response, on: [model, tool_call],
     when: "!complete || privacy > 0.5", action: refuse, message: m}
  - {id: shown, description: d, stage: response, when: images_shown > 1, action: refuse, message: m}
  - {id: thought, description: d, stage: response, on: [thinking, model],
     when: "harm > (thinking ? 0.8 : 0.5)", action: refuse, message: m}
"""

SCORES = st.one_of(
    st.floats(0, 1), st.sampled_from([0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0]), st.floats()
)
SIZES = st.sampled_from([0, 1, 599, 600, 601, 5000])
CALLS = st.sampled_from([None, None, CallRef(id="c1", name="look"), CallRef(name="read")])
METHODS = ("ocr", "ocr:faint", "normalised", "joined", "tool_call", "base64")


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Policy]:
    path = tmp_path_factory.mktemp("policy") / "everything.yaml"
    path.write_text(EVERYTHING)
    return load(DEFAULT_POLICY), load(path)


@st.composite
def own_parts(draw: st.DrawFn, number: int) -> Part:
    pointer, origin = f"/messages/{number}/content", draw(st.sampled_from(Origin))
    made: list[Part] = [
        ImagePart(pointer=pointer, origin=origin, data=b"data", media_type="image/png"),
        OpaquePart(pointer=pointer, origin=origin, kind="audio", reason="none"),
        ToolCallPart(pointer=pointer, origin=origin, name="f", arguments="{}"),
        TextPart(
            pointer=pointer, origin=origin, text="x" * draw(SIZES), thinking=draw(st.booleans())
        ),
    ]
    return replace(draw(st.sampled_from(made)), call=draw(CALLS))


@st.composite
def derived_parts(draw: st.DrawFn, parents: Sequence[Part]) -> Part:
    parent = draw(st.sampled_from(parents))
    box = ((0.0, 0.0),) * 4
    lines = draw(st.sampled_from([(), (Line(text="ab", box=box, score=1.0, start=0),)]))
    return TextPart(
        pointer=parent.pointer,
        origin=draw(st.sampled_from(Origin)),
        call=parent.call,
        parent=parent.key,
        method=draw(st.sampled_from(METHODS)),
        text="y" * draw(SIZES),
        lines=lines,
    )


@st.composite
def inspected(draw: st.DrawFn) -> tuple[Exchange, Inspection]:
    own = [draw(own_parts(number)) for number in range(draw(st.integers(0, 4)))]
    parts = {part.key: part for part in own}
    for _ in range(draw(st.integers(0, 5)) if own else 0):
        derived = draw(derived_parts(list(parts.values())))
        parts.setdefault(derived.key, derived)
    names = st.sampled_from([*parts, "/elsewhere"])
    findings = st.builds(
        Finding,
        label=st.sampled_from([*LABELS, "unheard_of"]),
        score=SCORES,
        part=names,
        detector=st.sampled_from(["classifier", "patterns"]),
        span=st.one_of(st.none(), st.tuples(st.integers(0, 9), st.integers(9, 20))),
    )
    kinds = st.sampled_from(["audio", "file", "remote_image", "unread_text", "failed"])
    gaps = draw(
        st.lists(st.builds(Gap, part=names, kind=kinds, reason=st.just("none")), max_size=3)
    )
    runs = st.builds(
        Run, part=names, detector=st.just("ocr"), outcome=st.sampled_from(Outcome), ms=st.just(1.0)
    )
    exchange = Exchange(
        dialect="openai_chat",
        model=draw(st.sampled_from(["m1", "a/b:free", ""])),
        stage=draw(st.sampled_from(Stage)),
        stream=draw(st.booleans()),
        shown=Shown(pictures=draw(st.integers(0, 2)), operator=("whispered",)),
        messages=tuple(Message(role=draw(st.sampled_from(Role)), parts=(part,)) for part in own),
    )
    inspection = Inspection(
        parts=tuple(parts.values()),
        findings=tuple(draw(st.lists(findings, max_size=8))),
        runs=tuple(draw(st.lists(runs, max_size=4))),
        coverage=Coverage(seen=len(own), inspected=0, gaps=tuple(gaps)),
    )
    return exchange, inspection


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(made=inspected())
def test_a_record_is_decided_as_the_exchange_was(
    policies: Sequence[Policy], made: tuple[Exchange, Inspection]
) -> None:
    for policy in policies:
        live = policy.decide(*made)
        kept = recorded(*made, live, id="a", at=1.5)
        again = Record.from_json(kept.to_json())
        assert again == kept
        assert replace(policy.decide(*replayable(again)), message=live.message) == live
        assert "whispered" not in kept.to_json()
        assert (again.action, again.rules) == (live.action.value, live.rules)
        assert (again.shadow, again.policy) == (live.shadow, policy.hash)


def test_a_replay_has_what_the_exchange_had() -> None:
    exchange, inspection, _ = replayable(record())
    assert [(m.role, len(m.parts)) for m in exchange.messages] == [
        (m.role, len(m.parts)) for m in SENT.messages
    ]
    assert [part.key for part in exchange.parts()] == [part.key for part in SENT.parts()]
    assert [type(part) for part in inspection.parts] == [type(part) for part in SEEN.parts]
    assert inspection.findings == SEEN.findings
    assert [run.detector for run in inspection.runs] == ["ocr", "patterns"]
    assert inspection.coverage == SEEN.coverage


def test_a_record_says_which_scope_decided_and_what_failed_open() -> None:
    decision = replace(REFUSED, scope="school", opened=("ocr",))
    again = Record.from_json(recorded(SENT, SEEN, decision, id="a", at=0.0).to_json())
    assert (again.scope, again.opened) == ("school", ("ocr",))


def test_a_record_from_before_a_field_came_is_read() -> None:
    said = json.loads(record().to_json())
    for name in ("allowed", "pictures", "opened", "scope"):
        del said[name]
    again = Record.from_json(json.dumps(said))
    assert (again.allowed, again.pictures, again.opened, again.scope) == ((), 0, (), "")


def test_a_record_holds_no_payload() -> None:
    text = record().to_json()
    assert SECRET not in text
    assert all(word not in text for word in SECRET.split())


@pytest.mark.parametrize(
    ("pointer", "kept"),
    [
        ("/messages/0/content", "/messages/0/content"),
        ("/metadata/x-team_1", "/metadata/x-team_1"),
        ("", ""),
        ("/my mother's name", f"{UNFIT}/1"),
        ("/metadata/ann@example.com", f"{UNFIT}/1"),
        ("/" + "a" * 65, f"{UNFIT}/1"),
        ("/名前", f"{UNFIT}/1"),
    ],
)
def test_a_field_that_a_client_named_is_kept_if_it_is_a_word(pointer: str, kept: str) -> None:
    part = TextPart(pointer=pointer, origin=Origin.USER, text="x")
    shown = TextPart(
        pointer=pointer, origin=Origin.USER, parent=part.key, method="normalised", text="y"
    )
    found = Finding(label="harm", score=0.9, part=shown.key, detector="classifier")
    inspection = replace(SEEN, parts=(part, shown), findings=(found,), runs=())
    made = recorded(SENT, inspection, REFUSED, id="a", at=0.0)
    again = replayable(made)[1]
    assert [each.key for each in again.parts] == [kept, f"{kept}#normalised"]
    assert made.findings[0].part == f"{kept}#normalised"


@pytest.mark.parametrize("model", ["my mother is ill", "a" * 97, "模型"])
def test_a_model_s_name_is_kept_if_it_is_one(model: str) -> None:
    made = recorded(
        replace(SENT, model=model), SEEN, REFUSED, id="a", at=0.0, caller=Caller(tenant=model)
    )
    assert (made.model, made.tenant) == (UNFIT, UNFIT)


@pytest.mark.parametrize(
    ("call", "kept"),
    [
        (CallRef(id="call_1", name="look"), ("call_1", "look")),
        (CallRef(id="toolu_" + "a" * 40, name=""), ("toolu_" + "a" * 40, "")),
        (CallRef(id="my?mother?is?ill", name="a" * 97), (UNFIT, UNFIT)),
    ],
)
def test_a_calls_id_and_name_are_kept_if_they_are_words(
    call: CallRef, kept: tuple[str, str]
) -> None:
    text = TextPart(pointer="/a b", origin=Origin.THIRD_PARTY, text=SECRET, call=call)
    shown = replace(text, parent=text.key, method="normalised")
    other = TextPart(pointer="/0", origin=Origin.USER, text=SECRET)
    inspection = replace(SEEN, parts=(other, text, shown), findings=(), runs=())
    made = Record.from_json(
        recorded(SENT, inspection, REFUSED, id="a", at=0.0).to_json(),
    )
    assert [(each.id, each.name) for each in made.calls] == [kept]
    again = CallRef(id=kept[0], name=kept[1])
    assert [part.call for part in replayable(made)[1].parts] == [None, again, again]


def test_a_record_that_names_no_calls_is_read() -> None:
    old = json.loads(record().to_json())
    del old["calls"]
    assert Record.from_json(json.dumps(old)) == record()


def test_what_a_model_thought_is_told_from_what_it_said() -> None:
    said = [
        TextPart(pointer=f"/{number}", origin=Origin.MODEL, text=SECRET, thinking=thinking)
        for number, thinking in enumerate((True, False))
    ]
    inspection = replace(SEEN, parts=tuple(said), findings=(), runs=())
    made = Record.from_json(recorded(SENT, inspection, REFUSED, id="a", at=0.0).to_json())
    again = [part for part in replayable(made)[1].parts if isinstance(part, TextPart)]
    assert [part.thinking for part in again] == [True, False]


def test_of_the_caller_only_what_the_policy_names_is_kept() -> None:
    caller = Caller(
        tenant="ours",
        key_group="batch",
        path="/v1/chat/completions",
        headers={"authorization": "hush", "x-team": "blue", "x-note": "my mother\nis ill"},
    )
    named = ["x-team", "x-note", "x-absent"]
    made = recorded(SENT, SEEN, REFUSED, id="a", at=0.0, caller=caller, headers=named)
    assert "hush" not in made.to_json()
    again = replayable(Record.from_json(made.to_json()))[2]
    assert again == replace(caller, headers={"x-team": "blue", "x-note": UNFIT})


def test_runs_that_finished_are_kept_where_there_is_a_gap() -> None:
    whole = replace(SEEN, runs=SEEN.runs[:1], coverage=Coverage(seen=4, inspected=4))
    assert recorded(SENT, whole, REFUSED, id="a", at=0.0).runs == ()
    assert len(record().runs) == 2


def test_unfit_fields_stay_apart() -> None:
    parts = [TextPart(pointer=f"/no word {n}", origin=Origin.USER, text="x") for n in range(3)]
    made = recorded(SENT, replace(SEEN, parts=tuple(parts)), REFUSED, id="a", at=0.0)
    assert len({noted.pointer for noted in made.parts}) == 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not a recorded decision"),
        ("{", "not a recorded decision"),
        ("[]", "not a recorded decision"),
        ("{}", "not a recorded decision"),
        ("[" * 100_000, "not a recorded decision"),
        ('{"v": 2}', "version 2 and this Glassgate reads version 1"),
        ('{"v": "hush"}', "version ? and"),
        ('{"v": 1}', "incomplete"),
        (record().to_json().replace('"seen":4', '"unheard":4'), "incomplete"),
        (record().to_json().replace('"text","/', '"/', 1), "incomplete"),
    ],
)
def test_what_is_no_record_is_said_without_its_words(text: str, says: str) -> None:
    with pytest.raises(RecordError, match=says.replace("?", r"\?")) as error:
        Record.from_json(text)
    assert "hush" not in str(error.value)


def test_a_record_is_small() -> None:
    sizes = [len(each.to_json()) for each in many(50)]
    assert max(sizes) < 2000
    assert json.loads(record().to_json())["v"] == 1
