"""Runs the cases beside a policy, and compares each decision with the one expected.

What a case names and nothing else knows (a policy, a rule, a part, a label, a field, a file) is an
error, never a pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from detectors.contract.exchange import Part, Stage
from detectors.contract.labels import LABELS
from service.policy.case_file import Case, CaseFile
from service.policy.document import Document, PolicyError, Problem
from service.policy.engine import Policy
from service.policy.load import load
from service.policy.model import Decision
from service.policy.resolve import resolve
from service.policy.spelling import nearest
from service.policy.staging import caller_of, exchange_of, inspection_of, parts_of

Ask: TypeAlias = Callable[[Case, Policy], Decision]
"""Inspects a case's request with the real detectors, and decides it by the policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one case came out: what was expected and what was decided, in comparable words.

    ``path`` is the file of the case, ``policy`` that of its policy, ``rules`` those expected.
    """

    path: Path
    policy: Path
    case: str
    rules: tuple[str, ...]
    expected: Mapping[str, object]
    decided: Mapping[str, object]

    @property
    def passed(self) -> bool:
        return self.expected == self.decided

    def __str__(self) -> str:
        wrong = [name for name in self.expected if self.expected[name] != self.decided[name]]
        lines = [f"{self.path}: {self.case}: {'failed' if wrong else 'passed'}"]
        for name in wrong:
            lines += [f"    - {name}: {self.expected[name]}", f"    + {name}: {self.decided[name]}"]
        return "\n".join(lines)


def files(folder: Path) -> tuple[Path, ...]:
    """The case files of a folder. Raises ``PolicyError`` if there are none."""
    found = tuple(sorted(folder.glob("*.yaml")))
    if not found:
        problem = Problem(
            path=folder,
            line=1,
            column=1,
            what="no case files (*.yaml) here",
            fix="name the folder that holds them",
        )
        raise PolicyError([problem])
    return found


def run(path: Path, ask: Ask | None = None) -> tuple[Outcome, ...]:
    """Runs the cases of one file. Raises ``PolicyError`` if it, or its policy, is wrong.

    Without ``ask`` only recorded inspections are run: requests are checked, and have no outcome.
    """
    document = Document(path)
    written = document.parse(CaseFile)
    source = path.parent / written.policy
    if not source.is_file():
        what = f"there is no policy file {source}"
        fix = "write its path as seen from this file's folder, as in `../default.yaml`"
        raise PolicyError([document.problem(("policy",), what, fix)])
    policy = load(source)
    problems = list(_unknown(document, written, policy))
    if problems:
        raise PolicyError(problems)
    outcomes = []
    for case in written.cases:
        if case.request is None:
            outcomes.append(_outcome(path, source, case, *_decided(case, policy)))
        elif ask is not None:
            outcomes.append(_outcome(path, source, case, ask(case, policy), {}))
    return tuple(outcomes)


def uncovered(policy: Policy, outcomes: Iterable[Outcome]) -> tuple[str, ...]:
    """The ids of the policy's rules that none of these cases of it expects to match."""
    expected = {rule for outcome in outcomes for rule in outcome.rules}
    return tuple(name for name in _rules(policy) if name not in expected)


