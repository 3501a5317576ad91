"""Which file says what: the place of each value of a policy that several files make."""

from __future__ import annotations

from typing import TypeAlias

from service.policy.document import Document, Loc, Problem

Key: TypeAlias = tuple[str, ...]
"""Names a value of the policy as a whole: ``("rules", "no-names", "when")``."""


class Sources:
    """The document and the place in it where each value was last written.

    What was not noted itself stands within the nearest thing around it that was.
    """

    def __init__(self, document: Document) -> None:
        """``document`` is the file that all begins with; it stands for what nobody wrote."""
        self._written: dict[Key, tuple[Document, tuple[int | str, ...]]] = {(): (document, ())}

    def copy(self) -> Sources:
        """The same sources, to go on noting in apart from these."""
        document, _ = self._written[()]
        twin = Sources(document)
        twin._written = dict(self._written)
        return twin

    def note(self, key: Key, document: Document, loc: Loc) -> None:
        """Notes where the value was written, in the place of all that was noted within it."""
        inside = [each for each in self._written if each[: len(key)] == key and each != ()]
        for each in inside:
            del self._written[each]
        self._written[key] = document, tuple(loc)

    def find(self, key: Key, rest: Loc = ()) -> tuple[Document, Loc]:
        """Where the value was written; ``rest`` leads on inside it."""
        size = next(size for size in range(len(key), -1, -1) if key[:size] in self._written)
        document, loc = self._written[key[:size]]
        return document, (*loc, *key[size:], *rest)

    def problem(self, key: Key, what: str, fix: str, rest: Loc = ()) -> Problem:
        """A problem with the value."""
        document, loc = self.find(key, rest)
        return document.problem(loc, what, fix)

    def place(self, key: Key) -> str:
        """File, line and column of the value, as an error would name them."""
        found = self.problem(key, "", "")
        return f"{found.path}:{found.line}:{found.column}"
