"""Puts the allow-lists of a policy's files together, with the lists that their entries name."""

from __future__ import annotations

from collections.abc import Sequence

from detectors.contract.labels import LABELS
from service.policy.document import Document, Loc, Problem
from service.policy.listed import HASHES, PHRASES, Kind, Lists, listed
from service.policy.model import Allow, PolicyFile
from service.policy.spelling import nearest


class AllowList:
    """All ``entries``, those of the bases first, with hashes and phrases of their own.

    ``problems`` is what is wrong with them.
    """

    def __init__(
        self,
        layers: Sequence[tuple[Document, PolicyFile]],
        lists: Lists,
    ) -> None:
        self.problems: list[Problem] = []
        self._lists = lists
        entries: dict[str, Allow] = {}
        for document, written in layers:
            for index, entry in enumerate(written.allow):
                at = ("allow", index)
                if entry.id in entries:
                    what = f"an earlier entry has the id `{entry.id}` too"
                    self._wrong(document, (*at, "id"), what, "give each entry its own id")
                entries[entry.id] = self._filled(entry, document, at)
        self.entries = tuple(entries.values())

    def _filled(self, entry: Allow, document: Document, at: Loc) -> Allow:
        for index, label in enumerate(entry.labels):
            if label not in LABELS:
                fix = nearest(label, LABELS, f"use {', '.join(LABELS)}")
                self._wrong(document, (*at, "labels", index), f"there is no label `{label}`", fix)
        if not entry.sha256 and not entry.phrases:
            fix = "write `sha256` with the hash of what may pass, or `phrases`"
            self._wrong(document, at, "says of nothing that it may pass", fix)
        return entry.model_copy(
            update={
                "sha256": self._items(entry.sha256, HASHES, document, (*at, "sha256")),
                "phrases": self._items(entry.phrases, PHRASES, document, (*at, "phrases")),
            }
        )

    def _items(
        self, written: str | tuple[str, ...], kind: Kind, document: Document, at: Loc
    ) -> tuple[str, ...]:
        """The hashes or phrases themselves, where the entry names a list of them."""
        items, wrong = listed(written, self._lists, kind)
        if wrong is not None:
            self._wrong(document, at, *wrong)
        return items

    def _wrong(self, document: Document, at: Loc, what: str, fix: str) -> None:
        self.problems.append(document.problem(at, what, fix))