def untested(outcomes: Sequence[Outcome]) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Each policy that has cases here, and its rules that have none.

    A case of a policy that it extends counts: the rule was taken over with it.
    """
    for path in dict.fromkeys(outcome.policy for outcome in outcomes):
        files = {each.resolve() for each in resolve(path).files}
        own = [outcome for outcome in outcomes if outcome.policy.resolve() in files]
        yield path, uncovered(load(path), own)


def _rules(policy: Policy, stage: Stage | None = None) -> tuple[str, ...]:
    """The ids of the rules of a stage, or of both; those of scopes too."""
    written = policy.written
    every = [*written.rules, *(rule for scope in written.select for rule in scope.rules)]
    return tuple(dict.fromkeys(rule.id for rule in every if stage in {None, rule.stage}))


def _unknown(document: Document, written: CaseFile, policy: Policy) -> Iterator[Problem]:
    ids: set[str] = set()
    for index, case in enumerate(written.cases):
        at = ("cases", index)
        if case.id in ids:
            yield document.problem((*at, "id"), "an earlier case has this id too", "rename one")
        ids.add(case.id)
        for where, what, fix in _misfits(case):
            yield document.problem((*at, *where), what, fix)
        for where, name, known in _references(case, policy):
            if name not in known:
                fix = nearest(name, known, f"known here: {', '.join(known) or 'none'}")
                yield document.problem((*at, *where), f"`{name}` is not known", fix)
        for number, part in enumerate(case.parts):
            if part.name in {each.name for each in case.parts[:number]}:
                what, fix = "an earlier part has this name too", "rename one"
                yield document.problem((*at, "parts", number, "name"), what, fix)
            if (part.of is None) != (part.method is None):
                what = "`of` and `method` stand together"
                yield document.problem((*at, "parts", number), what, "write both, or neither")
            if part.thinking and part.kind != "text":
                what = "a text is thought, and nothing else"
                yield document.problem((*at, "parts", number, "thinking"), what, "take it out")


def _misfits(case: Case) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """What does not fit together within a case: (where, what, fix)."""
    if case.request is None:
        if not case.parts:
            yield (), "says nothing that could be decided", "write `parts`, or a `request`"
        return
    for field in ("parts", "findings", "gaps"):
        if getattr(case, field):
            what = f"a `request` is inspected, so its `{field}` cannot be written"
            yield (field,), what, "write either `request` or `parts` with what was found"
    asked = case.request
    if not (asked.text or asked.picture or asked.tool_result):
        yield ("request",), "an empty request", "give it `text`, `picture` or `tool_result`"
    if case.stage is not Stage.REQUEST:
        yield ("stage",), "a `request` has the stage `request`", "take `stage` out"
    for field in ("dialect", "stream", "images_shown"):
        if field in case.model_fields_set:
            what = f"`{field}` stands with `parts`; a `request` is one of openai_chat, not streamed"
            yield (field,), what, "take it out"


def _references(
    case: Case, policy: Policy
) -> Iterator[tuple[tuple[str | int, ...], str, tuple[str, ...]]]:
    """Where the case names something, what it names, and what there is to name."""
    parts = tuple(part.name for part in case.parts)
    rules = _rules(policy, case.stage)
    for index, part in enumerate(case.parts):
        if part.of is not None:
            yield ("parts", index, "of"), part.of, parts[:index]
    for name in case.headers:
        yield ("headers", name), name, policy.written.headers
    for index, finding in enumerate(case.findings):
        yield ("findings", index, "part"), finding.part, parts
        yield ("findings", index, "label"), finding.label, LABELS
    for index, gap in enumerate(case.gaps):
        yield ("gaps", index, "part"), gap.part, parts
    for field, named in (("rules", case.expect.rules), ("shadow", case.expect.shadow)):
        for index, rule in enumerate(named):
            yield ("expect", field, index), rule, rules
    for index, edit in enumerate(case.expect.edits or ()):
        if edit.part is not None:
            yield ("expect", "edits", index, "part"), edit.part, parts


def _decided(case: Case, policy: Policy) -> tuple[Decision, Mapping[str, Part]]:
    parts = parts_of(case)
    exchange = exchange_of(case, parts.values())
    return policy.decide(exchange, inspection_of(case, parts), caller_of(case)), parts


def _outcome(
    path: Path, source: Path, case: Case, decision: Decision, parts: Mapping[str, Part]
) -> Outcome:
    expect = case.expect
    expected: dict[str, object] = {
        "action": str(expect.action),
        "rules": list(expect.rules),
        "shadow": list(expect.shadow),
    }
    decided: dict[str, object] = {
        "action": str(decision.action),
        "rules": list(decision.rules),
        "shadow": list(decision.shadow),
    }
    if expect.edits is not None and case.request is None:
        expected["edits"] = [(str(each.kind), each.part, each.spans) for each in expect.edits]
        decided["edits"] = _edits(decision, parts)
    elif expect.edits is not None:
        # The parts of a request have no names here, so its edits are compared by kind.
        expected["edits"] = [str(each.kind) for each in expect.edits]
        decided["edits"] = [str(each.kind) for each in decision.edits]
    rules = (*expect.rules, *expect.shadow)
    return Outcome(
        path=path, policy=source, case=case.id, rules=rules, expected=expected, decided=decided
    )


def _edits(decision: Decision, parts: Mapping[str, Part]) -> list[object]:
    names = {part.key: name for name, part in parts.items()}
    return [(str(each.kind), names.get(each.part or ""), each.spans) for each in decision.edits]
