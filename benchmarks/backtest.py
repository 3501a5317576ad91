"""Measures a backtest: seconds for so many recorded inspections, on all cores.

    python -m benchmarks.backtest [--records 1000000] [--policy policies/strict.yaml]

The aim is 60 s for a million on two cores. The records are chats of one to eight turns, a picture
with text in every fourth; texts are of lognormal length, one call in twenty scores high somewhere,
all others low. They are written to a file first, which is not counted.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from detectors.contract.exchange import (
    Exchange,
    ImagePart,
    Message,
    Origin,
    Part,
    Role,
    Stage,
    TextPart,
)
from detectors.contract.finding import Coverage, Finding, Inspection
from detectors.contract.labels import CLASSIFIER_LABELS, HARM
from service.policy.model import Action, Decision
from service.policy.resolve import resolve
from service.rehearsal.backtest import backtest
from service.store.reader import ALL, write_file
from service.store.record import Record, recorded

POLICY: Final = Path(__file__).parents[1] / "policies" / "strict.yaml"
LABELS: Final = (*CLASSIFIER_LABELS, HARM)
HOT: Final = 0.05
"""Share of the calls in which something scores high."""
SHOWS: Final = 0.25
"""Share of the calls that hold a picture."""
FORWARDED: Final = Decision(action=Action.FORWARD, policy="before")


def records(count: int, seed: int = 3) -> Iterator[Record]:
    """So many records, always the same."""
    chance = random.Random(seed)
    for number in range(count):
        turns = min(8, 1 + int(chance.expovariate(0.6)))
        messages = [_turn(at, chance) for at in range(turns)]
        derived: list[Part] = []
        if chance.random() < SHOWS:
            photo, read = _picture(turns - 1, chance)
            messages[-1] = Message(role=Role.USER, parts=(*messages[-1].parts, photo))
            derived.append(read)
        exchange = Exchange(
            dialect="openai_chat", model="a-model", stage=Stage.REQUEST, messages=tuple(messages)
        )
        parts = (*exchange.parts(), *derived)
        seen = len(parts) - len(derived)
        inspection = Inspection(
            parts=parts,
            findings=tuple(_findings(parts, chance)),
            runs=(),
            coverage=Coverage(seen=seen, inspected=seen),
        )
        yield recorded(exchange, inspection, FORWARDED, id=f"{number:024x}", at=float(number))


def _turn(at: int, chance: random.Random) -> Message:
    user = at % 2 == 0
    text = TextPart(
        pointer=f"/messages/{at}/content",
        origin=Origin.USER if user else Origin.MODEL,
        text=" " * int(chance.lognormvariate(4.5, 1.2)),
    )
    return Message(role=Role.USER if user else Role.ASSISTANT, parts=(text,))


def _picture(at: int, chance: random.Random) -> tuple[ImagePart, TextPart]:
    pointer = f"/messages/{at}/picture"
    photo = ImagePart(pointer=pointer, origin=Origin.USER, data=b"", media_type="image/png")
    read = TextPart(
        pointer=pointer,
        origin=Origin.THIRD_PARTY,
        parent=pointer,
        method="ocr",
        text=" " * int(chance.lognormvariate(4, 1)),
    )
    return photo, read


def _findings(parts: tuple[Part, ...], chance: random.Random) -> Iterator[Finding]:
    """Scores of the last two texts: what came before was scored by earlier calls alike."""
    hot = chance.random() < HOT
    for part in [each for each in parts if isinstance(each, TextPart)][-2:]:
        for label in LABELS:
            if chance.random() < 0.6:  # noqa: PLR2004 - the check leaves out what scores nothing
                score = chance.random() if hot else chance.random() ** 8 * 0.5
                yield Finding(
                    label=label, score=round(score, 4), part=part.key, detector="classifier"
                )


def main() -> None:
    """Reads the command line, writes the records, and prints how long the backtest took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--policy", type=Path, default=POLICY)
    arguments = parser.parse_args()
    resolved = resolve(arguments.policy)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.jsonl"
        write_file(path, records(arguments.records))
        begun = time.perf_counter()
        tally = backtest(str(path), ALL, resolved)
        spent = time.perf_counter() - begun
    a_million = spent / arguments.records * 1e6
    print(f"{tally.records} records in {spent:.1f} s ({a_million:.1f} s a million)")
    print(f"{tally.changed} would be decided otherwise")


if __name__ == "__main__":
    main()
