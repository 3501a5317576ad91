"""What an answer says after what the model was shown: the operator's words, and a picture's.

``system_prompt_leak`` is the share of a text of the operator's that the answer tells, in stretches
of eight words: n-gram containment, as Broder's shingles measure it (On the resemblance and
containment of documents, 1997). ``ungrounded_quote`` is how little of a quotation, which the answer
says stands in the picture, was read there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from detectors.contract.detector import Check, SelfCheckError
from detectors.contract.exchange import NOTHING_SHOWN, Origin, Shown, TextPart
from detectors.contract.finding import Finding
from detectors.contract.labels import SYSTEM_PROMPT_LEAK, UNGROUNDED_QUOTE

STRETCH: Final = 8
"""Words that must follow each other as the operator wrote them; fewer are common phrases."""
SHORTEST_PROMPT: Final = 20
"""Words. What is shorter is told by nearly any answer about it."""
MOST_WORDS: Final = 50_000
"""Words of one text of the operator's that are looked for."""
LEAST_SCORE: Final = 0.05

_WORD: Final = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff]+"
)
"""A word, or a character of a script that sets no spaces."""
_QUOTE: Final = re.compile(
    r"\b(?:says?|said|reads?|reading|states?|stating|written|writing|labell?ed|titled|captioned|"
    r"text|words?|sign|caption|headline|dice|lee|lit|steht|écrit|indique)\b[^\"“«„\n.]{0,40}"
    r"(?:\"([^\"\n]{3,300})\"|“([^”\n]{3,300})”|«([^»\n]{3,300})»|„([^“\n]{3,300})“)",
    re.IGNORECASE,
)
_LETTERS: Final = 3


class Echo:
    """Compares an answer with what the model was shown; without that it finds nothing."""

    name = "echo"

    def __init__(self, shown: Shown = NOTHING_SHOWN) -> None:
        judged_by = (shown.pictures > 0, shown.operator, shown.read)
        digest = hashlib.sha256(repr(judged_by).encode()).hexdigest()
        self.version = f"1-{digest[:16]}" if any(judged_by) else "1"
        self._shown = shown

    def beside(self, shown: Shown) -> Check:
        """An ``Echo`` of what was shown."""
        return Echo(shown)

    def judge(self, texts: Sequence[TextPart]) -> Sequence[Sequence[Finding]]:
        """Findings of each text: each stretch of the operator's words, each quotation."""
        return [
            [*self._leaks(text), *self._quotes(text)] if text.origin is Origin.MODEL else []
            for text in texts
        ]

    def self_check(self) -> None:
        prompt = " ".join(f"word{number}" for number in range(2 * SHORTEST_PROMPT))
        known = TextPart(pointer="/0", origin=Origin.MODEL, text=f"I was told: {prompt}.")
        found = Echo(Shown(operator=(prompt,))).judge([known])[0]
        if [(each.label, each.score) for each in found] != [(SYSTEM_PROMPT_LEAK, 1.0)]:
            raise SelfCheckError("echo did not find a prompt that is told as a whole")

    def _leaks(self, text: TextPart) -> Iterator[Finding]:
        words = list(_WORD.finditer(text.text)) if self._shown.operator else []
        grams = _grams([match[0].casefold() for match in words])
        best, told = 0.0, frozenset[int]()
        for prompt in self._shown.operator:
            known = _known(prompt)
            common = known.intersection(grams)
            share = len(common) / len(known) if known else 0.0
            if share > best:
                best, told = share, common
        if best < LEAST_SCORE:
            return
        for first, last in _stretches([gram in told for gram in grams]):
            yield Finding(
                label=SYSTEM_PROMPT_LEAK,
                score=round(best, 4),
                part=text.key,
                detector=self.name,
                span=(words[first].start(), words[last].end()),
                evidence="operator_words",
            )

    def _quotes(self, text: TextPart) -> Iterator[Finding]:
        if not self._shown.pictures:
            return
        read = set().union(*map(_letters, self._shown.read))
        for match in _QUOTE.finditer(text.text):
            group = match.lastindex or 0
            quoted = _letters(match[group])
            missing = len(quoted - read) / len(quoted) if quoted else 0.0
            if missing >= LEAST_SCORE:
                yield Finding(
                    label=UNGROUNDED_QUOTE,
                    score=round(missing, 4),
                    part=text.key,
                    detector=self.name,
                    span=match.span(group),
                    evidence="quoted_words",
                )


@lru_cache(maxsize=64)
def _known(prompt: str) -> frozenset[int]:
    """The stretches of a text of the operator's; none if it is short. Most calls bring the same."""
    words = [match[0].casefold() for match in _WORD.finditer(prompt)][:MOST_WORDS]
    return frozenset(_grams(words)) if len(words) >= SHORTEST_PROMPT else frozenset()


def _grams(words: Sequence[str]) -> list[int]:
    """Each stretch of words that follow each other, by its hash."""
    return [hash(tuple(words[at : at + STRETCH])) for at in range(len(words) - STRETCH + 1)]


def _stretches(told: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """The first and the last word of each run of told stretches."""
    first: int | None = None
    last = -1
    for at, each in enumerate(told):
        if each and first is not None and at > last + 1:
            yield first, last
            first = at
        elif each and first is None:
            first = at
        if each:
            last = at + STRETCH - 1
    if first is not None:
        yield first, last


def _letters(text: str) -> set[str]:
    """Every three letters or digits that stand together: a slip of the reader spoils few."""
    bare = "".join(each for each in text.casefold() if each.isalnum())
    return {bare[at : at + _LETTERS] for at in range(len(bare) - _LETTERS + 1)}
