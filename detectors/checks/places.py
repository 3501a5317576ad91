"""How finely an answer tells a place: the levels of GPTGeoChat, by names and by forms.

Country, city, neighbourhood and exact place, as Mendes et al. grade what a model may tell of a
picture (Granular Privacy Control for Geolocation with Vision Language Models, 2024). Coordinates,
their fifth level, are a form of ``patterns``. Which places a text names is found here; whether it
says that the picture was taken there is the classifier's ``location``, and a policy joins the two.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Final, NamedTuple

from detectors.checks import gazetteer
from detectors.checks.gazetteer import Level, folded
from detectors.checks.place_context import Context
from detectors.checks.place_forms import FORMS, generic
from detectors.contract.detector import SelfCheckError
from detectors.contract.exchange import Origin, TextPart
from detectors.contract.finding import Finding
from detectors.contract.labels import (
    LOCATION_CITY,
    LOCATION_COUNTRY,
    LOCATION_EXACT,
    LOCATION_NEIGHBOURHOOD,
)

LABELS: Final[Mapping[Level, str]] = {
    Level.COUNTRY: LOCATION_COUNTRY,
    Level.REGION: LOCATION_CITY,
    Level.CITY: LOCATION_CITY,
    Level.NEIGHBOURHOOD: LOCATION_NEIGHBOURHOOD,
    Level.EXACT: LOCATION_EXACT,
}
"""A region is finer than a country, so who allows countries only does not allow it."""
TOLD: Final = 0.9
"""Score of a place in a sentence that says in so many words that a picture was taken there."""
UNKNOWN: Final = 0.7
"""Score of a name that no list holds, where a place is named: taken for finer than a city."""
NAMED: Final = 0.6
"""Score of a place that is named in any other way, perhaps in passing."""


_WORD: Final = re.compile(r"(?:[^\W\d_\u3040-\u30ff\u3400-\u9fff]|[\u0900-\u0963\u064b-\u0652])+")
_RUN: Final = re.compile(r"[\u4e00-\u9fff]{2,}|[\u30a1-\u30fc][\u30a1-\u30fc・]+")
_GAP: Final = re.compile(r"[ ]|\.[ ]?|[-'’]|[ ]?[&][ ]?|[ ]-[ ]")
"""What may stand between the words of one name."""
_ARABIC_PREFIXES: Final = ("و", "ب", "ل", "ف", "ك", "وب", "ول", "وال", "بال", "ال")


SHORT_ARABIC: Final = 3
"""Letters of a name that is a part of words when a prefix is taken off."""
NEIGHBOURS: Final = 3
"""Places before a name that may reach into it: a known one, and forms around that."""


class Place(NamedTuple):
    """A place that a text names: from where to where, how fine, and by what it was found."""

    start: int
    end: int
    level: Level
    by: str


class Places:
    """Finds the places that a model's text names, each with the label of its level."""

    name = "places"
    version = "1"

    @classmethod
    def load(cls) -> Places:
        """Reads the gazetteer. Raises ModelError if it cannot."""
        gazetteer.longest()
        return cls()

    def judge(self, texts: Sequence[TextPart]) -> Sequence[Sequence[Finding]]:
        """Findings of each text: each place, with its span."""
        return [list(self._findings(text)) if text.origin is Origin.MODEL else [] for text in texts]

    def self_check(self) -> None:
        said = "It was taken in Alfama, Lisbon, Portugal, on Rua Augusta."
        known = TextPart(pointer="/0", origin=Origin.MODEL, text=said)
        found = {each.label for each in self.judge([known])[0]}
        if found != set(LABELS.values()):
            raise SelfCheckError("places did not find the four levels of a known sentence")

    def _findings(self, text: TextPart) -> Iterator[Finding]:
        context = Context(text.text)
        known = _named(text.text, context)
        formed = [place for place in _formed(text.text) if not _inside(place, known)]
        for place in (*known, *formed):
            score = TOLD if context.told(place.start, place.end) else NAMED
            yield self._finding(text, place, score)
        if known or formed:
            for place in _unknown(context, [*known, *formed]):
                yield self._finding(text, place, UNKNOWN)

    def _finding(self, text: TextPart, place: Place, score: float) -> Finding:
        return Finding(
            label=LABELS[place.level],
            score=score,
            part=text.key,
            detector=self.name,
            span=(place.start, place.end),
            evidence=place.by,
        )


