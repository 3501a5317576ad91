"""What conditions can read of an exchange, and which gaps count."""

from dataclasses import replace

import pytest

from detectors.contract.exchange import (
    ImagePart,
    OpaquePart,
    Origin,
    Part,
    Shown,
    Stage,
    TextPart,
)
from detectors.contract.finding import Gap, Outcome, Run
from detectors.views.metadata import PLACE
from service.policy.engine import sampled
from service.policy.model import FACES, Action, Caller, Rule
from service.store.record import recorded
from service.store.replay import replayable
from tests.service.policy.exchanges import (
    FACE,
    NOTE,
    PAINTING,
    PARTS,
    PHOTO,
    PORTRAIT,
    QUESTION,
    REFUSE,
    SYSTEM,
    TOOL,
    Written,
    exchange_of,
    found,
    inspection_of,
    rule,
)

CALLER = Caller(
    tenant="acme", key_group="staff", path="/v1/x", headers={"x-team": "red", "x-other": "a"}
)
FINDINGS = [found(NOTE, "harm", 0.6), found(TOOL, "harm", 0.7), found(QUESTION, "hate", 0.2)]
HELD = [
    "texts == 3 && images == 1 && documents == 0 && tool_calls == 0 && opaque == 0",
    "'ocr' in methods && 'ocr:faint' in methods && !('base64' in methods)",
    "!has_faces && !has_gps",
    "tenant == 'acme' && key_group == 'staff' && path == '/v1/x'",
    "headers['x-team'] == 'red' && headers['x-none'] == '' && size(headers) == 2",
    "score.third_party.harm == 0.7 && score.user.harm == 0.0 && score.user.hate == 0.2",
    "harm == 0.7 && hate == 0.2",
    "failed == ['ocr']",
    "threshold . low < 0.3 && lists.few.exists(x, x == 'a')",
    r"model.matches('a-\\w+') && model != 'it//s' // a remark",
]


@pytest.mark.parametrize("condition", HELD)
def test_a_condition_reads(written: Written, condition: str) -> None:
    quoted = condition.replace("'", '"')
    policy = written(
        "headers: [x-team, x-none]\nlists: {few: [a, b]}\nthresholds: {low: 0.2}\nrules:\n"
        "  - id: one\n    description: d\n    stage: request\n    action: forward\n"
        f"    when: |-\n      {quoted}\n" + rule("two", "harm > threshold.low", REFUSE)
    )
    runs = [Run(part=PHOTO.key, detector="ocr", outcome=Outcome.FAILED, ms=0.0)]
    inspection = inspection_of(FINDINGS, runs=runs)
    decision = policy.decide(exchange_of(PARTS), inspection, CALLER)
    assert decision.rules == ("one", "two")
    assert not any(reason.failed for reason in decision.reasons)


@pytest.mark.parametrize(("name", "method"), [("has_faces", f"{FACES}:any"), ("has_gps", PLACE)])
def test_a_view_can_tell_of_faces_and_places(written: Written, name: str, method: str) -> None:
    policy = written("rules:\n" + rule("one", name, REFUSE))
    shown = TextPart(pointer="/1", origin=Origin.THIRD_PARTY, parent="/1", method=method, text="")
    assert policy.decide(exchange_of(PARTS), inspection_of(parts=[*PARTS, shown])).rules == ("one",)
    assert policy.decide(exchange_of(PARTS), inspection_of()).rules == ()


@pytest.mark.parametrize(
    ("stage", "shown", "counted"), [("request", 0, 1), ("response", 0, 0), ("response", 3, 3)]
)
def test_an_answer_has_the_pictures_of_its_request(
    written: Written, stage: str, shown: int, counted: int
) -> None:
    policy = written("rules:\n" + rule("one", f"images_shown == {counted}", REFUSE, stage))
    exchange = replace(exchange_of(PARTS, Stage(stage)), shown=Shown(pictures=shown))
    assert policy.decide(exchange, inspection_of()).rules == ("one",)


KNOWN = [
    # parts beside the photo, how looking for faces ended there, known
    ([], [], False),
    ([], [Outcome.CLEAN], True),
    ([], [Outcome.FOUND], True),
    ([], [Outcome.FAILED], False),
    ([], [Outcome.TIMED_OUT], False),
    ([FACE], [], True),
    ([PAINTING], [Outcome.CLEAN], False),
    ([PAINTING, PORTRAIT], [Outcome.CLEAN], True),
]


@pytest.mark.parametrize(("beside", "outcomes", "known"), KNOWN)
def test_faces_are_known_where_they_were_looked_for_in_every_picture(
    written: Written, beside: list[Part], outcomes: list[Outcome], known: bool
) -> None:
    policy = written("rules:\n" + rule("one", "faces_known", REFUSE))
    runs = [Run(part=PHOTO.key, detector=FACES, outcome=each, ms=0.0) for each in outcomes]
    runs.append(Run(part=PHOTO.key, detector="ocr", outcome=Outcome.CLEAN, ms=0.0))
    inspection = inspection_of(parts=[*PARTS, *beside], runs=runs)
    assert policy.decide(exchange_of(PARTS), inspection).rules == ("one",) * known
    kept = recorded(
        exchange_of(PARTS), inspection, policy.decide(exchange_of(PARTS), inspection), id="a", at=0
    )
    exchange, again, _ = replayable(kept)
    assert policy.decide(exchange, again).rules == ("one",) * known


