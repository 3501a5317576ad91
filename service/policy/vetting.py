"""Reads a policy for a running service: validated, its cases run, and no half of an edit in it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
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
    """A policy that may take effect: resolved, its hash, and what its files held."""

    resolved: Resolved
    hash: str
    prints: Prints


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
    failures = [str(each) for file in _cases(path) for each in cases.run(file) if not each.passed]
    if failures:
        raise CasesFailed(failures)
    if prints(vetted.prints) != vetted.prints:
        raise _restless(path)
    return vetted


def _restless(path: Path) -> PolicyError:
    what, fix = "changes again while it is read", "write the files once, or rename a whole folder"
    return PolicyError([Problem(path=path, line=1, column=1, what=what, fix=fix)])


def _cases(path: Path) -> Iterator[Path]:
    """The files in the folder of cases that speak of this policy."""
    for file in sorted((path.parent / CASES).glob("*.yaml")):
        named = Document(file).parse(CaseFile).policy
        if (file.parent / named).resolve() == path.resolve():
            yield file
