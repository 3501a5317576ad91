"""Reads a policy for a running service: validated, its cases run, and no half of an edit in it.

Cases that record an inspection are run; those of requests are checked. They would have to be
inspected, which takes seconds of a worker that serves, or the models' memory once more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias

from service.policy import cases
from service.policy.case_file import CaseFile
from service.policy.compile import compile_policy
from service.policy.document import Document, PolicyError, Problem
from service.policy.resolve import Resolved, resolve

CASES: Final = "cases"
"""The folder of a policy's cases, beside it."""
TRIES: Final = 5
"""How often files are read that change while they are read."""

Prints: TypeAlias = Mapping[Path, str]
"""What each file holds, as a hash; of a folder, which names it holds; empty where nothing is."""


class CasesFailed(Exception):
    """The policy does not decide its cases as they expect; ``failures`` says which."""

    def __init__(self, failures: Iterable[str]) -> None:
        self.failures = tuple(failures)
        super().__init__("\n".join(self.failures))


@dataclass(frozen=True, slots=True)
class Vetted:
    """A policy that may take effect: resolved, its hash, and what its files held.

    ``cases`` counts those that were run; ``unasked`` those that were not, since a request has to be
    inspected, and whoever vets has no detectors.
    """

    resolved: Resolved
    hash: str
    prints: Prints
    cases: int = 0
    unasked: int = 0


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


def vet(path: Path, detectors: Collection[str] | None = None, *, keeps: bool = True) -> Vetted:
    """The policy in the file, once its cases have passed; ``keeps`` as for ``compile_policy``.

    Raises:
        PolicyError: all that is wrong with it, or with a file of its cases.
        CasesFailed: it is sound, and decides otherwise than its cases expect.
    """
    vetted = read(path, detectors, keeps=keeps)
    files = dict(_cases(path))
    outcomes = [each for file in files for each in cases.run(file)]
    failures = [str(each) for each in outcomes if not each.passed]
    if failures:
        raise CasesFailed(failures)
    if prints(vetted.prints) != vetted.prints:
        raise _restless(path)
    written = sum(len(file.cases) for file in files.values())
    return replace(vetted, cases=len(outcomes), unasked=written - len(outcomes))


def _restless(path: Path) -> PolicyError:
    what, fix = "changes again while it is read", "write the files once, or rename a whole folder"
    return PolicyError([Problem(path=path, line=1, column=1, what=what, fix=fix)])


def _cases(path: Path) -> Iterator[tuple[Path, CaseFile]]:
    """The files in the folder of cases that speak of this policy."""
    for file in sorted((path.parent / CASES).glob("*.yaml")):
        written = Document(file).parse(CaseFile)
        if (file.parent / written.policy).resolve() == path.resolve():
            yield file, written
