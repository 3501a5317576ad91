"""Every part is accounted for, whatever its detectors do."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

import pytest

from detectors.cache import VerdictCache
from detectors.contract.detector import Budget, DetectorError
from detectors.contract.exchange import (
    CallRef,
    DocumentPart,
    Exchange,
    ImagePart,
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
from detectors.contract.finding import Finding, Inspection
from detectors.inspect import MOST_DEPTH, Inspector
from detectors.views.tool_call import ToolCall
from tests.detectors.checks.counting import Counted


@dataclass
class Reader:
    """A view that reads a picture's bytes as text; does what ``acts`` says for some."""

    name: str = "reader"
    version: str = "1"
    acts: dict[bytes, Callable[[], None]] = field(default_factory=dict)
    read: list[bytes] = field(default_factory=list)

    def applies(self, part: Part) -> bool:
        return isinstance(part, ImagePart)

    def reveal(self, part: Part) -> Sequence[Part]:
        assert isinstance(part, ImagePart)
        self.read.append(part.data)
        self.acts.get(part.data, lambda: None)()
        if not part.data:
            return ()
        return (
            TextPart(
                pointer=part.pointer,
                origin=Origin.THIRD_PARTY,
                parent=part.key,
                method="read",
                text=part.data.decode(),
            ),
        )

    def self_check(self) -> None:
        """Nothing can be wrong with it."""


@dataclass
class Echo:
    """A view that derives a text from each text, for ever."""

    name: str = "echo"
    version: str = "1"

    def applies(self, part: Part) -> bool:
        return isinstance(part, TextPart)

    def reveal(self, part: Part) -> Sequence[Part]:
        assert isinstance(part, TextPart)
        return (
            TextPart(
                pointer=part.pointer,
                origin=part.origin,
                parent=part.key,
                method="echo",
                text=f"{part.text}!",
            ),
        )

    def self_check(self) -> None:
        """Nothing can be wrong with it."""


@dataclass
class Words:
    """A check that finds the word ``bad`` and fails at ``boom``."""

    name: str = "words"
    version: str = "1"
    judged: list[str] = field(default_factory=list)

    def judge(self, texts: Sequence[TextPart]) -> Sequence[Sequence[Finding]]:
        self.judged.extend(text.text for text in texts)
        if any("boom" in text.text for text in texts):
            raise DetectorError("cannot judge this")
        return [
            [Finding(label="harm", score=0.9, part=text.key, detector=self.name)]
            if "bad" in text.text
            else []
            for text in texts
        ]

    def self_check(self) -> None:
        """Nothing can be wrong with it."""


def text(words: str, at: str = "/t", origin: Origin = Origin.USER) -> TextPart:
    return TextPart(pointer=at, origin=origin, text=words)


def image(data: bytes, at: str = "/i") -> ImagePart:
    return ImagePart(pointer=at, origin=Origin.USER, data=data, media_type="image/png")


def exchange(*messages: tuple[Part, ...], role: Role = Role.USER) -> Exchange:
    return Exchange(
        dialect="d",
        model="m",
        stage=Stage.REQUEST,
        messages=tuple(Message(role=role, parts=parts) for parts in messages),
    )


def inspect(*parts: Part, views: Sequence[object] = (), timeout_s: float = 5) -> Inspection:
    inspector = Inspector(views, [Words()])  # type: ignore[arg-type]
    apart = exchange(*((part,) for part in parts), role=Role.TOOL)  # a user's turns are joined
    return inspector.inspect(apart, timeout_s)


def raising(error: Exception) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


class Compared(Words):
    """Judges an answer by how many pictures the model was shown."""

    def __init__(self, pictures: int | None = None) -> None:
        super().__init__()
        self.version = f"1-{pictures}"

    def beside(self, shown: Shown) -> Compared:
        return Compared(shown.pictures)

    def judge(self, texts: Sequence[TextPart]) -> Sequence[Sequence[Finding]]:
        found = Finding(label="harm", score=0.5, part="", detector=self.version)
        return [[found] for _ in texts]


