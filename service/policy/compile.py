"""Compiles a resolved policy, or says all that does not fit together in its rules."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from detectors.contract.exchange import Stage
from detectors.views.faces import EXTRA
from service.policy.condition import Condition, ConditionError, Fault, Language
from service.policy.document import Loc, PolicyError, Problem
from service.policy.edits import AnswerEdit, BlurFaces, EditKind, Replace
from service.policy.engine import Policy
from service.policy.fields import ENGLISH, Capture
from service.policy.model import (
    FACES,
    METHODS,
    PICTURE_METHODS,
    SELECTORS,
    SHOWN_METHODS,
    Action,
    Layer,
    PolicyFile,
    Rule,
    Scope,
)
from service.policy.resolve import Resolved
from service.policy.sources import Sources
from service.policy.spelling import nearest
from service.policy.variant import Variant

HASH_DIGITS: Final = 12

_NEEDED: Final = {
    EditKind.MASK_TEXT: PICTURE_METHODS,
    EditKind.ANNOTATE: PICTURE_METHODS,
    EditKind.DROP_IMAGE: SHOWN_METHODS,
}
"""What a rule with this edit must look at: nothing else leads to what is edited."""
_STAGED: Final = {
    Stage.REQUEST: ("answers", "say `stage: response`, or use an edit of requests"),
    Stage.RESPONSE: ("requests", "use `redact`, `replace`, `truncate` or `strip_links`, or refuse"),
}
"""Of an edit that does not fit a rule's stage: what it is for, and the fix."""


def compile_policy(
    resolved: Resolved, detectors: Collection[str] | None = None, *, keeps: bool = True
) -> Policy:
    """The policy, ready to decide. Raises ``PolicyError`` that lists all that is wrong.

    ``detectors`` are the names of all views and checks, which ``fail_open`` may name and edits may
    need; without them none is looked up. ``keeps`` says whether payload can be kept where
    ``capture`` asks for it.
    """
    policy = resolved.policy
    sources = resolved.sources or (None,) * (1 + len(policy.select))
    problems = list(resolved.problems)
    variants = [
        _variant(policy, scope, _Places(resolved, source), problems)
        for scope, source in zip((None, *policy.select), sources, strict=True)
    ]
    if detectors is not None:
        problems += _unknown_detectors(resolved, detectors)
    if detectors is not None and FACES not in detectors:
        for scope, source in zip((policy, *policy.select), sources, strict=True):
            problems += _faceless(scope, _Places(resolved, source))
    if policy.capture.of is not Capture.NONE and not keeps:
        what = "payload cannot be kept here"
        fix = "set GLASSGATE_AUDIT and GLASSGATE_AUDIT_KEY before the start, or say `none`"
        problems.append(_in_file(resolved, "capture", what, fix))
    problems = list(dict.fromkeys(problems)) or list(resolved.unused)
    if problems:
        raise PolicyError(problems)
    return Policy(policy, variants, digest(policy))


def digest(policy: PolicyFile) -> str:
    """A short SHA-256 of what the policy says: comments, order of fields and layout do not count.

    Nor does it count over how many files it is spread, or on which share of requests it is tried.
    """
    said = policy.model_dump(mode="json", exclude={"rollout"})
    content = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()[:HASH_DIGITS]


def _unknown_detectors(resolved: Resolved, known: Collection[str]) -> Iterator[Problem]:
    for index, name in enumerate(resolved.policy.fail_open):
        if name not in known:
            what, fix = f"there is no detector `{name}`", f"use {', '.join(sorted(known))}"
            fix = nearest(name, known, fix)
            yield _in_file(resolved, "fail_open", what, fix, (index,))


def _in_file(resolved: Resolved, field: str, what: str, fix: str, rest: Loc = ()) -> Problem:
    """A problem with a field of the policy, at its place if that is known."""
    if resolved.sources:
        return resolved.sources[0].problem((field,), what, fix, rest)
    return Problem(path=resolved.files[0], line=1, column=1, what=what, fix=fix)


def _faceless(layer: Layer, places: _Places) -> Iterator[Problem]:
    """The edits that need to know where faces are, where nothing looks for them."""
    for rule in layer.rules:
        for index, edit in enumerate(rule.edits):
            if isinstance(edit, BlurFaces):
                what = f"`{edit.kind}` needs the extra `faces`, which is not installed"
                yield places.problem(rule, ("edits", index, "kind"), what, f"run {EXTRA}")


