"""Takes over edits of the policy while the service runs: all workers at once, or none."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

import structlog

from service.admin.policy import NoFormerPolicy, PolicyState
from service.policy.case_file import Case
from service.policy.document import PolicyError
from service.policy.model import Decision
from service.policy.vetting import CasesFailed, Prints, Vetted, prints, read, vet
from service.worker import Ruling

LOOK_S: Final = 0.5
"""Between two looks at the files."""
SETTLED_S: Final = 0.1
"""Files that have not changed for so long are no half of an edit."""
KEPT: Final = 20
"""Former policies that a rollback can return to."""
OUTCOMES: Final = ("applied", "refused", "rolled_back")

_log = structlog.get_logger("glassgate")


class NotTaken(Exception):
    """The workers did not take the ruling, so none of them decides by it; the message says why."""


class Crew(Protocol):
    """The workers."""

    def detectors(self) -> Collection[str] | None:
        """The names of their detectors, once one of them has said."""
        ...

    def rule(self, ruling: Ruling) -> None:
        """Has all of them decide by it, those that start later too. Raises ``NotTaken``."""
        ...

    def ask(self, policy: str, case: Case, within_s: float) -> Decision:
        """Has one of them inspect a case's request; as ``service.policy.vetting.Ask``."""
        ...


@dataclass(frozen=True, slots=True)
class _Standing:
    """What is in force: one policy, and perhaps another that is tried on a share of requests."""

    policy: Vetted
    trial: Vetted | None = None
    share: float = 0.0

    def ruling(self, number: int) -> Ruling:
        return Ruling(
            number=number,
            policy=self.policy.resolved.model_dump_json(),
            trial=self.trial.resolved.model_dump_json() if self.trial is not None else "",
            share=self.share,
        )


class Reload:
    """The policy of a running service, and the file that it comes from.

    What is wrong with the file is kept and told, and what was in force stays so.
    """

    def __init__(self, path: Path, *, keeps: bool = True, budget_s: float = 30.0) -> None:
        """Reads the policy for the first time; its cases are for later edits.

        ``keeps`` says whether payload can be kept where the policy asks for it, ``budget_s`` how
        long the requests of an edit's cases may take together. Raises ``PolicyError``.
        """
        self._path = path
        self._keeps = keeps
        self._budget_s = budget_s
        self._standing = _Standing(read(path, keeps=keeps))
        self._since = _now()
        self._number = 1
        self._former: list[Vetted] = []
        self._problems: tuple[str, ...] = ()
        self._outcomes: Counter[str] = Counter(dict.fromkeys(OUTCOMES, 0))
        self._seen = self._standing.policy.prints
        self._crew: Crew | None = None
        self._turn = threading.Lock()

    def ruling(self) -> Ruling:
        """By what is to be decided now."""
        return self._standing.ruling(self._number)

    def lead(self, crew: Crew) -> None:
        """From now on the crew, which decides by what ``ruling`` gave it, is told of changes."""
        self._crew = crew

    def state(self) -> PolicyState:
        """What is known now, also while a reload is under way."""
        standing, former = self._standing, self._former[-1:]
        if standing.trial is not None:
            former = [standing.policy]
        return PolicyState(
            file=str(self._path),
            hash=standing.policy.hash,
            since=self._since,
            trial=standing.trial.hash if standing.trial is not None else "",
            share=standing.share,
            former=former[0].hash if former else "",
            problems=self._problems,
            reloads=dict(self._outcomes),
        )

    def written(self) -> Mapping[str, object]:
        """The policy in force, as JSON."""
        return self._standing.policy.resolved.policy.model_dump(mode="json")

    def look(self, settle: threading.Event) -> None:
        """Takes over what the files say if they changed; ``settle`` ends the waiting early."""
        now = prints(self._seen)
        if now == self._seen:
            return
        while not settle.wait(SETTLED_S) and (later := prints(self._seen)) != now:
            now = later
        if not settle.is_set():
            self.reload()

    def reload(self) -> PolicyState:
        """Takes over what the files say now, whether they changed or not."""
        with self._turn:
            before = prints(self._seen)
            try:
                vetted = self._vetted()
                self._seen = vetted.prints
                self._take(vetted)
            except PolicyError as error:
                self._watch_beside(before, [each.path for each in error.problems])
                self._refuse([str(each) for each in error.problems])
            except CasesFailed as error:
                self._seen = error.prints
                self._refuse(error.failures)
            except NotTaken as error:
                self._refuse([str(error)])
            return self.state()

    def roll_back(self) -> PolicyState:
        """Ends the trial, or returns to the policy before; the file is left as it is.

        Raises:
            NoFormerPolicy: there is none to return to.
        """
        with self._turn:
            standing = self._standing
            if standing.trial is None and not self._former:
                raise NoFormerPolicy("no other policy was in force since the service began")
            try:
                self._rule(_Standing(standing.policy if standing.trial else self._former[-1]))
            except NotTaken as error:
                self._refuse([str(error)])
                return self.state()
            if standing.trial is None:
                del self._former[-1]
            self._outcomes["rolled_back"] += 1
            self._problems = ()
            _log.warning("policy rolled back", policy=self._standing.policy.hash)
            return self.state()

    def _vetted(self) -> Vetted:
        """What the files say now. Raises as ``vet`` does."""
        if self._crew is None:
            return vet(self._path, keeps=self._keeps)
        return vet(
            self._path,
            self._crew.detectors(),
            keeps=self._keeps,
            ask=self._crew.ask,
            budget_s=self._budget_s,
        )

    def _take(self, vetted: Vetted) -> None:
        """Puts the policy in force, wholly or on trial as it says itself."""
        standing, share = self._standing, vetted.resolved.policy.rollout
        self._problems = ()
        if vetted.hash == standing.policy.hash:
            wanted = _Standing(standing.policy)
        elif share < 1.0:
            wanted = _Standing(standing.policy, vetted, share)
        else:
            wanted = _Standing(vetted)
        if _named(wanted) == _named(standing):
            return
        self._rule(wanted)
        if wanted.policy.hash != standing.policy.hash:
            self._former = [*self._former, standing.policy][-KEPT:]
        self._outcomes["applied"] += 1
        _log.info(
            "policy applied",
            policy=wanted.policy.hash,
            trial=wanted.trial.hash if wanted.trial is not None else "",
            share=wanted.share,
            cases=vetted.cases,
        )

    def _rule(self, standing: _Standing) -> None:
        self._number += 1
        if self._crew is not None:
            self._crew.rule(standing.ruling(self._number))
        self._standing, self._since = standing, _now()

    def _refuse(self, problems: Sequence[str]) -> None:
        self._problems = tuple(problems)
        self._outcomes["refused"] += 1
        in_force = self._standing.policy.hash
        _log.error("policy refused", in_force=in_force, problems=list(problems))

    def _watch_beside(self, before: Prints, paths: Sequence[Path]) -> None:
        """What mends an edit may be another file: all that lies beside those of it is watched."""
        folders = {path.parent for path in (*before, *paths)}
        self._seen = {**prints((*paths, *folders)), **before}


def _named(standing: _Standing) -> tuple[str, str, float]:
    trial = standing.trial.hash if standing.trial is not None else ""
    return standing.policy.hash, trial, standing.share


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
