"""Measures how finely answers are found to tell a place, on made answers in nine languages.

    python -m benchmarks.places [--unseen] [--policy policies/location-city.yaml] [--misses]

``place_answers.yaml`` holds sentences that tell where a picture was taken, and phrases of each of
the four named levels for them; each sentence is joined with each phrase, and with coordinates. The
columns but the last are of the checks `places` and `patterns` alone: how often a level is found at
all, and how often it is the finest found. The last joins them with the classifier, as the policy
does: answers finer than a city are to be refused, all others not. The forms were written beside
that file; ``place_answers_unseen.yaml`` (``--unseen``) came afterwards.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

import yaml

from detectors.checks.classifier import Classifier
from detectors.checks.patterns import Patterns
from detectors.checks.places import Places
from detectors.contract.exchange import Exchange, Message, Origin, Role, Shown, Stage, TextPart
from detectors.contract.finding import Coverage, Finding, Inspection
from service.evaluation.statistics import Share
from service.policy.load import load
from service.policy.model import Action

MADE: Final = Path(__file__).parent / "place_answers.yaml"
UNSEEN: Final = MADE.with_stem("place_answers_unseen")
POLICY: Final = Path(__file__).parents[1] / "policies" / "location-city.yaml"
LEVELS: Final[Mapping[str, tuple[str, ...]]] = {
    "country": ("location_country",),
    "city": ("location_city",),
    "neighbourhood": ("location_neighbourhood",),
    "exact": ("location_exact", "location_address"),
    "coordinates": ("location_coordinates",),
}
"""GPTGeoChat's levels, from coarse to fine, and the labels of each."""
COORDINATES: Final = ("48.8584, 2.2945", "41°24'12.2\"N 2°10'26.5\"E", "GPS: 35.6586, 139.7454")
COUNTED: Final = 0.5
"""Score from which a label of a level counts."""
HARMLESS: Final = 150
"""Made answers of each harmless kind."""
TIMED: Final = 1000
"""Characters of the answer that is timed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One made answer: ``kind`` is the level that it tells, or ``none``, or ``passing``."""

    kind: str
    language: str
    text: str


def answers(made: Path = MADE) -> list[Answer]:
    """All made answers, in the order of the file."""
    content: dict[str, dict[str, Any]] = yaml.safe_load(made.read_text(encoding="utf-8"))
    found = [each for language, one in content.items() for each in _told(language, one)]
    for kind in ("none", "passing"):
        rows = [
            [*_harmless(kind, language, one)] if kind == "none" else [*_passing(language, one)]
            for language, one in content.items()
        ]
        turns = [row for turn in zip(*rows, strict=False) for row in turn]
        found += turns[:HARMLESS]
    return found


def _told(language: str, one: Mapping[str, Any]) -> Iterator[Answer]:
    for level in LEVELS:
        phrases = COORDINATES if level == "coordinates" else one[level]
        for frame, phrase in product(one["frames"], phrases):
            yield Answer(level, language, frame.format(phrase))


def _harmless(kind: str, language: str, one: Mapping[str, Any]) -> Iterator[Answer]:
    texts = one[kind]
    for shift, each in product(range(len(texts)), range(len(texts))):
        other = texts[(each + shift) % len(texts)]
        yield Answer(kind, language, texts[each] if shift == 0 else f"{texts[each]} {other}")


def _passing(language: str, one: Mapping[str, Any]) -> Iterator[Answer]:
    yield from (Answer("passing", language, text) for text in one["passing"])
    for other, text in product(one["none"], one["passing"]):
        yield Answer("passing", language, f"{text} {other}")


def findings(made: Sequence[Answer]) -> list[list[Finding]]:
    """What the three checks find in each."""
    texts = [_text(answer.text) for answer in made]
    checks = (Places.load(), Patterns(), Classifier.load())
    judged = zip(*(check.judge(texts) for check in checks), strict=True)
    return [[finding for found in each for finding in found] for each in judged]


def finest(found: Sequence[Finding]) -> str:
    """The finest level that counts; ``none`` where none does."""
    told = {each.label for each in found if each.score >= COUNTED}
    return next((name for name in reversed([*LEVELS]) if told & {*LEVELS[name]}), "none")


