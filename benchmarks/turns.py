"""What a picture costs in a chat that sends it again each turn, beside what it costs once.

    python -m benchmarks.turns [--turns 10] [--chats 5]

Each turn is examined as the proxy examines it, from its bytes to the decision, with the picture in
its first message and all that was said since. The same chat without the picture is examined too:
what is more with it is the picture's cost. The aim: ten turns cost no more than ``MOST`` times one.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

from PIL import Image

from benchmarks.aims import ended
from benchmarks.requests import JPEG_QUALITY, menu, photo, text
from service.app import examiner as make_examiner
from service.pipeline import examine
from service.pipeline.examine import Examiner
from service.pipeline.trace import Trace
from service.providers.openai_chat import OpenAIChat
from service.settings import Settings

MOST: Final = 1.1
"""Times the cost of one turn: what all turns together may cost."""
PICTURES: Final[dict[str, Callable[[int], Image.Image]]] = {
    "a photo": photo,
    "a photo with text": menu,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Milliseconds of computing that one kind of picture costs: the median of several chats."""

    name: str
    one: float
    all: float

    @property
    def times(self) -> float:
        return self.all / self.one


def chat(number: int, turns: int, picture: Image.Image | None) -> Iterator[bytes]:
    """The bodies of so many turns, each with all before it; the picture stands in the first."""
    said: list[dict[str, Any]] = []
    for turn in range(turns):
        asked = f"Question {turn} of chat {number}: {text(1000 * number + turn, 120)}"
        content: list[dict[str, Any]] = [{"type": "text", "text": asked}]
        if picture is not None and not turn:
            content.append({"type": "image_url", "image_url": {"url": _url(picture)}})
        said.append({"role": "user", "content": content})
        yield json.dumps({"model": "gpt-4o", "messages": said}).encode()
        said.append({"role": "assistant", "content": text(-1000 * number - turn, 200)})


def _url(picture: Image.Image) -> str:
    out = BytesIO()
    picture.save(out, "JPEG", quality=JPEG_QUALITY)
    return f"data:image/jpeg;base64,{b64encode(out.getvalue()).decode()}"


def computed(bodies: Sequence[bytes], examiner: Examiner) -> list[float]:
    """Milliseconds of this thread's computing for each body in turn. Raises ``RequestError``."""
    provider, spent = OpenAIChat(), []
    for body in bodies:
        trace = Trace(id="", dialect=provider.dialect, policy="", views=frozenset())
        begun = time.thread_time()
        examine.request(body, provider, examiner, trace)
        spent.append(1000 * (time.thread_time() - begun))
    return spent


def measure(turns: int, chats: int) -> list[Cost]:
    """The cost of each kind of picture. One chat before all others warms up and does not count."""
    examiner = make_examiner(Settings.read())
    costs = []
    for name, draw in PICTURES.items():
        more: list[list[float]] = []
        for number in range(chats + 1):
            # The chat without it has other numbers: nothing of the one is known of the other.
            with_it = computed(list(chat(2 * number, turns, draw(number))), examiner)
            without = computed(list(chat(2 * number + 1, turns, None)), examiner)
            more.append([one - other for one, other in zip(with_it, without, strict=True)])
        costs.append(_median(name, more[1:]))
    return costs


def _median(name: str, chats: Sequence[Sequence[float]]) -> Cost:
    middle = sorted(chats, key=sum)[len(chats) // 2]
    return Cost(name=name, one=middle[0], all=sum(middle))


def table(costs: Sequence[Cost], turns: int) -> str:
    """The costs in Markdown."""
    lines = [
        f"| the picture's cost, ms of computing | 1 turn | {turns} turns | times |",
        "| --- | ---: | ---: | ---: |",
        *(
            f"| {each.name} | {each.one:.0f} | {each.all:.0f} | {each.times:.2f} |"
            for each in costs
        ),
    ]
    return "\n".join(lines)


def missed(costs: Sequence[Cost]) -> Iterator[str]:
    """The pictures that cost more than they may."""
    for each in costs:
        if each.times > MOST:
            yield f"{each.name} costs {each.times:.2f} times one turn: {MOST} may be"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints the table; exit status 1 if the aim was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.turns", description=__doc__)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--chats", type=int, default=5, help="of each kind of picture")
    given = parser.parse_args(arguments)
    costs = measure(given.turns, given.chats)
    print(table(costs, given.turns))
    return ended("turns", missed(costs))


if __name__ == "__main__":
    sys.exit(main())