class _Places:
    """Where the rules of the policy, or of one scope, were written."""

    def __init__(self, resolved: Resolved, sources: Sources | None) -> None:
        self._resolved = resolved
        self._sources = sources

    def problem(self, rule: Rule, where: Loc, what: str, fix: str) -> Problem:
        if self._sources is None:
            return self._of_rule(rule, what, fix)
        key = ("rules", rule.id, *(str(step) for step in where[:1]))
        acting = ("rules", rule.id, "action")
        if not where and self._sources.find(acting)[0] is not self._sources.find(key)[0]:
            key = acting  # what is missing was not, before another file changed what is done
        return self._sources.problem(key, what, fix, where[1:])

    def inside(self, rule: Rule, fault: Fault) -> Problem:
        """A problem inside the rule's condition."""
        if self._sources is None:
            return self._of_rule(rule, fault.what, fault.fix)
        document, loc = self._sources.find(("rules", rule.id, "when"))
        place = fault.line, fault.column
        return document.inside(loc, place, fault.what, fault.fix, fault.shown)

    def _of_rule(self, rule: Rule, what: str, fix: str) -> Problem:
        """Only the rule's place is known of a policy that came from another process."""
        said = f"rule {rule.id} ({self._resolved.places.get(rule.id, 'of a scope')}): {what}"
        return Problem(path=self._resolved.files[0], line=1, column=1, what=said, fix=fix)


def _variant(
    policy: PolicyFile, scope: Scope | None, places: _Places, problems: list[Problem]
) -> Variant:
    """The rules in force in a scope, or outside of all; adds what is wrong with them."""
    layer = policy if scope is None else scope
    language = Language(numbers(layer), words(policy), policy.headers)
    conditions: list[Condition] = []
    for rule in layer.rules:
        problems += [places.problem(rule, *misfit) for misfit in _misfits(rule)]
        try:
            conditions.append(language.compile(rule.when, of_parts=rule.on is not None))
        except ConditionError as error:
            problems += [places.inside(rule, fault) for fault in error.faults]
    whole = len(conditions) == len(layer.rules)
    return Variant(layer.rules if whole else (), conditions if whole else (), language, scope)


def numbers(layer: PolicyFile | Scope) -> dict[str, float]:
    """The thresholds of a resolved policy, which are numbers all."""
    return {
        name: value for name, value in layer.thresholds.items() if isinstance(value, int | float)
    }


def words(policy: PolicyFile) -> dict[str, Sequence[str]]:
    """The lists of a resolved policy, which name no files any more."""
    return {name: each for name, each in policy.lists.items() if isinstance(each, tuple)}


Misfit = tuple[Loc, str, str]


def _misfits(rule: Rule) -> Iterator[Misfit]:
    """What does not fit together within a rule: (where, what, fix)."""
    for index, selector in enumerate(rule.on or ()):
        if selector not in SELECTORS and selector.split(":")[0] not in METHODS:
            fix = nearest(selector, SELECTORS, f"use {', '.join(SELECTORS)}")
            yield ("on", index), f"`{selector}` is no origin and no method", fix
    if rule.action is Action.REFUSE and rule.message is None:
        yield (), "`message` is missing", "say to the refused person what was refused"
    if isinstance(rule.message, dict) and ENGLISH not in rule.message:
        fix = "add the English text, which readers of all other languages get"
        yield ("message",), f"`{ENGLISH}` is missing", fix
    if rule.action is Action.REWRITE:
        yield from _misfits_of_rewrite(rule)
    elif rule.edits:
        what = f"`edits` do nothing where the action is `{rule.action}`"
        yield ("edits",), what, "make it `action: rewrite`, or take them out"


def _misfits_of_rewrite(rule: Rule) -> Iterator[Misfit]:
    if not rule.edits:
        yield (), "`edits` is missing", "list the edits, such as `- kind: mask_text`"
    looks = {selector.split(":")[0] for selector in rule.on or ("exchange",)}
    for index, edit in enumerate(rule.edits):
        where = ("edits", index, "kind")
        if isinstance(edit, AnswerEdit) is (rule.stage is Stage.REQUEST):
            is_for, fix = _STAGED[rule.stage]
            yield where, f"`{edit.kind}` is for {is_for} only", fix
        elif isinstance(edit, AnswerEdit) and rule.on is None and not isinstance(edit, Replace):
            yield where, f"`{edit.kind}` needs to know which text", "say `on: [model]`"
        needed = _NEEDED.get(EditKind(edit.kind))
        if needed is not None and not looks <= set(needed):
            what = f"`{edit.kind}` needs what was read from a picture"
            fix = f"say `on: [{', '.join(PICTURE_METHODS)}]`"
            yield where, what, fix