def refused(policy: Path, made: Sequence[Answer], found: Sequence[list[Finding]]) -> list[bool]:
    """Whether the policy refuses each, as an answer about a picture."""
    loaded = load(policy)
    return [
        loaded.decide(*_inspected(answer, each)).action is Action.REFUSE
        for answer, each in zip(made, found, strict=True)
    ]


def _inspected(answer: Answer, found: list[Finding]) -> tuple[Exchange, Inspection]:
    text = _text(answer.text)
    exchange = Exchange(
        dialect="openai_chat",
        model="made",
        stage=Stage.RESPONSE,
        messages=(Message(role=Role.ASSISTANT, parts=(text,)),),
        shown=Shown(pictures=1),
    )
    return exchange, Inspection(
        parts=(text,), findings=tuple(found), runs=(), coverage=Coverage(seen=1, inspected=1)
    )


def _text(text: str) -> TextPart:
    return TextPart(pointer="/choices/0/message/content", origin=Origin.MODEL, text=text)


def milliseconds(made: Sequence[Answer]) -> float:
    """What `places` takes for an answer of ``TIMED`` characters, the median of many."""
    check, joined = Places.load(), " ".join(answer.text for answer in made)
    texts = [joined[at : at + TIMED] for at in range(0, len(joined) - TIMED, TIMED)]
    spent = []
    for text in texts:
        begun = time.thread_time()
        check.judge([_text(text)])
        spent.append(1000 * (time.thread_time() - begun))
    return sorted(spent)[len(spent) // 2]


def _share(hits: Sequence[bool]) -> str:
    share = Share(sum(hits), len(hits))
    low, high = share.interval
    return f"{share.hits} of {share.n} ({share.value:.1%}, {low:.1%} to {high:.1%})"


def table(made: Sequence[Answer], found: Sequence[list[Finding]], stopped: Sequence[bool]) -> str:
    """The lines of the table: a row for each kind of answer."""
    lines = [
        "| answers | level found | it is the finest found | refused with the classifier |",
        "| --- | --- | --- | --- |",
    ]
    for kind in (*LEVELS, "none", "passing"):
        rows = [number for number, answer in enumerate(made) if answer.kind == kind]
        levels = [finest(found[row]) for row in rows]
        refusals = _share([stopped[row] for row in rows])
        if kind in LEVELS:
            told = [_tells(found[row], kind) for row in rows]
            exact = _share([level == kind for level in levels])
            lines.append(f"| {kind} | {_share(told)} | {exact} | {refusals} |")
        else:
            named = _share([level != "none" for level in levels])
            lines.append(f"| {kind} | {named} | | {refusals} |")
    return "\n".join(lines)


def _tells(found: Sequence[Finding], level: str) -> bool:
    return any(each.label in LEVELS[level] and each.score >= COUNTED for each in found)


def misses(
    made: Sequence[Answer], found: Sequence[list[Finding]], stopped: Sequence[bool]
) -> Iterator[str]:
    """Each answer whose level is not the finest found, or that is decided wrongly."""
    fine = ("neighbourhood", "exact", "coordinates")
    for answer, each, refusal in zip(made, found, stopped, strict=True):
        level = finest(each)
        if refusal != (answer.kind in fine) or answer.kind not in {level, "passing"}:
            location = max((f.score for f in each if f.label == "location"), default=0.0)
            yield f"{answer.kind}, found {level}, location {location:.2f}: {answer.text}"


def main() -> None:
    """Reads the command line and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--policy", type=Path, default=POLICY)
    parser.add_argument("--unseen", action="store_true", help="the answers that came afterwards")
    parser.add_argument("--misses", action="store_true", help="name the answers that went wrong")
    arguments = parser.parse_args()
    made = answers(UNSEEN if arguments.unseen else MADE)
    found = findings(made)
    stopped = refused(arguments.policy, made, found)
    print(table(made, found, stopped))
    if arguments.misses:
        print("\n".join(misses(made, found, stopped)))
    print(f"places takes {milliseconds(made):.2f} ms for {TIMED} characters")


if __name__ == "__main__":
    main()
