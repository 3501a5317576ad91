"""What is held back of a streamed answer, event by event, without a clock or a socket."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from service.pipeline.held import SHARE_AHEAD, STEP_AHEAD, Held, Share
from service.policy.model import Streaming, StreamMode
from service.providers.openai_chat import OpenAIChat
from service.providers.sse import Event
from tests.dialects.chat import Chat
from tests.dialects.dialect import told

CHAT = OpenAIChat()
WINDOW = 40
DONE = Event("[DONE]")
ADDRESS = re.compile(r"[a-z]{1,6}@[a-z]{1,6}\.com")
Delta = dict[str, Any]


def chunk(delta: Delta, index: int = 0, **more: Any) -> Event:  # noqa: ANN401 - JSON
    return Event(json.dumps({"id": "a", "choices": [{"index": index, "delta": delta, **more}]}))


def says(text: str, index: int = 0) -> Event:
    return chunk({"content": text}, index)


def calls(arguments: str, index: int = 0, **more: str) -> Event:
    call = {"index": index, "function": {"arguments": arguments, **more}}
    return chunk({"tool_calls": [call]})


def streaming(mode: str = "hold", window: int = WINDOW, wait_s: float = 10) -> Streaming:
    return Streaming(mode=StreamMode(mode), window=window, wait_s=wait_s)


def texts(events: Sequence[Event]) -> list[str]:
    """What these events say."""
    return Chat().spelled(events)


@dataclass
class Play:
    """An answer that is held, and every share of it that was judged."""

    held: Held
    shares: list[Share] = field(default_factory=list)
    now: float = 0.0

    def hear(self, *events: Event) -> list[Event]:
        """What leaves after these events, if nothing offends."""
        out: list[Event] = []
        for event in events:
            self.held.add(event, self.now)
            out += self.look()
        return out

    def look(self) -> list[Event]:
        out = self.held.release(self.now)
        while self.held.due(self.now) and not self.held.done:
            self.judge(self.held.share(self.now))
            out += self.held.release(self.now)
        return out

    def end(self) -> list[Event]:
        self.judge(self.held.whole())
        return self.held.release(self.now)

    def judge(self, share: Share) -> None:
        assert len(self.shares) < 1000
        self.shares.append(share)
        if ADDRESS.search("\n".join(told(share.exchange))):
            raise OffenceFound
        self.held.judged(share)

    @property
    def judged(self) -> list[list[str]]:
        return [told(share.exchange) for share in self.shares]


class OffenceFound(Exception):
    pass


def play(**given: Any) -> Play:  # noqa: ANN401 - settings
    return Play(Held(CHAT, streaming(**given)))


def test_a_short_answer_is_judged_once_and_leaves_whole() -> None:
    script = [chunk({"role": "assistant", "content": ""}), says("short "), says("answer"), DONE]
    playing = play()
    assert playing.hear(*script) == []
    assert playing.end() == script
    assert playing.judged == [["short answer"]]


def test_a_text_leaves_once_it_was_judged_with_what_follows() -> None:
    words = [f"word{number:02} " for number in range(20)]
    playing = play()
    left = [playing.hear(says(word)) for word in words]
    lag = [7 * (number + 1) - 7 * sum(map(len, left[: number + 1])) for number in range(20)]
    assert max(lag) <= WINDOW + 7
    assert min(lag[WINDOW // 7 :]) >= WINDOW // 2
    assert texts(playing.hear(DONE) + playing.end())[0] == "".join(words)[-lag[-1] :]


def test_a_tail_reaches_back_over_a_window_and_begins_and_ends_with_words() -> None:
    playing = play()
    for number in range(60):
        playing.hear(says("word "), says(f"{number:02} "))
    for shares in playing.judged[4:]:
        (tail,) = shares
        assert 2 * WINDOW <= len(tail) <= 3 * WINDOW
        assert re.fullmatch(r"(word |\d\d )+", tail)


def test_a_sentence_end_is_preferred_to_a_space() -> None:
    playing = play()
    playing.hear(says("This is how it begins and ends. It was"))
    playing.hear(says(" so"))
    assert playing.judged == [["This is how it begins and ends. "]]


def test_what_waits_too_long_is_judged_and_leaves() -> None:
    playing = play(wait_s=5)
    assert playing.hear(says("slow ")) == []
    assert playing.held.wake(0) == 5
    playing.now = 3
    assert playing.hear(says("words")) == []
    playing.now = 5
    assert playing.look() == [says("slow ")]
    assert playing.judged == [["slow words"]]
    assert playing.held.wake(5) == 8
    playing.now = 8
    assert playing.look() == [says("words")]
    assert len(playing.judged) == 1
    assert playing.held.wake(8) is None


def test_the_arguments_of_a_call_are_judged_while_they_grow() -> None:
    begin = calls('{"text": "', name="send")
    words = [calls(f"word {number:02} ") for number in range(30)]
    playing = play()
    left = playing.hear(begin, *words)
    assert left[0] == begin
    assert 20 < len(left) < 30
    assert playing.judged[0][0].startswith('send\n{"text": "word 00')
    for (tail,) in playing.judged[4:]:
        assert re.fullmatch(r"send\n(word \d\d ?|\d\d )+", tail)
    assert left + playing.hear(calls('"}'), DONE) + playing.end() == [
        begin,
        *words,
        calls('"}'),
        DONE,
    ]


def test_a_piece_of_a_call_is_judged_as_it_stands_and_with_its_escapes_read() -> None:
    spelled = "".join(f"\\u{ord(letter):04x}" for letter in "anna@home.com")
    playing = play(window=200)
    with pytest.raises(OffenceFound):
        playing.hear(calls('{"to": "', name="send"), calls(spelled), calls("." * 200))
    assert playing.held.sent == []


def test_half_of_an_escape_is_no_character() -> None:
    playing = play(wait_s=5)
    playing.hear(calls('{"to": "\\ud83d', name="send"))
    playing.now = 5
    playing.look()
    assert playing.judged == [['send\n{"to": "\\ud83d\n{"to": "\ufffd']]


def test_a_call_that_waits_too_long_is_judged_as_far_as_it_came_and_leaves() -> None:
    begin, more = calls('{"to": "an', name="send"), calls('na"}')
    playing = play(wait_s=5)
    assert playing.hear(begin) == []
    playing.now = 5
    assert playing.look() == [begin]
    assert playing.judged == [['send\n{"to": "an']]
    assert playing.hear(more) == []
    playing.now = 10
    assert playing.look() == [more]
    assert playing.judged[1:] == [['send\n{"to": "anna"}']]


def test_a_tool_call_that_the_answer_left_behind_does_not_hold_it_up() -> None:
    call = calls("{}", name="look")
    playing = play(wait_s=5)
    playing.hear(call)
    left = playing.hear(*(says(f"and word {number} ") for number in range(12)))
    assert left[0] == call
    assert any("look\n{}" in share for share in playing.judged)


def test_reasoning_that_has_ended_does_not_hold_up_the_answer() -> None:
    thought = chunk({"reasoning_content": "hm, what a question"})
    playing = play()
    left = playing.hear(thought, *(says(f"word {number} ") for number in range(20)))
    assert left[0] == thought
    assert len(left) > 10


def test_a_choice_that_ended_early_does_not_hold_up_the_others() -> None:
    first = [says("one", 1), chunk({}, 1, finish_reason="stop")]
    playing = play()
    left = playing.hear(*first, *(says(f"word {number} ") for number in range(20)))
    assert left[:2] == first
    assert len(left) > 10


def test_choices_that_change_places_are_judged_anew() -> None:
    """The second choice speaks first, so for a while it stands in the first one's place."""
    playing = play()
    playing.hear(*(says(f"two {number} ", 1) for number in range(9)))
    before = len(playing.shares)
    left = playing.hear(says("a" * WINDOW))
    assert len(playing.shares) == before + 1
    assert playing.judged[-1][0].startswith("a")
    assert playing.judged[-1][1].startswith("two 0")
    assert left == []


