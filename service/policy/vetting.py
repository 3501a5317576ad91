"""Reads a policy for a running service: validated, its cases run, and no half of an edit in it.

Whoever vets has no detectors: the requests of cases are inspected by one who has, within a budget.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from service.policy import cases
from service.policy.case_file import Case, CaseFile
from service.policy.compile import compile_policy
from service.policy.document import Document, PolicyError, Problem
from service.policy.engine import Policy
from service.policy.model import Decision
from service.policy.resolve import Resolved, resolve

CASES: Final = "cases"
"""The folder of a policy's cases, beside it."""
TRIES: Final = 5
"""How often files are read that change while they are read."""

Prints: TypeAlias = Mapping[Path, str]
"""What each file holds, as a hash; of a folder, which names it holds; empty where nothing is."""


class NotAsked(Exception):
    """The request of a case could not be asked; the message says why."""


Ask: TypeAlias = Callable[[str, Case, float], Decision]
"""What is decided of a case's request by a policy, a resolved one as JSON, within so many seconds.

Raises ``NotAsked``, and ``TimeoutError`` after that time.
"""


class CasesFailed(Exception):
    """The policy does not decide its cases as they expect; ``failures`` says which.

    ``prints`` are of all that could be changed to mend it.
    """

    def __init__(self, failures: Iterable[str], prints: Prints) -> None:
        self.failures = tuple(failures)
        self.prints = prints
        super().__init__("\n".join(self.failures))


@dataclass(frozen=True, slots=True)
class Vetted:
    """A policy that may take effect: resolved, its hash, and what its files held.

    ``cases`` counts those that were run.
    """

    resolved: Resolved
    hash: str
    prints: Prints
    cases: int = 0


def prints(paths: Iterable[Path]) -> Prints:
    """What these files and folders hold now.

    Content, not time or inode: a file that was only touched is the same, and one that lies behind
    a link that now leads elsewhere is not, which is how Kubernetes changes a ConfigMap.
    """
    return {path: _print(path) for path in paths}


def _print(path: Path) -> str:
    try:
        if path.is_dir():
            content = "\n".join(sorted(each.name for each in path.iterdir())).encode()
        else:
            content = path.read_bytes()
    except OSError:
        return ""
    return hashlib.sha256(content).hexdigest()


def _watched(resolved: Resolved) -> frozenset[Path]:
    """All that has a say in whether the policy takes effect: its files, and its cases."""
    folder = resolved.files[0].parent / CASES
    return frozenset((*resolved.files, folder, *sorted(folder.glob("*.yaml"))))


def read(path: Path, detectors: Collection[str] | None = None, *, keeps: bool = True) -> Vetted:
    """The policy in the file, with no half of an edit in it; ``keeps`` as for ``compile_policy``.

    Raises:
        PolicyError: all that is wrong with it.
    """
    before: Prints = {}
    for _ in range(TRIES):
        resolved = resolve(path)
        now = prints(_watched(resolved))
        if now == before:
            return Vetted(resolved, compile_policy(resolved, detectors, keeps=keeps).hash, now)
        before = now
    raise _restless(path)


def vet(
    path: Path,
    detectors: Collection[str] | None = None,
    *,
    keeps: bool = True,
    ask: Ask | None = None,
    budget_s: float = 30.0,
) -> Vetted:
    """The policy in the file, once its cases have passed; ``keeps`` as for ``compile_policy``.

    Those of requests are asked one after another, all together within ``budget_s``; without ``ask``
    they are only checked.

    Raises:
        PolicyError: all that is wrong with it, or with a file of its cases.
        CasesFailed: it is sound, and decides otherwise than its cases expect, or they take too
            long.
    """
    vetted = read(path, detectors, keeps=keeps)
    asking = _Asking(ask, vetted, budget_s) if ask is not None else None
    outcomes = [
        each
        for file in _cases(path)
        for each in cases.run(file, partial(asking.ask, file) if asking is not None else None)
    ]
    failures = [str(each) for each in outcomes if not each.passed]
    if failures:
        raise CasesFailed(failures, vetted.prints)
    if prints(vetted.prints) != vetted.prints:
        raise _restless(path)
    return replace(vetted, cases=len(outcomes))


class _Asking:
    """Asks the requests of all cases of one edit."""

    def __init__(self, ask: Ask, vetted: Vetted, budget_s: float) -> None:
        self._ask = ask
        self._policy = vetted.resolved.model_dump_json()
        self._prints = vetted.prints
        self._budget_s = budget_s
        self._end = time.monotonic() + budget_s

    def ask(self, file: Path, case: Case, _: Policy) -> Decision:
        """What is decided of it. Raises ``CasesFailed`` where that cannot be learned in time."""
        try:
            return self._ask(self._policy, case, max(0.0, self._end - time.monotonic()))
        except NotAsked as error:
            raise self._failed(file, case, str(error)) from None
        except TimeoutError:
            what = f"the cases with a `request` take longer than {self._budget_s:g} s together"
            fix = "have fewer of them, or raise GLASSGATE_CASES_BUDGET_S"
            raise self._failed(file, case, f"{what}\n    Fix: {fix}") from None

    def _failed(self, file: Path, case: Case, why: str) -> CasesFailed:
        return CasesFailed([f"{file}: {case.id}: {why}"], self._prints)


def _restless(path: Path) -> PolicyError:
    what, fix = "changes again while it is read", "write the files once, or rename a whole folder"
    return PolicyError([Problem(path=path, line=1, column=1, what=what, fix=fix)])


def _cases(path: Path) -> Iterator[Path]:
    """The files in the folder of cases that speak of this policy."""
    for file in sorted((path.parent / CASES).glob("*.yaml")):
        written = Document(file).parse(CaseFile)
        if (file.parent / written.policy).resolve() == path.resolve():
            yield file
