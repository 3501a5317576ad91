"""What one inspection says to the conditions: the values of their variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from detectors.contract.exchange import Exchange, ImagePart, Part, TextPart
from detectors.contract.finding import Finding, Inspection
from detectors.contract.labels import LABELS
from service.policy.model import JOINED

_NOTHING_SCORED: Final[Mapping[str, float]] = dict.fromkeys(LABELS, 0.0)


class Facts:
    """One exchange and its inspection, arranged by part."""

    def __init__(self, exchange: Exchange, inspection: Inspection) -> None:
        self.parts = inspection.parts
        self.gaps = inspection.coverage.gaps
        self._by_key = {part.key: part for part in inspection.parts}
        self._findings: dict[str, list[Finding]] = {}
        for finding in inspection.findings:
            self._findings.setdefault(finding.part, []).append(finding)
        self._exchange: dict[str, object] = {
            "complete": inspection.coverage.complete,
            "gaps": [gap.kind for gap in self.gaps],
            "images": sum(isinstance(part, ImagePart) for part in exchange.parts()),
            "dialect": exchange.dialect,
            "model": exchange.model,
            "stream": exchange.stream,
        }
        self._highest = _highest(inspection.findings)

    def of_exchange(self) -> dict[str, object]:
        """The variables of the whole exchange: of each label the highest score of any part."""
        return {**_NOTHING_SCORED, **self._scores(self._highest), **self._exchange}

    def of_part(self, part: Part) -> dict[str, object]:
        """The variables of one part, with its own scores."""
        scores = self._scores(_highest(self.findings(part)))
        place = {
            "origin": part.origin.value,
            "method": part.method or "",
            "joined": any(_kind(each) == JOINED for each in self.chain(part)),
            "characters": len(part.text) if isinstance(part, TextPart) else 0,
        }
        return {**_NOTHING_SCORED, **scores, **self._exchange, **place}

    def findings(self, part: Part) -> list[Finding]:
        """The part's own findings; not those of the parts derived from it."""
        return self._findings.get(part.key, [])

    def highest(self, label: str, part: Part | None) -> Finding | None:
        """The finding with the highest score of a label, in one part or in all."""
        found = self._highest if part is None else _highest(self.findings(part))
        return found.get(label)

    def marks(self, part: Part) -> frozenset[str]:
        """All that ``on`` may name the part by: its origin, and how it and its parents came to be.

        ``ocr:contrast`` is named by ``ocr`` too, and so is a text normalised from either.
        """
        chain = [each for each in self.chain(part) if each.method]
        methods = [each.method for each in chain if each.method]
        return frozenset((part.origin.value, *methods, *(_kind(each) for each in chain)))

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

    def picture_key(self, key: str | None) -> str | None:
        """The key of the picture that the part with this key derives from, if there is one."""
        part = self._by_key.get(key) if key is not None else None
        picture = self.picture(part) if part is not None else None
        return picture.key if picture is not None else None

    def _scores(self, found: Mapping[str, Finding]) -> dict[str, float]:
        return {label: score(finding) for label, finding in found.items()}


def _kind(part: Part) -> str:
    """How the part came to be, without the variant: ``ocr`` of ``ocr:contrast``."""
    return (part.method or "").split(":")[0]


def score(finding: Finding) -> float:
    """The finding's score. What is not in 0..1, such as NaN, counts as 1."""
    return float(finding.score) if 0.0 <= finding.score <= 1.0 else 1.0


def _highest(findings: list[Finding] | tuple[Finding, ...]) -> dict[str, Finding]:
    found: dict[str, Finding] = {}
    for finding in findings:
        best = found.get(finding.label)
        if finding.label in _NOTHING_SCORED and (best is None or score(finding) > score(best)):
            found[finding.label] = finding
    return found