@pytest.mark.parametrize(
    ("stage", "pictures", "told"),
    [(Stage.REQUEST, 0, "1-None"), (Stage.RESPONSE, 0, "1-0"), (Stage.RESPONSE, 2, "1-2")],
)
def test_an_answer_is_judged_by_what_the_model_was_shown(
    stage: Stage, pictures: int, told: str
) -> None:
    inspector = Inspector([], [Compared()], VerdictCache(9))
    asked = replace(exchange((text("fine"),)), stage=stage)
    for shown in (9, pictures):  # what was found beside other pictures is not what counts here
        seen = inspector.inspect(replace(asked, shown=Shown(pictures=shown)), 5)
    assert [finding.detector for finding in seen.findings] == [told]


GAPS: dict[str, tuple[Part, str, str]] = {
    "an opaque part": (
        OpaquePart(pointer="/o", origin=Origin.USER, kind="audio", reason="not read"),
        "audio",
        "not read",
    ),
    "a picture that no view reads": (
        image(b"x", "/o"),
        "no_detector",
        "no view reads image/png",
    ),
    "a document": (
        DocumentPart(pointer="/o", origin=Origin.USER, data=b"x", media_type="application/pdf"),
        "no_detector",
        "no view reads application/pdf",
    ),
    "a text that the check fails on": (text("boom", "/o"), "failed", "words: cannot judge this"),
}


@pytest.mark.parametrize("case", GAPS)
def test_what_was_not_inspected_is_a_gap_and_the_rest_is_not(case: str) -> None:
    part, kind, reason = GAPS[case]
    seen = inspect(text("fine", "/a"), part, text("bad", "/b"))
    assert str(seen.coverage) == "2/3"
    assert [(gap.part, gap.kind, gap.reason) for gap in seen.coverage.gaps] == [
        ("/o", kind, reason)
    ]
    assert [finding.part for finding in seen.findings] == ["/b"]


