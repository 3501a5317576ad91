"""Loads a policy file, or says all that is wrong with it, where, and how to mend it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from detectors.contract.exchange import Origin, Stage
from service.policy.condition import Condition, ConditionError, Language
from service.policy.document import Document, PolicyError, Problem
from service.policy.engine import Policy
from service.policy.model import METHODS, PICTURE_METHODS, Action, PolicyFile, Rule
from service.policy.spelling import nearest

__all__ = ["PolicyError", "Problem", "load"]

ORIGINS: Final = tuple(origin.value for origin in Origin)
HASH_DIGITS: Final = 12


def load(path: Path) -> Policy:
    """The policy in the file, compiled. Raises ``PolicyError`` that lists all that is wrong."""
    document = Document(path)
    written = document.parse(PolicyFile)
    language = Language(written.thresholds)
    problems = list(_repeated(document, written.rules))
    conditions: list[Condition] = []
    for index, rule in enumerate(written.rules):
        loc = ("rules", index)
        problems += [document.problem((*loc, *where), *said) for where, *said in _misfits(rule)]
        try:
            conditions.append(language.compile(rule.when, of_parts=rule.on is not None))
        except ConditionError as error:
            problems += [
                document.inside(
                    (*loc, "when"), (fault.line, fault.column), fault.what, fault.fix, fault.shown
                )
                for fault in error.faults
            ]
    if not problems:
        problems += _unused(document, written, conditions)
    if problems:
        raise PolicyError(problems)
    return Policy(written, conditions, language, digest(written))


def digest(written: PolicyFile) -> str:
    """A short SHA-256 of what the file says: comments, order of fields and layout do not count."""
    content = json.dumps(written.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()[:HASH_DIGITS]


def _repeated(document: Document, rules: Sequence[Rule]) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, rule in enumerate(rules):
        if rule.id in seen:
            what = f"an earlier rule has the id `{rule.id}` too"
            yield document.problem(("rules", index, "id"), what, "give each rule its own id")
        seen.add(rule.id)


def _unused(
    document: Document, written: PolicyFile, conditions: Sequence[Condition]
) -> Iterator[Problem]:
    used = {name for condition in conditions for name in condition.thresholds}
    for name in written.thresholds.keys() - used:
        fix = f"take it out, or compare with `threshold.{name}` in a rule"
        yield document.problem(("thresholds", name), "no rule uses this threshold", fix)


Misfit = tuple[tuple[int | str, ...], str, str]


def _misfits(rule: Rule) -> Iterator[Misfit]:
    """What does not fit together within a rule: (where, what, fix)."""
    for index, selector in enumerate(rule.on or ()):
        if selector not in ORIGINS and selector.split(":")[0] not in METHODS:
            fix = nearest(selector, [*ORIGINS, *METHODS], f"use {', '.join([*ORIGINS, *METHODS])}")
            yield ("on", index), f"`{selector}` is no origin and no method", fix
    if rule.action is Action.REFUSE and rule.message is None:
        yield (), "`message` is missing", "say to the refused person what was refused"
    if rule.action is Action.REWRITE:
        yield from _misfits_of_rewrite(rule)
    elif rule.edits:
        what = f"`edits` do nothing where the action is `{rule.action}`"
        yield ("edits",), what, "make it `action: rewrite`, or take them out"


def _misfits_of_rewrite(rule: Rule) -> Iterator[Misfit]:
    if not rule.edits:
        yield (), "`edits` is missing", "list the edits, such as `- kind: mask_text`"
    if rule.stage is Stage.RESPONSE:
        yield ("action",), "an answer cannot be rewritten", "make it `action: refuse`"
    of_pictures = bool(rule.on) and all(
        selector.split(":")[0] in PICTURE_METHODS for selector in rule.on or ()
    )
    for index, edit in enumerate(rule.edits):
        if edit.kind != "instruct" and not of_pictures:
            what = f"`{edit.kind}` needs a text that was read from a picture"
            fix = f"say `on: [{', '.join(PICTURE_METHODS)}]`"
            yield ("edits", index, "kind"), what, fix
