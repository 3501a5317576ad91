"""Puts the allow-lists of a policy's files together, with the lists that their entries name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from detectors.contract.labels import LABELS
from service.policy.document import Document, Loc, Problem
from service.policy.fields import SHA256, SHORTEST_PHRASE
from service.policy.model import Allow, PolicyFile
from service.policy.spelling import nearest

_HASH: Final = re.compile(SHA256)


class AllowList:
    """All ``entries``, those of the bases first, with hashes and phrases of their own.

    ``problems`` is what is wrong with them.
    """

    def __init__(
        self,
        layers: Sequence[tuple[Document, PolicyFile]],
        lists: Mapping[str, tuple[str, ...]],
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
                "sha256": self._items(entry.sha256, document, (*at, "sha256")),
                "phrases": self._items(entry.phrases, document, (*at, "phrases")),
            }
        )

    def _items(
        self, written: str | tuple[str, ...], document: Document, at: Loc
    ) -> tuple[str, ...]:
        """The hashes or phrases themselves, where the entry names a list of them."""
        if not isinstance(written, str):
            return written
        items = self._lists.get(written)
        if items is None:
            fix = nearest(written, self._lists, "write it under `lists`, or its texts here")
            self._wrong(document, at, f"there is no list `{written}`", fix)
            return ()
        unfit = [number for number, each in enumerate(items, 1) if not _fits(each, at)]
        if unfit:
            kind = "SHA-256" if at[-1] == "sha256" else "phrase that is long enough"
            what = f"text {unfit[0]} of the list `{written}` is no {kind}"
            self._wrong(document, at, what, "mend the list, or name another")
        return items

    def _wrong(self, document: Document, at: Loc, what: str, fix: str) -> None:
        self.problems.append(document.problem(at, what, fix))


def _fits(item: str, at: Loc) -> bool:
    if at[-1] == "sha256":
        return _HASH.fullmatch(item) is not None
    return len(item.strip()) >= SHORTEST_PHRASE
