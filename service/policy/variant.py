"""The rules in force in one scope of a policy, or outside of all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from detectors.contract.exchange import Stage
from service.policy.condition import MOST_TOGETHER, Condition, Language, Together
from service.policy.fields import globbed
from service.policy.floors import Floors, floors, lowest
from service.policy.model import Caller, Rule, Scope


@dataclass(frozen=True, slots=True)
class Group:
    """Rules of one stage that look at the same parts: ``numbers`` are their places in the file.

    They are evaluated only where a score reaches one of the ``floors``, if there are such.
    """

    on: frozenset[str] | None
    numbers: tuple[int, ...]
    together: Together
    floors: Floors | None

    def may_hold(self, scores: Mapping[str, float]) -> bool:
        """Whether one of the rules can hold where the labels score so much."""
        if self.floors is None:
            return True
        for label, least in self.floors.items():  # noqa: SIM110 - a generator takes twice as long
            if scores.get(label, 0.0) >= least:
                return True
        return False


class Variant:
    """The rules in force in one scope, or outside of all, with their conditions."""

    def __init__(
        self,
        rules: Sequence[Rule],
        conditions: Sequence[Condition],
        language: Language,
        scope: Scope | None,
    ) -> None:
        """``conditions`` are those of the rules, in order."""
        self.language = language
        self.rules = tuple(zip(rules, conditions, strict=True))
        self.name = scope.id if scope is not None else ""
        self._patterns = _patterns(scope) if scope is not None else ()
        self._groups = {stage: tuple(self._grouped(stage)) for stage in Stage}

    def matches(self, caller: Caller, model: str) -> bool:
        """Whether it is for this caller: one pattern of each kind matches."""
        given = {
            "tenants": caller.tenant,
            "key_groups": caller.key_group,
            "models": model,
            "paths": caller.path,
        }
        return all(pattern.fullmatch(given[kind]) for kind, pattern in self._patterns)

    def groups(self, stage: Stage) -> Sequence[Group]:
        return self._groups[stage]

    def _grouped(self, stage: Stage) -> Iterator[Group]:
        needs = [floors(rule.when, self.language.constants) for rule, _ in self.rules]
        alike: dict[tuple[frozenset[str] | None, bool], list[int]] = {}
        for number, (rule, _) in enumerate(self.rules):
            if rule.stage is stage:
                on = frozenset(rule.on) if rule.on is not None else None
                alike.setdefault((on, needs[number] is None), []).append(number)
        for (on, _), numbers in alike.items():
            for start in range(0, len(numbers), MOST_TOGETHER):
                some = tuple(numbers[start : start + MOST_TOGETHER])
                together = self.language.together([self.rules[number][1] for number in some])
                yield Group(on, some, together, lowest(needs[number] for number in some))


def _patterns(scope: Scope) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """For each kind that the scope writes, one expression of all its patterns."""
    return tuple(
        (kind, globbed(globs))
        for kind in ("tenants", "key_groups", "models", "paths")
        if (globs := getattr(scope, kind)) is not None
    )
