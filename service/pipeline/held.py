"""What of a streamed answer is held back: how far each part was judged, and what may leave.

Pure: events and times in, events out. Whatever the dialect, an answer is seen as the parts that
``Provider.read_answer`` finds in what was said so far; an event may leave when all that it added
to them was judged, together with what follows it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from detectors.contract.exchange import Exchange, Message, Part, TextPart, ToolCallPart
from service.errors import Malformed
from service.policy.model import Streaming, StreamMode
from service.providers.base import Provider, may_end
from service.providers.sse import Event
from service.providers.strict_json import Json

LONGEST_WORD: Final = 40
"""Characters in which a tail looks for the beginning of its first word."""
LONGEST_LINK: Final = 8000
"""The same for a link: what it carries may stand far from where it begins."""
BEFORE_LINK: Final = 200
"""Characters before a link that tell what it is: a picture's alternative text, a tag."""

_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+|\n+|(?<=[\u3002\uff01\uff1f])")
_SPACE: Final = re.compile(r"\s+")


@dataclass(slots=True)
class _Grown:
    """One part so far: how many characters were judged, and when it grew last.

    ``grew_at`` counts the characters that the whole answer had then.
    """

    part: Part
    size: int
    judged: int = 0
    grew_at: int = 0


@dataclass(slots=True)
class _Waiting:
    """An event that was not released: when it came, and the sizes to which it let parts grow.

    ``growth`` is None while the answer cannot be read, in the midst of a tool call for example.
    """

    event: Event
    at: float
    growth: Mapping[str, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What is to be judged now; ``reach`` says how far each part is judged by that."""

    exchange: Exchange
    reach: tuple[tuple[_Grown, int], ...] = ()
    whole: bool = False


class Held:
    """A streamed answer on its way. What is held has ``window`` characters at most in each text.

    Half of them are new; the other half were judged, and wait to be judged again with what
    follows. A tail reaches back over a window more, so that nothing hides on a seam. A call of a
    tool is judged whole, once the answer has gone on or ended.
    """

    def __init__(self, provider: Provider, streaming: Streaming) -> None:
        self.sent: list[Event] = []
        self._provider = provider
        self._mode = streaming.mode
        self._window = streaming.window
        self._wait_s = streaming.wait_s
        self._back = streaming.window // 2
        self._seen = provider.assembly()
        self._exchange: Exchange | None = None
        self._parts: dict[str, _Grown] = {}
        self._waiting: deque[_Waiting] = deque()
        self._said = 0
        self._judged = False
        self._passed = False

    @property
    def done(self) -> bool:
        """Whether the answer came to its end."""
        return self._seen.done

    @property
    def answer(self) -> Json:
        """What was said so far, as one answer."""
        return self._seen.answer

    @property
    def may_end(self) -> bool:
        """Whether a stream that ends here has not broken off."""
        return may_end(self._seen)

    @property
    def passed(self) -> bool:
        """Whether the whole answer was judged and may leave."""
        return self._passed

    @property
    def unsent(self) -> list[Event] | None:
        """The whole answer's events, where none was sent or can be before all were judged."""
        waits = self._mode is StreamMode.BUFFER or (self._mode is StreamMode.HOLD and self.done)
        return [each.event for each in self._waiting] if waits and not self.sent else None

    def put(self, events: Iterable[Event], now: float) -> None:
        """Puts other events in the place of those that wait."""
        self._waiting = deque(_Waiting(event, now, None) for event in events)

    def add(self, event: Event, now: float) -> None:
        """Takes in an event. Raises ``Malformed``."""
        self._seen.add(event)
        self._waiting.append(_Waiting(event, now, None))
        try:
            exchange = self._provider.read_answer(self._seen.answer)
        except Malformed:
            return
        self._exchange = exchange
        growth, moved = self._grown(exchange)
        for waiting in reversed(self._waiting):
            if waiting.growth is not None and not moved:
                break
            waiting.growth = growth

    def due(self, now: float) -> bool:
        """Whether a share is to be judged."""
        if self._mode is StreamMode.BUFFER:
            return False
        for known in self._parts.values():
            step = self._window - self._back if known.judged else self._window
            if isinstance(known.part, TextPart) and known.size - known.judged >= step:
                return True
        late = self._open() if self._overdue(now) else []
        return bool(late) and all(map(self._ended, late))

    def wake(self, now: float) -> float | None:
        """When to look again, if nothing comes before."""
        if self._mode is not StreamMode.HOLD or not self._waiting or self._overdue(now):
            return None
        return self._waiting[0].at + self._wait_s

    def share(self, now: float) -> Share:
        """The tails that were not judged, each with what stands before it."""
        exchange, late = self._exchange, self._overdue(now)
        if exchange is None:
            raise ValueError("nothing of the answer was read")
        messages, reach = [], []
        for message in exchange.messages:
            parts: list[Part] = []
            for part in message.parts:
                known = self._parts[part.key]
                if known.judged >= known.size or not self._ended(known):
                    continue
                end = known.size
                if isinstance(part, TextPart):
                    if not late and not self._settled(known):
                        end = _boundary(part.text, max(known.judged, end - self._back // 2), end)
                    start = _beginning(part.text, known.judged - self._window - self._back)
                    parts.append(replace(part, text=part.text[start:end]))
                else:
                    parts.append(part)
                reach.append((known, end))
            messages.append(Message(role=message.role, parts=tuple(parts)))
        told = tuple(message for message in messages if message.parts)
        return Share(exchange=replace(exchange, messages=told), reach=tuple(reach))

    def whole(self) -> Share:
        """The answer, to be judged in its full length. Raises ``Malformed``."""
        return Share(exchange=self._provider.read_answer(self._seen.answer), whole=True)

    def judged(self, share: Share) -> None:
        """A share was judged, and nothing stands against it."""
        self._judged = True
        self._passed = self._passed or share.whole
        for known, end in share.reach:
            known.judged = max(known.judged, end)

    def release(self, now: float) -> list[Event]:
        """The events that may leave now, in their order."""
        ready = []
        while self._waiting and self._may_leave(self._waiting[0], now):
            ready.append(self._waiting.popleft().event)
        self.sent += ready
        return ready

    def _may_leave(self, waiting: _Waiting, now: float) -> bool:
        if self._passed or self._mode is StreamMode.BUFFER:
            return self._passed
        if self._mode is StreamMode.MONITOR:
            return not self.done or len(self._waiting) > 1
        late = self._overdue(now)
        if self.done or waiting.growth is None or not (self._judged or late):
            return False
        return all(
            size <= self._limit(self._parts[key], late=late) for key, size in waiting.growth.items()
        )

    def _limit(self, known: _Grown, *, late: bool) -> int:
        """How much of a part may leave."""
        held_back = isinstance(known.part, TextPart) and not late and not self._settled(known)
        return known.judged - self._back if held_back else known.judged

    def _settled(self, known: _Grown) -> bool:
        """Whether the answer has gone on elsewhere, so that nothing is likely to follow here."""
        return self._said - known.grew_at >= self._window

    def _ended(self, known: _Grown) -> bool:
        return not isinstance(known.part, ToolCallPart) or self._settled(known)

    def _overdue(self, now: float) -> bool:
        """Whether the first event that is held has waited for too long."""
        if self._mode is not StreamMode.HOLD or not self._waiting:
            return False
        return self._waiting[0].at + self._wait_s <= now

    def _open(self) -> list[_Grown]:
        """The parts that the first event that is held let grow, and that were not judged so far."""
        growth = self._waiting[0].growth or {}
        return [self._parts[key] for key, size in growth.items() if size > self._parts[key].judged]

    def _grown(self, exchange: Exchange) -> tuple[dict[str, int], bool]:
        """The parts that are larger than before, and whether one does not continue what it was.

        That is so where parts changed places, or a server said something else in the end: then
        what is held waits until all that is new was judged.
        """
        parts = {part.key: part for part in exchange.parts()}
        moved = not self._parts.keys() <= parts.keys()
        growth: dict[str, int] = {}
        for key, part in parts.items():
            known = self._parts.get(key)
            if known is not None and known.part == part:
                continue
            said = _said(part)
            before = known.size if known is not None else 0
            if known is None or not said.startswith(_said(known.part)):
                moved = moved or known is not None
                known = self._parts[key] = _Grown(part, len(said))
            known.part, known.size = part, len(said)
            growth[key] = len(said)
            self._said += abs(len(said) - before)
        for key in growth:
            self._parts[key].grew_at = self._said
        if moved:
            self._parts = {key: self._parts[key] for key in parts}
            growth = {key: known.size for key, known in self._parts.items()}
        return growth, moved


def _said(part: Part) -> str:
    """What grows of a part; of one that does not, a mark that is there or not."""
    if isinstance(part, TextPart):
        return part.text
    if isinstance(part, ToolCallPart):
        return f"{part.name}({part.arguments}"
    return "."


def _boundary(text: str, low: int, high: int) -> int:
    """The last end of a sentence in a stretch, or of a word, or else the end of the stretch."""
    for pattern in (_SENTENCE_END, _SPACE):
        ends = [match.end() for match in pattern.finditer(text, low, high) if match.end() > low]
        if ends:
            return ends[-1]
    return high


def _beginning(text: str, at: int) -> int:
    """Where the word or the link that stands at a place begins."""
    link = text.rfind("://", max(0, at - LONGEST_LINK), max(0, at))
    if link >= 0 and not _SPACE.search(text, link, at):
        at = link - BEFORE_LINK
    if at <= 0:
        return 0
    before = text[max(0, at - LONGEST_WORD) : at]
    words = re.search(r"\S*\Z", before)
    return at - len(words.group() if words is not None and words.group() != before else "")
