"""Cover a file that is meant by its id with what was found in it when it was uploaded.

Its parts hang under the reference as if they had been read from it, blank, with their findings; so
any policy decides about them, and none can edit them. What is not known stays a gap. Earlier turns
that are meant by the id of their last answer are covered likewise.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from detectors.contract.exchange import CallRef, OpaquePart, Part
from detectors.contract.finding import Coverage, Gap, Inspection
from service.policy.facts import UPLOAD
from service.providers.fields import TURN
from service.store.files import Files, Turn
from service.store.record import Record
from service.store.replay import replayable, together


@dataclass(frozen=True, slots=True)
class Uploads:
    """What is remembered of uploads by the detectors of now; ``detectors`` is their hash."""

    files: Files
    detectors: str

    def remember(self, name: str, record: Record) -> None:
        self.files.remember(name, self.detectors, record)

    def remember_turn(self, name: str, turn: Turn) -> None:
        self.files.remember_turn(name, self.detectors, turn)

    def covered(self, inspection: Inspection) -> Inspection:
        """The inspection with what is known of the uploads that are meant in it."""
        meant = {
            part.key: part.upload
            for part in inspection.parts
            if isinstance(part, OpaquePart) and part.upload is not None
        }
        known = self._known(set(meant.values())) if meant else {}
        found = {key: known[name] for key, name in meant.items() if name in known}
        return _joined(inspection, found) if found else inspection

    def _known(self, names: AbstractSet[str]) -> dict[str, Inspection]:
        """What was found in those of these uploads and turns that are known."""
        turns = {name for name in names if name.startswith(f"{TURN}:")}
        files = self.files.known(names - turns, self.detectors) if names - turns else {}
        said = {name: self.files.turns(name, self.detectors) for name in turns}
        return {
            **{name: replayable(record)[1] for name, record in files.items()},
            **{name: together(records) for name, records in said.items() if records},
        }


def by(versions: Mapping[str, str]) -> str:
    """A hash of the versions of all detectors."""
    return hashlib.sha256(json.dumps(versions, sort_keys=True).encode()).hexdigest()


def _joined(inspection: Inspection, found: Mapping[str, Inspection]) -> Inspection:
    """All together; what is in an upload is ``found``, by the key of the part that means it."""
    calls = {part.key: part.call for part in inspection.parts}
    under = [_under(key, calls[key], of) for key, of in found.items()]
    gaps = tuple(_left(inspection.coverage.gaps, found))
    coverage = inspection.coverage
    return Inspection(
        parts=(*inspection.parts, *(part for of in under for part in of.parts)),
        findings=(*inspection.findings, *(each for of in under for each in of.findings)),
        runs=(*inspection.runs, *(run for of in under for run in of.runs)),
        coverage=Coverage(
            seen=coverage.seen,
            inspected=coverage.inspected + len(coverage.gaps) - len(gaps),
            gaps=gaps,
        ),
    )


def _left(gaps: Sequence[Gap], found: Mapping[str, Inspection]) -> Iterator[Gap]:
    """The gaps that remain; of an upload that had some, the first."""
    for gap in gaps:
        if gap.part not in found:
            yield gap
        elif had := found[gap.part].coverage.gaps:
            yield replace(had[0], part=gap.part)


def _under(key: str, call: CallRef | None, of: Inspection) -> Inspection:
    """An upload's inspection, with its parts derived from the one that has this key and call."""
    keys: dict[str, str] = {}
    parts: list[Part] = []
    for number, part in enumerate(of.parts):
        method = part.method or f"{UPLOAD}:{number}"
        parent = keys.get(part.parent or "", key)
        moved = replace(part, pointer=key, parent=parent, method=method, call=call)
        keys[part.key] = moved.key
        parts.append(moved)
    return replace(
        of,
        parts=tuple(parts),
        findings=tuple(replace(each, part=keys.get(each.part, key)) for each in of.findings),
        runs=tuple(replace(each, part=keys.get(each.part, key)) for each in of.runs),
    )
