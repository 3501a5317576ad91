"""The rules in force in one scope of a policy, or outside of all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from detectors.contract.exchange import Stage
from service.policy.condition import MOST_TOGETHER, Condition, Language, Together
from service.policy.fields import globbed
from service.policy.model import Caller, Rule, Scope


@dataclass(frozen=True, slots=True)
class Group:
    """Rules of one stage that look at the same parts: ``numbers`` are their places in the file."""

    on: frozenset[str] | None
    numbers: tuple[int, ...]
    together: Together


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
        alike: dict[frozenset[str] | None, list[int]] = {}
        for number, (rule, _) in enumerate(self.rules):
            if rule.stage is stage:
                on = frozenset(rule.on) if rule.on is not None else None
                alike.setdefault(on, []).append(number)
        for on, numbers in alike.items():
            for start in range(0, len(numbers), MOST_TOGETHER):
                some = tuple(numbers[start : start + MOST_TOGETHER])
                together = self.language.together([self.rules[number][1] for number in some])
                yield Group(on, some, together)


def _patterns(scope: Scope) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """For each kind that the scope writes, one expression of all its patterns."""
    return tuple(
        (kind, globbed(globs))
        for kind in ("tenants", "key_groups", "models", "paths")
        if (globs := getattr(scope, kind)) is not None
    )
