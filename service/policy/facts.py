"""What one inspection says to the conditions: the values of their variables."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from detectors.contract.exchange import (
    CallRef,
    DocumentPart,
    Exchange,
    ImagePart,
    OpaquePart,
    Origin,
    Part,
    Stage,
    TextPart,
    ToolCallPart,
)
from detectors.contract.finding import Finding, Gap, Inspection, Outcome, Run
from detectors.contract.labels import LABELS
from service.policy.condition import ORIGIN_SCORES
from service.policy.model import FACES, JOINED, NOBODY, THINKING, Caller

GPS: Final = "metadata:gps"
"""The method of the part by which a view tells that a picture's metadata name a place."""
UPLOAD: Final = "upload"
"""The kind of method of what an upload holds, where a request means it by its id."""
OPENABLE: Final = frozenset({Outcome.FAILED, Outcome.TIMED_OUT, Outcome.SKIPPED})

_NOTHING_SCORED: Final[Mapping[str, float]] = dict.fromkeys(LABELS, 0.0)
_OWN: Final = {origin: frozenset((origin.value,)) for origin in Origin}
_THOUGHT: Final = {origin: own | {THINKING} for origin, own in _OWN.items()}
_COUNTS: Final[Mapping[type[Part], str]] = {
    TextPart: "texts",
    ImagePart: "images",
    DocumentPart: "documents",
    ToolCallPart: "tool_calls",
    OpaquePart: "opaque",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a policy asks for beside what it always gets.

    ``headers`` are those that it names, ``fail_open`` the detectors whose failure is no gap, and
    ``origin_scores`` the variables of ``ORIGIN_SCORES`` that its conditions name.
    """

    headers: Collection[str] = ()
    fail_open: Collection[str] = ()
    origin_scores: Collection[str] = ()


class Facts:
    """One exchange and its inspection, arranged by part.

    ``gaps`` are those that count; ``opened`` the detectors of ``fail_open`` that caused others.
    """

    def __init__(
        self,
        exchange: Exchange,
        inspection: Inspection,
        caller: Caller = NOBODY,
        asked: Asked | None = None,
    ) -> None:
        asked = asked or Asked()
        self.parts = inspection.parts
        self._by_key = {part.key: part for part in inspection.parts}
        self._findings = inspection.findings
        self._scores = _scores(inspection.findings)
        highest = dict(_NOTHING_SCORED)
        for scores in self._scores.values():
            highest |= {label: each for label, each in scores.items() if each > highest[label]}
        self._highest = highest
        unfinished = [run for run in inspection.runs if run.outcome in OPENABLE]
        self._unsearched = {run.part for run in unfinished if run.owner == FACES}
        self.gaps, self.opened = inspection.coverage.gaps, tuple[str, ...]()
        if asked.fail_open and self.gaps:
            self.gaps, self.opened = self._open(inspection, unfinished, frozenset(asked.fail_open))
        self._exchange: dict[str, object] = {
            **(self._of_origins(asked.origin_scores) if asked.origin_scores else {}),
            **self._present(exchange, inspection),
            "complete": not self.gaps,
            "gaps": [gap.kind for gap in self.gaps],
            "failed": sorted({run.owner for run in unfinished}),
            "dialect": exchange.dialect,
            "model": exchange.model,
            "stream": exchange.stream,
            "tenant": caller.tenant,
            "key_group": caller.key_group,
            "path": caller.path,
            "headers": {name: caller.headers.get(name, "") for name in asked.headers},
        }

    def _present(self, exchange: Exchange, inspection: Inspection) -> dict[str, object]:
        """What the exchange is made of, and how it was read."""
        counts = dict.fromkeys(_COUNTS.values(), 0)
        uploaded = [part for part in inspection.parts if _kind(part) == UPLOAD]
        for part in (*exchange.parts(), *uploaded):
            counts[_COUNTS[type(part)]] += 1
        methods = {part.method for part in inspection.parts if part.method}
        methods |= {method.split(":")[0] for method in methods}
        named = methods | {finding.label for finding in inspection.findings}
        present = {"has_faces": FACES in named, "has_gps": GPS in named}
        pictures = {part.key for part in inspection.parts if isinstance(part, ImagePart)}
        known = not pictures or pictures <= _searched(inspection)
        images = exchange.shown.pictures if exchange.stage is Stage.RESPONSE else counts["images"]
        known_or_shown = {"faces_known": known, "images_shown": images}
        return {**counts, **present, **known_or_shown, "methods": sorted(methods)}

    def _of_origins(self, names: Collection[str]) -> dict[str, float]:
        """The highest scores of labels in the parts of an origin, by the variables' names."""
        scores: dict[Origin, list[dict[str, float]]] = {origin: [] for origin in Origin}
        for part in self.parts:
            if own := self._scores.get(part.key):
                scores[part.origin].append(own)
        asked = ((name, *ORIGIN_SCORES[name]) for name in names)
        return {
            name: max((each.get(label, 0.0) for each in scores[origin]), default=0.0)
            for name, origin, label in asked
        }

    def _open(
        self, inspection: Inspection, unfinished: Sequence[Run], fail_open: frozenset[str]
    ) -> tuple[tuple[Gap, ...], tuple[str, ...]]:
        """The gaps that remain where these detectors may fail, and those that did.

        Of each part only its first gap is told, so everything that was derived from the part
        is looked at too: what no detector reads stays a gap.
        """
        roots: dict[str, str] = {}
        for part in inspection.parts:
            roots[part.key] = roots.get(part.parent or "", part.parent or part.key)
        run = {each.part for each in inspection.runs}
        unread = {
            roots[part.key]
            for part in inspection.parts
            if isinstance(part, OpaquePart)
            or (isinstance(part, ImagePart | DocumentPart) and part.key not in run)
        }
        causes: dict[str, set[str]] = {}
        for each in unfinished:
            causes.setdefault(roots.get(each.part, each.part), set()).add(each.owner)
        opened = {
            gap.part
            for gap in inspection.coverage.gaps
            if gap.part not in unread and causes.get(gap.part, {""}) <= fail_open
        }
        left = tuple(gap for gap in inspection.coverage.gaps if gap.part not in opened)
        return left, tuple(sorted({name for part in opened for name in causes[part]}))

    def of_exchange(self) -> dict[str, object]:
        """The variables of the whole exchange: of each label the highest score of any part."""
        return {**self._highest, **self._exchange}

    def of_part(self, part: Part) -> dict[str, object]:
        """The variables of one part, with its own scores."""
        scores = self._scores.get(part.key, {})
        chain = tuple(self.chain(part)) if part.method is not None else (part,)
        place = {
            "origin": part.origin.value,
            "method": part.method or "",
            "joined": any(_kind(each) == JOINED for each in chain),
            "characters": len(part.text) if isinstance(part, TextPart) else 0,
            THINKING: any(map(_thought, chain)),
        }
        return {**_NOTHING_SCORED, **scores, **self._exchange, **place}

    def scores(self, part: Part | None) -> Mapping[str, float]:
        """The highest scores of the labels that were found in the part, or in any."""
        return self._highest if part is None else self._scores.get(part.key, {})

    def findings(self, part: Part) -> list[Finding]:
        """The part's own findings; not those of the parts derived from it."""
        return [each for each in self._findings if each.part == part.key]

    def call(self, key: str | None) -> CallRef | None:
        """The call of a tool that brought the part with this key, or that it is."""
        part = self._by_key.get(key or "")
        return part.call if part is not None else None

    def highest(self, label: str, part: Part | None) -> tuple[str, float] | None:
        """The highest score of a label in one part or in all, after the key of where it stands.

        None where nothing scored it; of equal scores the first.
        """
        if part is not None:
            scored = self._scores.get(part.key, {}).get(label)
            return (part.key, scored) if scored is not None else None
        highest = self._highest[label]
        where = (key for key, scores in self._scores.items() if scores.get(label) == highest)
        first = next(where, None)
        return (first, highest) if first is not None else None

    def marks(self, part: Part) -> frozenset[str]:
        """What ``on`` may name the part by: its origin, and how it and its parents came to be.

        ``pdf:page:3`` is named by ``pdf:page`` and ``pdf`` too, and so is what derives from it. A
        model's thoughts are named by ``thinking`` as well.
        """
        if part.method is None:
            return (_THOUGHT if _thought(part) else _OWN)[part.origin]
        chain = tuple(self.chain(part))
        methods = [each.method.split(":") for each in chain if each.method]
        named = {":".join(steps[:end]) for steps in methods for end in range(1, len(steps) + 1)}
        if any(map(_thought, chain)):
            named.add(THINKING)
        return frozenset({part.origin.value, *named})

    def chain(self, part: Part) -> Iterator[Part]:
        """The part, the part it derives from, and so on up to the one that the body holds.

        It ends at a joined text, which is made of several parts.
        """
        passed: set[str] = set()
        each: Part | None = part
        while each is not None and each.key not in passed:
            yield each
            passed.add(each.key)
            each = self._by_key.get(each.parent or "") if _kind(each) != JOINED else None

    def text_in_picture(self, part: Part) -> TextPart | None:
        """The text with lines that the part is or derives from, if its picture can be painted."""
        chain = list(self.chain(part))
        found = (each for each in chain if isinstance(each, TextPart) and each.lines)
        return next(found, None) if self.picture(part) else None

    def picture(self, part: Part) -> ImagePart | None:
        """The picture that the part derives from, as the body holds it; None if there is none."""
        *_, source = self.chain(part)
        return source if isinstance(source, ImagePart) and source.method is None else None

    def own_texts(self, part: Part | None) -> list[TextPart] | None:
        """The text that the part is or derives from, or all where there is none.

        None where it is no text that stands in the exchange, such as a call of a tool.
        """
        if part is None:
            texts = (each for each in self.parts if isinstance(each, TextPart))
            return [each for each in texts if each.method is None]
        *_, source = self.chain(part)
        return [source] if isinstance(source, TextPart) and source.method is None else None

    def pictures(self, part: Part | None) -> list[ImagePart] | None:
        """What an edit of pictures changes: the part's own picture, or all where it has none.

        None where the part's own picture stands in a document, or one of all was uploaded: it
        cannot be changed.
        """
        if _image(self.chain(part) if part is not None else ()) is not None:
            own = self.picture(part) if part is not None else None
            return [own] if own is not None else None
        every = [each for each in self.parts if isinstance(each, ImagePart)]
        uploaded = any(_kind(each) == UPLOAD for each in every)
        return None if uploaded else [each for each in every if each.method is None]

    def faces(self, part: Part | None) -> list[Part] | None:
        """The parts that tell of faces in the part's own picture, or in all where it has none.

        None where one of these pictures stands in a document, and cannot be changed, or where
        looking for faces did not end.
        """
        image = _image(self.chain(part)) if part is not None else None
        shown = [each for each in self.parts if each.method == FACES]
        own = [each for each in shown if image is None or each.parent == image.key]
        unsearched = self._unsearched if image is None else self._unsearched & {image.key}
        return own if not unsearched and all(self.picture(each) for each in own) else None

    def picture_key(self, key: str | None) -> str | None:
        """The key of the picture that the part with this key derives from, if there is one."""
        part = self._by_key.get(key) if key is not None else None
        picture = self.picture(part) if part is not None else None
        return picture.key if picture is not None else None


def _scores(findings: Iterable[Finding]) -> dict[str, dict[str, float]]:
    """The highest score of each label in each part that has one, by the part's key."""
    found: dict[str, dict[str, float]] = {}
    for finding in findings:
        label = finding.label
        if label in _NOTHING_SCORED:
            value = score(finding)
            scores = found.setdefault(finding.part, {})
            if value >= scores.get(label, 0.0):
                scores[label] = value
    return found


def _searched(inspection: Inspection) -> set[str]:
    """The keys of the pictures in which faces were looked for."""
    runs = (run for run in inspection.runs if run.detector == FACES)
    ended = {run.part for run in runs if run.outcome not in OPENABLE}
    return ended | {part.parent or "" for part in inspection.parts if part.method == FACES}


def _image(parts: Iterable[Part]) -> ImagePart | None:
    """The first picture among them."""
    return next((each for each in parts if isinstance(each, ImagePart)), None)


def _thought(part: Part) -> bool:
    """Whether it is a text that a model thought."""
    return isinstance(part, TextPart) and part.thinking


def _kind(part: Part) -> str:
    """How the part came to be, without the variant: ``ocr`` of ``ocr:faint``."""
    return (part.method or "").split(":")[0]


def score(finding: Finding) -> float:
    """The finding's score. What is not in 0..1, such as NaN, counts as 1."""
    value = finding.score
    return float(value) if 0.0 <= value <= 1.0 else 1.0