FAILURES = {
    "an error of its own": (raising(ValueError("secret words")), "reader: ValueError"),
    "an error with words for it": (raising(DetectorError("too blurred")), "reader: too blurred"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_view_that_fails_leaves_a_gap_and_no_payload(case: str) -> None:
    act, reason = FAILURES[case]
    seen = inspect(text("fine"), image(b"x"), views=[Reader(acts={b"x": act})])
    assert [(gap.part, gap.reason) for gap in seen.coverage.gaps] == [("/i", reason)]


def test_what_fails_on_a_derived_text_counts_against_the_part_it_came_from() -> None:
    seen = inspect(text("fine"), image(b"boom"), views=[Reader()])
    assert [gap.part for gap in seen.coverage.gaps] == ["/i"]
    assert str(seen.coverage) == "1/2"


def computing(seconds: float, then: Callable[[], None] = lambda: None) -> Callable[[], None]:
    """Computes for so long."""

    def act() -> None:
        end = time.thread_time() + seconds
        while time.thread_time() < end:
            pass
        then()

    return act


BUDGETS = {
    "spent by the first": (0.05, computing(0.2), ["found", "timed_out"], "timed_out"),
    "spent by a first that fails": (
        0.05,
        computing(0.2, raising(ValueError())),
        ["failed", "timed_out"],
        "failed",
    ),
    "not spent": (5.0, computing(0.2), ["found", "found"], None),
    "not spent by waiting": (0.05, lambda: time.sleep(0.2), ["found", "found"], None),
}


@pytest.mark.parametrize(("budget_s", "act", "outcomes", "gap"), BUDGETS.values(), ids=BUDGETS)
def test_no_view_of_a_picture_begins_after_its_budget(
    budget_s: float, act: Callable[[], None], outcomes: list[str], gap: str | None
) -> None:
    views = [Reader("first", acts={b"slow": act}), Reader("second")]
    inspector = Inspector(views, [], picture_s=budget_s)
    seen = inspector.inspect(exchange((image(b"slow", "/a"),), (image(b"fast", "/b"),)), 60)
    of_pictures = [run for run in seen.runs if run.detector in {"first", "second"}]
    assert [run.outcome for run in of_pictures if run.part == "/a"] == outcomes
    assert [run.outcome for run in of_pictures if run.part == "/b"] == ["found", "found"]
    assert [(each.part, each.kind) for each in seen.coverage.gaps] == ([("/a", gap)] if gap else [])


@dataclass
class Peeker(Reader):
    """A view with three looks, of which two are of one name; ``acts`` says what each does."""

    name: str = "peeker"
    words: dict[bytes, str] = field(default_factory=dict)

    def look(self, part: Part, budget: Budget) -> Sequence[Part]:
        own, shown = self.reveal(part), list[str]()
        for look in (b"deep", b"wide", b"deep too"):
            run = f"peeker:{look[:4].decode()}"
            shown += [run for _ in budget.spend(run, partial(self._peek, look))]
        return [*own, *(replace(own[0], method=run) for run in dict.fromkeys(shown))]

    def _peek(self, look: bytes) -> Sequence[str]:
        self.read.append(look)
        self.acts.get(look, lambda: None)()
        return [self.words[look]] if look in self.words else []


CLEAN_LOOKS = {"peeker": "found", "peeker:deep": "clean", "peeker:wide": "clean"}
PEEKS: dict[str, tuple[Peeker, float, dict[str, str], list[bytes]]] = {
    "nothing is shown": (Peeker(), 9, CLEAN_LOOKS, [b"deep", b"wide", b"deep too"]),
    "one shows something": (
        Peeker(words={b"wide": "words"}),
        9,
        {**CLEAN_LOOKS, "peeker:wide": "found"},
        [b"deep", b"wide", b"deep too"],
    ),
    "the first spends the budget": (
        Peeker(acts={b"deep": computing(0.2)}),
        0.05,
        {**CLEAN_LOOKS, "peeker:deep": "timed_out", "peeker:wide": "timed_out"},
        [b"deep"],
    ),
    "the second spends it": (
        Peeker(acts={b"wide": computing(0.2)}, words={b"deep": "words"}),
        0.05,
        {**CLEAN_LOOKS, "peeker:deep": "timed_out"},
        [b"deep", b"wide"],
    ),
    "waiting spends nothing": (
        Peeker(acts={b"deep": lambda: time.sleep(0.2)}),
        0.05,
        CLEAN_LOOKS,
        [b"deep", b"wide", b"deep too"],
    ),
    "the plain reading spends nothing": (
        Peeker(acts={b"x": computing(0.2)}),
        0.05,
        CLEAN_LOOKS,
        [b"deep", b"wide", b"deep too"],
    ),
}


@pytest.mark.parametrize("case", PEEKS)
def test_each_look_is_a_run_within_the_budget_also_from_the_cache(case: str) -> None:
    view, budget_s, outcomes, looked = PEEKS[case]
    inspector = Inspector([view], [], VerdictCache(9), picture_s=budget_s)
    late = "timed_out" in outcomes.values()
    for times in (1, 2):
        seen = inspector.inspect(exchange((image(b"x"),), role=Role.TOOL), 60)
        of_picture = {run.detector: run.outcome for run in seen.runs if run.part == "/i"}
        assert of_picture == outcomes
        assert [gap.kind for gap in seen.coverage.gaps] == ["timed_out"] * late
        assert [look for look in view.read if look != b"x"] == looked * (times if late else 1)


def test_the_deadline_of_an_inspection_ends_the_looks_too() -> None:
    view = Peeker(acts={b"x": lambda: time.sleep(0.3)})
    seen = Inspector([view], []).inspect(exchange((image(b"x"),), role=Role.TOOL), 0.2)
    assert [(run.detector, run.outcome) for run in seen.runs] == [
        ("peeker", "found"),
        ("peeker:deep", "timed_out"),
        ("peeker:wide", "timed_out"),
    ]


def test_a_look_has_its_own_milliseconds_and_its_view_the_rest() -> None:
    view = Peeker(acts={b"wide": lambda: time.sleep(0.1), b"x": lambda: time.sleep(0.3)})
    seen = Inspector([view], []).inspect(exchange((image(b"x"),), role=Role.TOOL), 60)
    ms = {run.detector: run.ms for run in seen.runs}
    assert ms["peeker:deep"] < 50
    assert 100 <= ms["peeker:wide"] < 250
    assert ms["peeker"] >= 300


def test_every_required_run_is_there_once() -> None:
    call = ToolCallPart(pointer="/c", origin=Origin.MODEL, name="f", arguments='{"a":"bad"}')
    seen = Inspector([Reader(), ToolCall()], [Words()]).inspect(
        exchange((text("hi"), image(b"words"), call)), 5
    )
    runs = Counter((run.part, run.detector, run.outcome.value) for run in seen.runs)
    assert runs == {
        ("/t", "words", "clean"): 1,
        ("/i", "reader", "found"): 1,
        ("/i#read", "words", "clean"): 1,
        ("/c", "tool_call", "found"): 1,
        ("/c#tool_call", "words", "found"): 1,
        ("/t#joined", "words", "clean"): 1,
    }
    assert str(seen.coverage) == "3/3"


def test_a_question_is_joined_with_the_words_of_its_pictures() -> None:
    seen = Inspector([Reader()], [Words()]).inspect(
        exchange(
            (text("first", "/1"), image(b"earlier", "/2")),
            (text("do", "/3"), image(b"this", "/4"), text("and", "/5"), image(b"that", "/6")),
        ),
        5,
    )
    joined = {p.key: p.text for p in seen.parts if isinstance(p, TextPart) and p.method == "joined"}
    assert joined["/1#joined"] == "first\nearlier"
    assert joined["/3#joined"] == "do\nand\nthis\nthat"
    assert said(seen, "joined:earlier") == ["do\nand\nearlier\nthis\nthat"]


def said(seen: Inspection, method: str) -> list[str]:
    return [p.text for p in seen.parts if isinstance(p, TextPart) and p.method == method]


@pytest.mark.parametrize(
    ("turns", "joined"),
    [
        (["one"], []),
        (["one", "two"], ["one\ntwo"]),
        (["one", "two", "three", "four", "five"], ["two\nthree\nfour\nfive"]),
        (["x" * 1600, "two", "three"], ["two\nthree"]),
        (["one", "x" * 1600], []),
    ],
    ids=["one turn", "two", "the last four", "a long one ends it", "the last is long"],
)
def test_a_users_last_turns_are_read_as_one(turns: list[str], joined: list[str]) -> None:
    messages = [(text(turn, f"/{number}"),) for number, turn in enumerate(turns)]
    seen = Inspector([], [Words()]).inspect(exchange(*messages), 5)
    assert said(seen, "joined:turns") == joined


def test_the_deadline_leaves_gaps_and_ends_in_time() -> None:
    pictures = [image(f"{number}".encode(), f"/{number}") for number in range(50)]
    slow = Reader(acts={part.data: lambda: time.sleep(0.05) for part in pictures})
    begun = time.monotonic()
    seen = inspect(*pictures, views=[slow], timeout_s=0.3)
    assert time.monotonic() - begun < 2
    assert 0 < len(slow.read) < 50
    assert not seen.coverage.complete
    assert {run.outcome.value for run in seen.runs} >= {"timed_out"}


def test_views_upon_views_are_bounded_and_the_bound_is_told() -> None:
    seen = inspect(text("a"), views=[Echo()])
    assert len(seen.parts) == MOST_DEPTH + 1
    assert [(gap.part, gap.kind) for gap in seen.coverage.gaps] == [("/t", "skipped")]


def test_twins_are_judged_once_and_found_at_both_places() -> None:
    words = Words()
    told = exchange((text("bad", "/a"),), (text("bad", "/b"),), role=Role.TOOL)
    seen = Inspector([], [words]).inspect(told, 5)
    assert words.judged.count("bad") == 1
    assert [finding.part for finding in seen.findings] == ["/a", "/b"]


def test_a_remembered_picture_is_found_at_its_new_place() -> None:
    reader = Reader()
    inspector = Inspector([reader], [Words()], VerdictCache(10))
    inspector.inspect(exchange((image(b"bad", "/old"),)), 5)
    seen = inspector.inspect(exchange((image(b"bad", "/new"),)), 5)
    assert len(reader.read) == 1
    assert [finding.part for finding in seen.findings] == ["/new#read"]
    assert {part.pointer for part in seen.parts} == {"/new"}


def test_the_same_words_of_another_origin_are_judged_anew() -> None:
    words = Words()
    inspector = Inspector([], [words], VerdictCache(10))
    inspector.inspect(exchange((text("fine"), text("fine", "/o", Origin.THIRD_PARTY))), 5)
    assert words.judged.count("fine") == 2


def test_a_failure_is_not_remembered() -> None:
    reader = Reader(acts={b"x": raising(OSError())})
    inspector = Inspector([reader], [Words()], VerdictCache(10))
    for _ in range(2):
        assert not inspector.inspect(exchange((image(b"x"),)), 5).coverage.complete
    assert len(reader.read) == 2


def test_what_is_derived_names_the_call_that_brought_it_also_from_the_cache() -> None:
    reader = Reader()
    inspector = Inspector([reader, Echo()], [Words()], VerdictCache(100))
    for call in (CallRef(id="c1", name="look"), CallRef(id="c2"), None):
        picture = replace(image(b"bad"), call=call)
        seen = inspector.inspect(exchange((picture,), role=Role.TOOL), 5)
        assert len(seen.parts) > 2
        assert {part.call for part in seen.parts} == {call}
    assert reader.read == [b"bad"]


@dataclass
class Word:
    """A check that finds one word."""

    name: str
    word: str
    version: str = "1"

    def judge(self, texts: Sequence[TextPart]) -> Sequence[Sequence[Finding]]:
        found = Finding(label="harm", score=0.9, part="", detector=self.name)
        return [[found] if self.word in text.text else [] for text in texts]

    def self_check(self) -> None:
        """Nothing can be wrong with it."""


def test_a_second_instance_that_overwrote_the_first() -> None:
    """Results keyed by the name of a detector's class would be."""
    checks = [Word("one", "bad"), Word("two", "evil"), Word("three", "fine")]
    views = [Reader("first"), Reader("second")]
    inspector = Inspector(views, checks, VerdictCache(99))
    assert set(inspector.versions()) == {"one", "two", "three", "first", "second"}
    for _ in range(2):  # the second time from the cache
        seen = inspector.inspect(exchange((text("bad and evil"), image(b"evil"))), 5)
        found = Counter((finding.part, finding.detector) for finding in seen.findings)
        assert found["/t", "one"] == found["/t", "two"] == 1
        assert found["/t", "three"] == found["/i#read", "one"] == 0
        assert found["/i#read", "two"] == 2
        of_text = [run.detector for run in seen.runs if run.part == "/t"]
        assert of_text == ["one", "two", "three"]
        assert [run.detector for run in seen.runs if run.part == "/i"] == ["first", "second"]
    assert [view.read for view in views] == [[b"evil"], [b"evil"]]


@pytest.mark.parametrize(
    ("views", "checks"),
    [([], [Word("a", "x"), Word("a", "y")]), ([Reader("a")], [Word("a", "x")])],
    ids=["two checks", "a view and a check"],
)
def test_two_detectors_of_one_name_are_none(views: list[Reader], checks: list[Word]) -> None:
    with pytest.raises(ValueError, match="two detectors are named a"):
        Inspector(views, checks)


def test_the_cache_keeps_the_newest_and_no_more() -> None:
    cache = VerdictCache(2)
    for key in "abc":
        cache.put_findings(key, ())
        cache.findings("a" if key == "b" else key)
    assert [cache.findings(key) is not None for key in "abc"] == [True, False, True]


def test_the_cache_keeps_the_newest_scores_and_no_more() -> None:
    cache = VerdictCache(2)
    for key in "abc":
        cache.put_scores(key, key.encode())
    assert [cache.scores(key) for key in "abc"] == [None, b"b", b"c"]


@pytest.mark.parametrize("size", [0, 100])
def test_nothing_is_scored_ahead_where_nothing_is_remembered(size: int) -> None:
    classifier = Counted.load()
    inspector = Inspector([], [classifier], VerdictCache(size))
    answer = exchange((text("The boats stayed in the harbour. " * 99),))
    inspector.ahead(answer, 60)
    assert bool(classifier.windows) is (size > 0)
    before = len(classifier.windows)
    whole = inspector.inspect(answer, 60)
    assert (len(classifier.windows) == before + 1) is (size > 0)
    assert whole.findings == Inspector([], [classifier]).inspect(answer, 60).findings


def test_what_fails_ahead_fails_with_the_whole() -> None:
    inspector = Inspector([], [Ahead()], VerdictCache(9))
    inspector.ahead(exchange((text("boom"),)), 5)
    assert not inspector.inspect(exchange((text("boom"),)), 5).coverage.complete


class Ahead(Words):
    """Fails ahead as it does with the whole."""

    def remembering(self, _memory: object) -> Ahead:
        return self

    def ahead(self, text: TextPart) -> None:
        self.judge([text])


def test_many_threads_get_the_verdicts_of_their_own_parts() -> None:
    inspector = Inspector([Reader()], [Words()], VerdictCache(8))

    def one(number: int) -> bool:
        word = b"bad" if number % 3 == 0 else b"fine"
        seen = inspector.inspect(exchange((image(word, f"/{number}"),)), 5)
        found = [finding.part for finding in seen.findings]
        return found == ([f"/{number}#read"] if number % 3 == 0 else [])

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(one, range(300)))
