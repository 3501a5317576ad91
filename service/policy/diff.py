"""Says in words how one policy differs from another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from service.policy.compile import numbers, words
from service.policy.edits import Downscale, WrittenEdit
from service.policy.model import Allow, Mode, PolicyFile, Rule, Scope

_WHO: Final = ("tenants", "key_groups", "models", "paths")
_TOLD_ELSEWHERE: Final = frozenset(
    {
        *("version", "extends", "mode", "may_loosen", "sensitivity", "override", "disable"),
        *("streaming", "headers", "fail_open", "lists", "thresholds", "rules", "select"),
        *("allow", "capture", "link_hosts"),
    }
)
"""Fields of a policy that are told in more words, or that a resolved one has worked in."""
_WORDING: Final = frozenset({"description", "severity", "tags"})
_NOTHING: Final = "nothing"


def diff(before: PolicyFile, after: PolicyFile) -> tuple[str, ...]:
    """One sentence for each difference of two resolved policies; none if they decide alike.

    A lower threshold is called stricter, since rules compare a score with it from above.
    """
    return (
        *_settings(before, after),
        *_lists(words(before), words(after)),
        *_allowed(before.allow, after.allow),
        *_layer(before, after),
        *_scopes(before, after),
    )


def _settings(before: PolicyFile, after: PolicyFile) -> Iterator[str]:
    for field in sorted(PolicyFile.model_fields.keys() - _TOLD_ELSEWHERE):
        old, new = getattr(before, field), getattr(after, field)
        if old != new:
            yield f"{field}: {_said(old)} becomes {_said(new)}"
    for name in ("streaming", "capture"):
        for field, old in getattr(before, name):
            new = getattr(getattr(after, name), field)
            if old != new:
                yield f"{name} {field}: {_said(old)} becomes {_said(new)}"
    yield from _members("headers", "is read", before.headers, after.headers)
    yield from _members("link_hosts", "may be sent data", before.link_hosts, after.link_hosts)
    yield from _members("fail_open", "may fail without a gap", before.fail_open, after.fail_open)


def _members(field: str, means: str, before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    for name in after:
        if name not in before:
            yield f"{field}: `{name}` {means} now"
    for name in before:
        if name not in after:
            yield f"{field}: `{name}` {means} no more"


def _lists(
    before: Mapping[str, Sequence[str]], after: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    for name in {**before, **after}:
        old, new = set(before.get(name, ())), set(after.get(name, ()))
        if name not in before:
            yield f"list {name}: added, {len(new)} texts"
        elif name not in after:
            yield f"list {name}: removed"
        elif old != new:
            yield f"list {name}: {len(new - old)} texts added, {len(old - new)} removed"


def _allowed(before: Sequence[Allow], after: Sequence[Allow]) -> Iterator[str]:
    old, new = ({entry.id: entry for entry in entries} for entries in (before, after))
    for name in {**old, **new}:
        if name not in old:
            labels = ", ".join(new[name].labels)
            yield f"allow {name}: added, for {labels}, up to {new[name].expires}"
        elif name not in new:
            yield f"allow {name}: removed"
        else:
            for field, was in old[name]:
                if was != (now := getattr(new[name], field)):
                    yield f"allow {name}, {field}: {_said(was)} becomes {_said(now)}"


def _layer(before: PolicyFile | Scope, after: PolicyFile | Scope) -> Iterator[str]:
    """The differences of thresholds and rules, of two policies or of two scopes."""
    yield from _thresholds(numbers(before), numbers(after))
    yield from _rules(before.rules, after.rules)


def _thresholds(old: Mapping[str, float], new: Mapping[str, float]) -> Iterator[str]:
    for name in {**old, **new}:
        if name not in old:
            yield f"threshold {name}: added, {new[name]:g}"
        elif name not in new:
            yield f"threshold {name}: removed (it was {old[name]:g})"
        elif old[name] != new[name]:
            how = "stricter" if new[name] < old[name] else "looser"
            yield f"threshold {name}: {old[name]:g} becomes {new[name]:g}, {how}"


def _rules(before: Sequence[Rule], after: Sequence[Rule]) -> Iterator[str]:
    were = {rule.id: rule for rule in before}
    are = {rule.id: rule for rule in after}
    for name, rule in are.items():
        if name not in were:
            yield f"rule {name}: added; {_effect(rule)}"
    for name, rule in were.items():
        if name not in are:
            yield f"rule {name}: removed; it said {_effect(rule)}"
    for name, rule in were.items():
        if name in are:
            yield from (f"rule {name}: {said}" for said in _rule(rule, are[name]))
    both = [name for name in were if name in are]
    order = [name for name in are if name in were]
    if both != order:
        moved = next(name for name, other in zip(order, both, strict=True) if name != other)
        yield f"rules: in another order, from {moved} on; the first of equal action is quoted"


def _effect(rule: Rule) -> str:
    only = " in shadow" if rule.mode is Mode.SHADOW else ""
    share = f" for {rule.sample:.4g} of requests" if rule.sample < 1 else ""
    return f"{rule.stage}: {rule.action}{only}{share} when {_one_line(rule.when)}"


def _rule(before: Rule, after: Rule) -> Iterator[str]:
    for field in Rule.model_fields:
        old, new = getattr(before, field), getattr(after, field)
        if old == new or _one_line(str(old)) == _one_line(str(new)):
            continue
        match field:
            case "action":
                how = "stricter" if after.action.strictness > before.action.strictness else "looser"
                yield f"the action {old} becomes {new}, {how}"
            case "mode":
                acts = new is Mode.ENFORCE
                yield "acts now, and was in shadow" if acts else "is in shadow now, and acted"
            case "sample":
                how = "stricter" if new > old else "looser"
                yield f"held against {new:.4g} of requests, was {old:.4g}, {how}"
            case "when":
                yield f"another condition: {_one_line(old)} becomes {_one_line(new)}"
            case "on":
                yield f"looks at {_places(new)}, was {_places(old)}"
            case "message":
                yield from _message(before, after)
            case "edits":
                yield f"the edits {_kinds(before)} become {_kinds(after)}"
            case _:
                mere = "; decides alike" if field in _WORDING else ""
                yield f"{field}: {_said(old)} becomes {_said(new)}{mere}"


def _message(before: Rule, after: Rule) -> Iterator[str]:
    old, new = _by_language(before), _by_language(after)
    said = [f"`{name}` added" for name in new if name not in old]
    said += [f"`{name}` removed" for name in old if name not in new]
    said += [f"`{name}` reworded" for name in new if name in old and old[name] != new[name]]
    yield f"the message: {', '.join(said)}"


def _by_language(rule: Rule) -> dict[str, str]:
    if isinstance(rule.message, dict):
        return {str(name): text for name, text in rule.message.items()}
    return {"en": rule.message} if rule.message else {}


def _scopes(before: PolicyFile, after: PolicyFile) -> Iterator[str]:
    were = {scope.id: scope for scope in before.select}
    are = {scope.id: scope for scope in after.select}
    for name, scope in are.items():
        if name not in were:
            yield f"scope {name}: added, for {_whom(scope)}"
            yield from (f"scope {name}: {said}" for said in _layer(after, scope))
    for name, scope in were.items():
        if name not in are:
            yield f"scope {name}: removed; {_whom(scope)} get what everyone gets"
            continue
        now = are[name]
        if _whom(scope) != _whom(now):
            yield f"scope {name}: for {_whom(now)}, was for {_whom(scope)}"
        yield from (f"scope {name}: {said}" for said in _layer(scope, now))
    both = [name for name in were if name in are]
    if both != [name for name in are if name in were]:
        yield "scopes: in another order; the first that matches is in force"


def _whom(scope: Scope) -> str:
    return ", ".join(
        f"{kind} {' or '.join(globs)}"
        for kind in _WHO
        if (globs := getattr(scope, kind)) is not None
    )


def _places(on: Sequence[str] | None) -> str:
    return ", ".join(on) if on is not None else "the whole exchange"


def _kinds(rule: Rule) -> str:
    return ", ".join(map(_edit, rule.edits)) or _NOTHING


def _edit(edit: WrittenEdit) -> str:
    return f"{edit.kind} to {edit.longest}" if isinstance(edit, Downscale) else edit.kind


def _said(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or _NOTHING
    return _NOTHING if value in {None, ""} else f"`{value}`"


def _one_line(text: str) -> str:
    return " ".join(text.split())
