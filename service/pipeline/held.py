"""What of a streamed answer is held back: how far each part was judged, and what may leave.

Pure: events and times in, events out. Whatever the dialect, an answer is seen as the parts that
``Provider.read_answer`` finds in what was said so far; an event may leave when all that it added
to them was judged, together with what follows it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from detectors.contract.exchange import Exchange, Message, Part, TextPart
from service.errors import Malformed
from service.pipeline.pieces import Growing, beginning, boundary, piece, said
from service.policy.model import Streaming, StreamMode
from service.providers.base import Provider, may_end
from service.providers.sse import Event
from service.providers.strict_json import Json

STEP_AHEAD: Final = 500
"""Characters by which an answer grows before more of it is scored ahead: of English, fewer than
from one window of the classifier to the next."""
SHARE_AHEAD: Final = 32
"""A long answer is scored ahead each time that it grew by this part of it: its tokens are read from
the beginning each time, and that is to cost no more for each character of a longer one."""


@dataclass(slots=True)
class _Grown:
    """One part so far: what it says, how much of that was judged, and when it grew last.

    ``grew_at`` counts the characters that the whole answer had then.
    """

    part: Part
    text: str
    judged: int = 0
    grew_at: int = 0

    @property
    def size(self) -> int:
        return len(self.text)


@dataclass(slots=True)
class _Waiting:
    """An event that was not released: when it came, and the sizes to which it let parts grow.

    ``growth`` is None while the answer cannot be read.
    """

    event: Event
    at: float
    growth: Mapping[str, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What is to be judged now; ``reach`` says how far each part is judged by that.

    ``ahead`` is the answer so far, where it is time to score some of it ahead, for the last
    judgement.
    """

    exchange: Exchange
    reach: tuple[tuple[_Grown, int], ...] = ()
    whole: bool = False
    ahead: Exchange | None = None


class Held:
    """A streamed answer on its way. What is held has ``window`` characters at most in each text.

    Half of them are new; the other half were judged, and wait to be judged again with what
    follows. A tail reaches back over a window more, so that nothing hides on a seam. The arguments
    of a call are held as a text is, character by character of their JSON.
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
        self._ahead_at = 0
        self._judged = False
        self._over = False
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
        waits = self._mode is StreamMode.BUFFER or (self._mode is StreamMode.HOLD and self._over)
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
            if isinstance(known.part, Growing) and known.size - known.judged >= step:
                return True
        return self._overdue(now) and self._open()

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
                if known.judged >= known.size:
                    continue
                end = known.size
                if isinstance(part, Growing):
                    if not late and not self._settled(known):
                        end = boundary(known.text, max(known.judged, end - self._back // 2), end)
                    start = beginning(known.text, known.judged - self._window - self._back)
                    parts.append(piece(part, start, end))
                else:
                    parts.append(part)
                reach.append((known, end))
            messages.append(Message(role=message.role, parts=tuple(parts)))
        told = tuple(message for message in messages if message.parts)
        return Share(
            exchange=replace(exchange, messages=told),
            reach=tuple(reach),
            ahead=self._ahead(exchange),
        )

    def _ahead(self, exchange: Exchange) -> Exchange | None:
        """The texts so far, up to their last words, if they grew by enough to be scored ahead."""
        if self._said - self._ahead_at < max(STEP_AHEAD, self._said // SHARE_AHEAD):
            return None
        self._ahead_at = self._said
        messages = []
        for message in exchange.messages:
            texts = [part for part in message.parts if isinstance(part, TextPart)]
            parts = [piece(each, 0, beginning(each.text, len(each.text))) for each in texts]
            messages.append(replace(message, parts=tuple(parts)))
        return replace(exchange, messages=tuple(messages))

    def whole(self) -> Share:
        """The answer, to be judged in its full length: nothing more comes. Raises ``Malformed``."""
        self._over = True
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
            return not self.may_end or len(self._waiting) > 1
        late = self._overdue(now)
        if self.done or self._over or waiting.growth is None or not (self._judged or late):
            return False
        return all(
            size <= self._limit(self._parts[key], late=late) for key, size in waiting.growth.items()
        )

    def _limit(self, known: _Grown, *, late: bool) -> int:
        """How much of a part may leave."""
        held_back = isinstance(known.part, Growing) and not late and not self._settled(known)
        return known.judged - self._back if held_back else known.judged

    def _settled(self, known: _Grown) -> bool:
        """Whether the answer has gone on elsewhere, so that nothing is likely to follow here."""
        return self._said - known.grew_at >= self._window

    def _overdue(self, now: float) -> bool:
        """Whether the first event that is held has waited for too long."""
        if self._mode is not StreamMode.HOLD or not self._waiting:
            return False
        return self._waiting[0].at + self._wait_s <= now

    def _open(self) -> bool:
        """Whether the first event that is held let a part grow that was not judged so far."""
        growth = self._waiting[0].growth or {}
        return any(size > self._parts[key].judged for key, size in growth.items())

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
            text = said(part)
            before = known.size if known is not None else 0
            if known is None or not text.startswith(known.text):
                moved = moved or known is not None
                known = self._parts[key] = _Grown(part, text)
            known.part, known.text = part, text
            growth[key] = known.size
            self._said += abs(known.size - before)
        for key in growth:
            self._parts[key].grew_at = self._said
        if moved:
            self._parts = {key: self._parts[key] for key in parts}
            growth = {key: known.size for key, known in self._parts.items()}
        return growth, moved
