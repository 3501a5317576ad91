"""Lays one layer over another: a file over its bases, a scope over the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from service.policy.document import Document, Loc, Problem
from service.policy.fields import Levels, Sensitivity, Threshold
from service.policy.model import Action, Change, Layer, Mode, Rule
from service.policy.sources import Key, Sources
from service.policy.spelling import nearest

ODDS: Final = 3.0
"""Where a threshold is one number, ``high`` stands at a third of its odds, ``low`` at threefold."""

_WORDS_ONLY: Final = frozenset({"id", "description", "message", "severity", "tags"})


class Stack:
    """What the layers so far say together, and what is wrong with them."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self.rules: dict[str, Rule] = {}
        self.thresholds: dict[str, float] = {}
        self.problems: list[Problem] = []
        self._written: dict[str, Threshold] = {}
        self._sensitivity = Sensitivity.MEDIUM
        self._sensitivities: dict[str, Sensitivity] = {}

    def copy(self) -> Stack:
        """The same layers, to lay others over."""
        twin = Stack(self.sources.copy())
        twin.rules, twin.thresholds = dict(self.rules), dict(self.thresholds)
        twin._written = dict(self._written)
        twin._sensitivity = self._sensitivity
        twin._sensitivities = dict(self._sensitivities)
        return twin

    def lay(self, layer: Layer, document: Document, at: Loc = ()) -> None:
        """Lays a layer over the others; it stands in the document at ``at``."""
        for name in layer.thresholds:
            self.sources.note(("thresholds", name), document, (*at, "thresholds", name))
            self._threshold(name, layer.thresholds[name])
        if layer.sensitivity is not None:
            self.sources.note(("sensitivity",), document, (*at, "sensitivity"))
            self._sense(layer.sensitivity)
        for index, change in enumerate(layer.override):
            self._change(change, document, (*at, "override", index))
        for index, name in enumerate(layer.disable):
            if self.rules.pop(name, None) is None:
                where = document.problem(
                    (*at, "disable", index),
                    f"no earlier file has a rule `{name}`",
                    nearest(name, self.rules, "name a rule of a file in `extends`"),
                )
                self.problems.append(where)
        for index, rule in enumerate(layer.rules):
            self._add(rule, document, (*at, "rules", index))

    def _threshold(self, name: str, threshold: Threshold) -> None:
        self._written[name] = threshold
        if isinstance(threshold, Levels):
            if not threshold.low >= threshold.medium >= threshold.high:
                what = "a higher sensitivity needs a lower threshold"
                fix = "write `low` as the highest number and `high` as the lowest"
                self.problems.append(self.sources.problem(("thresholds", name), what, fix))
            level = self._sensitivities.get(name, self._sensitivity)
            self.thresholds[name] = at(threshold, level)
        else:
            self.thresholds[name] = threshold

    def _sense(self, sensitivity: Sensitivity | Mapping[str, Sensitivity]) -> None:
        if isinstance(sensitivity, Sensitivity):
            self._sensitivity = sensitivity
            self._sensitivities = dict.fromkeys(self._written, sensitivity)
            changed = list(self._written)
        else:
            for name in sensitivity.keys() - self._written.keys():
                fix = nearest(name, self._written, "name one of the policy's thresholds")
                what = f"there is no threshold `{name}`"
                self.problems.append(self.sources.problem(("sensitivity", name), what, fix))
            self._sensitivities |= sensitivity
            changed = [name for name in sensitivity if name in self._written]
        for name in changed:
            self.thresholds[name] = at(self._written[name], self._sensitivities[name])

    def _change(self, change: Change, document: Document, loc: Loc) -> None:
        rule = self.rules.get(change.id)
        if rule is None:
            what = f"no earlier file has a rule `{change.id}`"
            fix = nearest(change.id, self.rules, "write a new rule under `rules`")
            self.problems.append(document.problem((*loc, "id"), what, fix))
            return
        fields = change.model_fields_set - {"id"}
        if not fields:
            fix = "write the fields that are to change, such as `mode: shadow`"
            self.problems.append(document.problem(loc, "changes nothing", fix))
        self.rules[rule.id] = rule.model_copy(
            update={field: getattr(change, field) for field in fields}
        )
        for field in fields:
            self.sources.note(("rules", rule.id, field), document, (*loc, field))

    def _add(self, rule: Rule, document: Document, loc: Loc) -> None:
        if rule.id in self.rules:
            before, _ = self.sources.find(("rules", rule.id))
            if before is document:
                what, fix = (
                    f"an earlier rule has the id `{rule.id}` too",
                    "give each rule its own id",
                )
            else:
                what = f"{before.path.name} has a rule `{rule.id}` too"
                fix = "give it another id, or change that rule under `override`"
            self.problems.append(document.problem((*loc, "id"), what, fix))
            # Kept apart, so that whatever else is wrong with it is said too.
            rule = rule.model_copy(update={"id": f"{rule.id}#{len(self.rules)}"})
        self.rules[rule.id] = rule
        self.sources.note(("rules", rule.id), document, loc)


def at(threshold: Threshold, level: Sensitivity) -> float:
    """The threshold's number at a sensitivity."""
    if isinstance(threshold, Levels):
        return float(getattr(threshold, level.value))
    if level is Sensitivity.MEDIUM or threshold in {0.0, 1.0}:
        return threshold
    odds = threshold / (1 - threshold)
    odds = odds * ODDS if level is Sensitivity.LOW else odds / ODDS
    return round(odds / (1 + odds), 4)


def loosened(before: Stack, after: Stack) -> list[tuple[str, Key, str]]:
    """What the second lets pass that the first does not: (its name, its place, what was done).

    What cannot be told to be as strict counts as looser: another condition, other parts.
    """
    found: list[tuple[str, Key, str]] = []
    for name, value in before.thresholds.items():
        if after.thresholds[name] > value:
            key: Key = ("thresholds", name)
            if after.sources.find(key) == before.sources.find(key):
                key = ("sensitivity", name)
            said = f"raises the threshold `{name}` from {value:g} to {after.thresholds[name]:g}"
            found.append((name, key, said))
    for name, rule in before.rules.items():
        now = after.rules.get(name)
        if now is None:
            found.append((name, ("disable", name), f"takes the rule `{name}` out"))
            continue
        fields = [
            field for field in Rule.model_fields if getattr(rule, field) != getattr(now, field)
        ]
        found += [
            (name, ("rules", name, field), f"loosens the `{field}` of rule `{name}`")
            for field in fields
            if not _tighter(field, rule, now)
        ]
    return found


def _tighter(field: str, before: Rule, now: Rule) -> bool:
    match field:
        case "action":
            return now.action.strictness > before.action.strictness
        case "mode":
            return now.mode is Mode.ENFORCE
        case "sample":
            return now.sample > before.sample
        case "edits":
            return now.action is Action.REFUSE
        case _:
            return field in _WORDS_ONLY