def test_an_answer_that_cannot_be_read_for_a_while_waits() -> None:
    bare = chunk({"tool_calls": [{"index": 0, "id": "c", "type": "function"}]})
    script = [bare, calls("{}", name="f"), DONE]
    playing = play(wait_s=5)
    assert playing.hear(bare) == []
    playing.now = 6
    assert playing.look() == []
    assert playing.hear(*script[1:]) == [bare]
    assert playing.judged == [["f\n{}"]]
    assert playing.end() == script[1:]


def test_what_there_is_of_the_texts_is_scored_ahead_as_they_grow() -> None:
    window = 200
    playing = play(window=window)
    for number in range(4000):
        playing.hear(says(f"{number:04} wo"), says("rd "))
    ahead = [told(share.ahead) for share in playing.shares if share.ahead is not None]
    assert all(text.endswith("word ") for (text,) in ahead)
    ends = [len(text) for (text,) in ahead]
    steps = [after - before for before, after in pairwise([0, *ends])]
    assert STEP_AHEAD - window < min(steps)
    assert max(steps) < ends[-1] // SHARE_AHEAD + window
    assert 40_000 - ends[-1] < ends[-1] // SHARE_AHEAD + window


def test_of_a_call_nothing_is_scored_ahead() -> None:
    """Its arguments are read when they are whole."""
    playing = play()
    playing.hear(says("words " * 20), *[calls('{"a": "' if not n else "word ") for n in range(200)])
    (ahead,) = {tuple(told(share.ahead)) for share in playing.shares if share.ahead is not None}
    assert ahead == ("words " * 20,)


def test_a_buffered_answer_is_judged_once_however_long_it_is() -> None:
    script = [*(says(f"word {number} ") for number in range(50)), DONE]
    playing = play(mode="buffer", wait_s=1)
    playing.now = 9
    assert playing.hear(*script) == []
    assert playing.held.wake(9) is None
    assert playing.end() == script
    assert len(playing.shares) == 1


def test_a_monitored_answer_leaves_at_once_but_for_its_end() -> None:
    script = [says(f"word {number} ") for number in range(50)]
    playing = play(mode="monitor")
    assert playing.hear(*script, DONE) == script
    assert len(playing.shares) > 5
    assert playing.end() == [DONE]


@pytest.mark.parametrize("window", [20, 200, 20_000])
def test_a_window_of_any_size_lets_a_long_answer_through(window: int) -> None:
    script = [*(says(f"{number} is a number. ") for number in range(200)), DONE]
    playing = play(window=window)
    left = playing.hear(*script)
    assert left + playing.end() == script
    assert len(playing.shares) <= 2 + 2 * len("".join(texts(script))) // window