def _formed(text: str) -> list[Place]:
    """What the forms match, but for those whose name is no name."""
    found = []
    for form in FORMS:
        for match in form.expression.finditer(text):
            group = match.lastgroup or "name"
            if not generic(match[group], form.name):
                found.append(Place(*match.span(), form.level, form.name))
    return found


def _inside(place: Place, known: Sequence[Place]) -> bool:
    """Whether it is no more than a known name, whose level is then the right one.

    Known names stand in order and do not overlap.
    """
    last = bisect_right(known, place.start, key=attrgetter("start")) - 1
    return last >= 0 and place.end <= known[last].end


def _named(text: str, context: Context) -> list[Place]:
    """What the gazetteer knows, the longest names first at each place."""
    found = sorted([*_in_words(text, context), *_in_runs(text)])
    return [place for place in found if place.level is not Level.WIDE]


def _in_words(text: str, context: Context) -> Iterator[Place]:
    words = list(_WORD.finditer(text))
    at = 0
    while at < len(words):
        lower = words[at][0][0].islower()
        length, letter = (0, "") if lower else _longest(text, words, at)
        if not length:
            at += 1
            continue
        start, end = words[at].start(), words[at + length - 1].end()
        sure = letter.islower()
        if context.stands_alone(start, end, sure=sure, single=length == 1):
            yield Place(start, end, Level(letter.lower()), "name")
        at += length


def _longest(text: str, words: Sequence[re.Match[str]], at: int) -> tuple[int, str]:
    """How many words from here make the longest known name, and the letter of its level."""
    names = gazetteer.names()
    first = words[at]
    most = gazetteer.longest().get(folded(first[0]), 1)
    last = at
    while (
        last + 1 < len(words)
        and last - at + 1 < most
        and _GAP.fullmatch(text, words[last].end(), words[last + 1].start())
    ):
        last += 1
    for to in range(last, at - 1, -1):
        if words[to][0][0].islower():
            continue
        name = text[first.start() : words[to].end()]
        letter = names.get(folded(name)) or _arabic(name, names)
        if letter:
            return to - at + 1, letter
    return 0, ""


def _arabic(name: str, names: Mapping[str, str]) -> str | None:
    """The letter of an Arabic name without what is written together with it."""
    if not "\u0620" <= name[0] <= "\u06ff":
        return None
    for prefix in _ARABIC_PREFIXES:
        rest = name.removeprefix(prefix)
        if rest != name and len(rest) > SHORT_ARABIC:
            letter = names.get(rest)
            if letter:
                return letter
    if name.startswith(("لل", "ولل")):
        return names.get("ال" + name.lstrip("و")[2:])
    return None


def _in_runs(text: str) -> Iterator[Place]:
    """Names in Chinese characters, and runs of katakana that are a name as a whole."""
    names, lengths = gazetteer.names(), gazetteer.longest()
    for run in _RUN.finditer(text):
        word = run[0]
        if word[0] < "\u3100":
            letter = names.get(folded(word))
            if letter and letter.islower():
                yield Place(*run.span(), Level(letter), "name")
            continue
        at = 0
        while at < len(word) - 1:
            most = lengths.get(word[at : at + 2], 0)
            for length in range(min(most, len(word) - at), 1, -1):
                letter = names.get(word[at : at + length])
                if letter and letter.islower():
                    start = run.start() + at
                    yield Place(start, start + length, Level(letter), "name")
                    at += length
                    break
            else:
                at += 1


def _unknown(context: Context, known: Sequence[Place]) -> Iterator[Place]:
    """Names that no list holds, beside one that is known or where a place is told.

    Before a country it is a city, elsewhere a neighbourhood: what is not known to be coarse counts
    as fine.
    """
    level_at = {place.start: place.level for place in known}
    taken = sorted(known)
    for start, end, follows, placed in context.unknown():
        before = bisect_right(taken, start, key=attrgetter("start"))
        nearby = taken[max(0, before - NEIGHBOURS) : before + 1]
        if any(place.start < end and start < place.end for place in nearby):
            continue
        coarse = level_at.get(follows) in {Level.COUNTRY, Level.REGION}
        if placed or follows in level_at:
            yield Place(start, end, Level.CITY if coarse else Level.NEIGHBOURHOOD, "unknown_name")
