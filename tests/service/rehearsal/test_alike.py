from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.policy.engine import Policy
from service.policy.load import load
from service.policy.reading import BUNDLES
from service.rehearsal.alike import Alike
from service.rehearsal.backtest import decider
from service.store.record import Missed, Noted, Ran, Record, Scored
from service.store.replay import replayable
from tests.service.store.samples import record

SHIPPED = sorted(path.stem for path in BUNDLES.glob("*.yaml"))
RULES = """\
version: 1
description: compares in every way
thresholds: {harm: 0.5, long: 0.9}
headers: [x-team]
rules:
  - {id: long, description: d, stage: request, on: [user, third_party], action: refuse, message: m,
     when: "(characters > 600 ? harm >= threshold.long : 0.25 < harm) && headers['x-team'] != 'a'"}
  - {id: chosen, description: d, stage: request, on: [user], action: refuse, message: m,
     when: "hate >= (joined ? threshold.long : (characters >= 20 ? 0.3 : threshold.harm))"}
  - {id: origins, description: d, stage: request, action: forward,
     when: "score.third_party.hate == 0.3 || score.user.harm > 0.0"}
  - {id: mask, description: d, stage: request, on: [ocr], when: hate > 0.5 && hate < 0.9,
     action: rewrite, edits: [{kind: mask_text}], message: m}
  - {id: gaps, description: d, stage: request, when: "size(gaps) > 1 || 'ocr' in failed",
     action: refuse, message: m, mode: shadow}
  - {id: answer, description: d, stage: response, on: [user], when: harm > 0.5, action: refuse,
     message: m}
  - {id: shown, description: d, stage: response, when: images_shown > 1, action: refuse, message: m}
  - {id: thought, description: d, stage: response, on: [model],
     when: "hate >= (thinking ? 0.9 : 0.5)", action: refuse, message: m}
select:
  - {id: school, description: d, tenants: [school], thresholds: {harm: 0.3}}
"""
SCORES = st.sampled_from([0.0, 0.1, 0.25, 0.26, 0.3, 0.4, 0.5, 0.6, 0.9, 0.95, 1.0, 7.0])
PARTS = (
    Noted("text", "/0", "user", None, None, 22, 0, ""),
    Noted("image", "/1", "user", None, None, 22, 0, ""),
    Noted("text", "/1", "third_party", "/1", "ocr", 601, 1, ""),
    Noted("text", "/1", "user", "/0", "joined", 600, 0, ""),
    Noted("opaque", "/2", "third_party", None, None, 0, 0, "audio"),
    Noted("text", "/3", "model", None, None, 22, 0, ""),
)
KEYS = ("/0", "/1", "/1#ocr", "/0#joined", "/2", "/3", "/9")


@st.composite
def records(draw: st.DrawFn) -> Record:
    parts = [
        part._replace(
            size=draw(st.sampled_from([19, 20, 600, 601])),
            what=draw(st.sampled_from(["", "thinking"])) if part.origin == "model" else "",
        )
        if part.kind == "text"
        else part
        for part in PARTS[: draw(st.integers(1, 6))]
    ]
    keys = st.sampled_from(KEYS)
    labels = st.sampled_from(["harm", "hate", "injection", "faces"])
    findings = st.builds(Scored, labels, SCORES, keys, st.just("d"), st.none(), st.none())
    gaps = st.builds(Missed, keys, st.sampled_from(["audio", "failed"]), st.just(""))
    runs = st.builds(Ran, keys, st.just("ocr"), st.sampled_from(["found", "failed"]), st.just(""))
    return replace(
        record(draw(st.integers(0, 9)), draw(st.sampled_from(["", "school"]))),
        stage=draw(st.sampled_from(["request", "response"])),
        headers=draw(st.sampled_from([(), (("x-team", "a"),)])),
        parts=tuple(parts),
        messages=(("user", sum(part.method is None for part in parts)),),
        findings=tuple(draw(st.lists(findings, max_size=4))),
        gaps=tuple(draw(st.lists(gaps, max_size=2))),
        runs=tuple(draw(st.lists(runs, max_size=2))),
        pictures=draw(st.integers(0, 2)),
    )


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> list[Policy]:
    path = tmp_path_factory.mktemp("policy") / "compares.yaml"
    path.write_text(RULES, encoding="utf-8")
    return [load(path), load(BUNDLES / "default.yaml")]


@pytest.fixture(scope="module")
def remembering(policies: list[Policy]) -> list[Callable[[Record], object]]:
    """Deciders that remember from one example to the next."""
    return [decider(policy) for policy in policies]


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(made=records())
def test_each_record_is_decided_as_if_it_were_alone(
    policies: list[Policy], remembering: list[Callable[[Record], object]], made: Record
) -> None:
    for policy, decide in zip(policies, remembering, strict=True):
        live = policy.decide(*replayable(made), made.id)
        assert decide(made) == (live.action, live.rules, live.shadow)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_policy_that_ships_is_replayed_the_fast_way(name: str) -> None:
    assert Alike(load(BUNDLES / f"{name}.yaml").written).exact


@pytest.mark.parametrize(
    "when",
    [
        "harm + hate > 1.0",
        "harm > hate",
        "harm > 0.1 * 3.0",
        "[harm, hate].exists(x, x > 0.5)",
        "harm > double(images) / 10.0",
        "characters > images",
        "(harm > 0.5) == complete",
        "string(harm) == '1'",
        "harm > (hate + 0.1 > 0.5 ? 0.2 : 0.3)",
    ],
)
def test_what_does_more_than_compare_is_decided_one_by_one(tmp_path: Path, when: str) -> None:
    path = tmp_path / "policy.yaml"
    rule = f'{{id: a, description: d, stage: request, on: [user], when: "{when}", action: forward}}'
    path.write_text(f"version: 1\ndescription: d\nrules:\n  - {rule}\n", encoding="utf-8")
    assert not Alike(load(path).written).exact


def test_so_is_what_takes_a_sample(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    rule = "{id: a, description: d, stage: request, when: complete, action: forward, sample: 0.5}"
    path.write_text(f"version: 1\ndescription: d\nrules:\n  - {rule}\n", encoding="utf-8")
    assert not Alike(load(path).written).exact