def test_without_pictures_there_is_nothing_to_know(written: Written) -> None:
    policy = written("rules:\n" + rule("one", "faces_known && !has_faces", REFUSE))
    assert policy.decide(exchange_of([QUESTION]), inspection_of(parts=[QUESTION])).rules == ("one",)


def failed(part: Part, detector: str, outcome: Outcome = Outcome.FAILED) -> Run:
    return Run(part=part.key, detector=detector, outcome=outcome, ms=0.0)


PAGE = ImagePart(
    pointer="/1", origin=Origin.USER, parent="/1", method="page", data=b"", media_type=""
)
UNREAD = OpaquePart(
    pointer="/1", origin=Origin.THIRD_PARTY, parent="/1", method="ocr:unread", kind="u", reason=""
)
OPENED = [
    # runs that did not end well, parts beside, which are opened (None: the gap counts)
    ([failed(PHOTO, "ocr")], [], ("ocr",)),
    ([failed(PHOTO, "ocr", Outcome.TIMED_OUT)], [], ("ocr",)),
    ([failed(PHOTO, "ocr", Outcome.SKIPPED)], [], ("ocr",)),
    ([failed(PHOTO, "ocr:faint", Outcome.TIMED_OUT)], [], ("ocr",)),
    ([failed(PHOTO, "qr:faint", Outcome.TIMED_OUT)], [], None),
    ([failed(PHOTO, "ocr"), failed(NOTE, "judge")], [], ("judge", "ocr")),
    ([failed(NOTE, "classifier")], [], None),
    ([failed(PHOTO, "ocr"), failed(NOTE, "classifier")], [], None),
    ([failed(PHOTO, "ocr")], [UNREAD], None),
    ([failed(PHOTO, "ocr")], [PAGE], None),
    ([failed(QUESTION, "ocr")], [], None),
    ([], [], None),
]


@pytest.mark.parametrize(("runs", "beside", "opened"), OPENED)
def test_only_what_a_named_detector_failed_at_is_let_pass(
    written: Written, runs: list[Run], beside: list[Part], opened: tuple[str, ...] | None
) -> None:
    policy = written("fail_open: [ocr, judge]\nrules:\n" + rule("one", "!complete", REFUSE))
    gap = Gap(part=PHOTO.key, kind="failed", reason="ocr: MediaError")
    read = [Run(part=PHOTO.key, detector="qr", outcome=Outcome.CLEAN, ms=0.0)]
    inspection = inspection_of(gaps=[gap], parts=[*PARTS, *beside], runs=[*read, *runs])
    decision = policy.decide(exchange_of(PARTS), inspection)
    assert decision.action is (Action.REFUSE if opened is None else Action.FORWARD)
    assert decision.opened == (opened or ())


def test_a_gap_that_counts_stands_beside_one_that_does_not(written: Written) -> None:
    policy = written("fail_open: [ocr]\nrules:\n" + rule("one", 'gaps == ["audio"]', REFUSE))
    gaps = [
        Gap(part=PHOTO.key, kind="failed", reason="ocr: x"),
        Gap(part=SYSTEM.key, kind="audio", reason="none"),
    ]
    decision = policy.decide(
        exchange_of(PARTS), inspection_of(gaps=gaps, runs=[failed(PHOTO, "ocr")])
    )
    assert (decision.rules, decision.opened) == (("one",), ("ocr",))


def test_nothing_fails_open_unless_the_policy_says_so(written: Written) -> None:
    policy = written("rules:\n" + rule("one", "!complete", REFUSE))
    gap = Gap(part=PHOTO.key, kind="failed", reason="ocr: x")
    inspection = inspection_of(gaps=[gap], runs=[failed(PHOTO, "ocr")])
    assert policy.decide(exchange_of(PARTS), inspection).action is Action.REFUSE


def test_a_sample_is_a_share_of_requests_and_for_ever_the_same(written: Written) -> None:
    policy = written(
        "rules:\n"
        + rule("a", "complete", "action: forward, sample: 0.2")
        + rule("b", "complete", REFUSE)
    )
    ids = [f"request-{number}" for number in range(2000)]
    chosen = [
        policy.decide(exchange_of(PARTS), inspection_of(), request=each).rules == ("a", "b")
        for each in ids
    ]
    assert 0.16 < sum(chosen) / len(ids) < 0.24
    assert chosen == [sampled(policy.written.rules[0], each) for each in ids]
    other = replace_id(policy.written.rules[0])
    assert chosen != [sampled(other, each) for each in ids]


def replace_id(rule: Rule) -> Rule:
    return rule.model_copy(update={"id": "c"})


def test_without_an_id_a_sampled_rule_is_always_held(written: Written) -> None:
    policy = written("rules:\n" + rule("a", "complete", REFUSE + ", sample: 0.001"))
    assert policy.decide(exchange_of(PARTS), inspection_of()).rules == ("a",)
