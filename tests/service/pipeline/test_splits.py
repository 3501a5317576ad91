"""Any answer, cut anywhere: what is held back of it, in every dialect and for every kind of part.

The offence of these tests is an address; whoever judges finds it where it stands in one text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.contract.exchange import Part, TextPart, ToolCallPart
from service.pipeline.held import Held
from service.pipeline.pieces import said
from service.policy.model import StreamMode
from service.providers.sse import Event
from tests.dialects.dialect import Dialect, Kind, Voice
from tests.dialects.table import DIALECTS, that_can
from tests.service.pipeline.test_held import ADDRESS, WINDOW, OffenceFound, Play, streaming
from tests.service.providers.test_dialects import CASES

SETTINGS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FILLER = st.lists(st.sampled_from(["lorem", "ipsum", "dolor", "a", "b.", "@", "x" * 15, "\n", "é"]))
PLACED = st.sampled_from(["", "", "anna@home.com", "b@c.com", "eve@x.co"])
KINDS = [
    pytest.param(dialect, kind, id=f"{dialect.name} {kind}")
    for dialect in DIALECTS
    for kind in dialect.kinds
    if kind != "call" or dialect.grows
]


@st.composite
def voices(draw: st.DrawFn, kinds: Sequence[Kind]) -> tuple[str, Voice]:
    """A text, and what says it: itself, or a call of a tool that has it in its arguments."""
    kind = draw(st.sampled_from(kinds))
    before, after = (" ".join(draw(FILLER)) for _ in range(2))
    text = f"{before}{draw(PLACED)}{after}" or "a"
    words = json.dumps({"q": text}) if kind == "call" else text
    cuts = sorted(draw(st.sets(st.integers(0, len(words)), max_size=60)))
    pairs = zip([0, *cuts], [*cuts, len(words)], strict=True)
    return text, Voice([words[low:high] for low, high in pairs], kind)


@st.composite
def answers(draw: st.DrawFn, dialect: Dialect) -> tuple[list[str], list[Event]]:
    """Texts of an answer, and the events that spell them, mixed anyhow where that may be."""
    drawn = draw(st.lists(voices(dialect.kinds), min_size=1, max_size=3))
    spoken = [text for text, _ in drawn]
    speech = dialect.speech(*(voice for _, voice in drawn))
    if not dialect.mixes:
        return spoken, speech.events
    queues = [list(voice) for voice in speech.voices]
    mixed: list[Event] = []
    while any(queues):
        mixed.append(draw(st.sampled_from([queue for queue in queues if queue])).pop(0))
    return spoken, [*speech.opening, *mixed, *speech.closing]


def holding(dialect: Dialect, mode: str = "hold", window: int = WINDOW) -> Play:
    return Play(Held(dialect.provider(stream=True), streaming(mode, window)))


def outcome(
    dialect: Dialect, events: Sequence[Event], mode: str, window: int
) -> tuple[bool, list[Event]]:
    """Whether it was refused, and what had left by then."""
    playing = holding(dialect, mode, window)
    left: list[Event] = []
    try:
        left += playing.hear(*events)
        left += playing.end()
    except OffenceFound:
        return True, playing.held.sent
    return False, left


def test_every_dialect_that_streams_words_is_here() -> None:
    of_words = [provider for provider, sample in CASES.values() if sample.stream and sample.refuses]
    streamed = {provider.dialect for provider in of_words}
    assert {dialect.name for dialect in DIALECTS} == streamed


@that_can()
@given(data=st.data(), window=st.sampled_from([20, 40, 200]))
@SETTINGS
def test_any_split_of_any_answer_is_decided_as_the_whole(
    dialect: Dialect, data: st.DataObject, window: int
) -> None:
    spoken, events = data.draw(answers(dialect))
    offends = any(ADDRESS.search(text) for text in spoken)
    for mode in StreamMode:
        refused, left = outcome(dialect, events, mode, window)
        assert refused is offends
        assert refused or left == events


@that_can()
@given(data=st.data(), window=st.sampled_from([40, 200]))
@SETTINGS
def test_what_has_left_never_holds_an_offence(
    dialect: Dialect, data: st.DataObject, window: int
) -> None:
    _, events = data.draw(answers(dialect))
    refused, left = outcome(dialect, events, "hold", window)
    _, buffered = outcome(dialect, events, "buffer", window)
    assert not any(ADDRESS.search(text) for text in dialect.spelled(left))
    assert buffered == ([] if refused else events)
    assert (left == events) is not refused


@that_can()
def test_what_ends_a_monitored_answer_waits_for_the_last_verdict(dialect: Dialect) -> None:
    events = dialect.speech(*(Voice(["a few ", "words"]) for _ in range(2))).events
    playing = holding(dialect, "monitor")
    assert playing.hear(*events) == events[:-1]
    assert playing.end() == events[-1:]


@that_can()
def test_the_whole_of_a_short_answer_can_be_put_otherwise(dialect: Dialect) -> None:
    events = dialect.speech(Voice(["a few ", "words"])).events
    playing = holding(dialect)
    assert playing.hear(*events) == []
    playing.held.whole()
    assert playing.held.unsent == events


@that_can()
def test_nothing_leaves_while_the_whole_is_judged(dialect: Dialect) -> None:
    """Whatever the clock says: it might still be put otherwise."""
    events = dialect.speech(Voice(["a" * WINDOW])).events
    playing = holding(dialect)
    left = playing.hear(*events)
    assert len(playing.shares) == 1
    share = playing.held.whole()
    playing.now = 99
    assert playing.held.release(playing.now) == []
    playing.held.judged(share)
    assert left + playing.held.release(playing.now) == events


@pytest.mark.parametrize(("dialect", "kind"), KINDS)
@given(data=st.data())
@SETTINGS
def test_nothing_of_an_offence_leaves_that_fits_into_what_is_held_back(
    dialect: Dialect, kind: Kind, data: st.DataObject
) -> None:
    _, voice = data.draw(voices([kind]))
    offence = ADDRESS.search(voice.words)
    _, left = outcome(dialect, dialect.speech(voice).events, "hold", WINDOW)
    if offence is not None:
        assert offence.end() - offence.start() <= WINDOW // 2
        assert len(_said(dialect, left)) <= offence.start()


@pytest.mark.parametrize(("dialect", "kind"), KINDS)
@given(data=st.data())
@SETTINGS
def test_nothing_leaves_that_was_not_judged(
    dialect: Dialect, kind: Kind, data: st.DataObject
) -> None:
    """Share by share without a gap, each with a window of what stands before it."""
    _, voice = data.draw(voices([kind]))
    playing, covered = holding(dialect), 0
    try:
        for event in dialect.speech(voice).events:
            playing.hear(event)
            for share in playing.shares:
                *_, (known, end) = share.reach
                *_, part = share.exchange.parts()
                begun = len(said(known.part)) - len(_words(known.part))
                tail = _stretch(part)
                assert said(known.part)[begun:end].endswith(tail)
                assert end - len(tail) <= max(begun, covered - WINDOW)
                covered = end
            playing.shares.clear()
            assert len(_said(dialect, playing.held.sent)) <= max(0, covered - WINDOW // 2)
    except OffenceFound:
        assert ADDRESS.search(voice.words)


def _words(part: Part) -> str:
    """What a part says, without the name of a tool."""
    return part.arguments if isinstance(part, ToolCallPart) else said(part)


def _stretch(part: Part) -> str:
    """What of a part is judged in a share."""
    if isinstance(part, ToolCallPart):
        stretch: str = json.loads(part.arguments)[0]
        return stretch
    assert isinstance(part, TextPart)
    return part.text


def _said(dialect: Dialect, events: Sequence[Event]) -> str:
    """What these events say, letter by letter."""
    provider = dialect.provider(stream=True)
    assembly = provider.assembly()
    for event in events:
        assembly.add(event)
    parts = provider.read_answer(assembly.answer).parts() if events else ()
    return "".join(re.sub(r"^\{\}$", "", _words(part)) for part in parts)
