"""Runs the cases beside a policy: recorded inspections, and the decision expected of each.

What a case names and nothing else knows (a policy, a rule, a part, a label, a field, a file) is an
error, never a pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, TypedDict

from pydantic import Field

from detectors.contract.exchange import (
    DocumentPart,
    Exchange,
    ImagePart,
    Line,
    Message,
    OpaquePart,
    Origin,
    Part,
    Role,
    Stage,
    TextPart,
    ToolCallPart,
)
from detectors.contract.finding import Coverage, Finding, Gap, Inspection
from detectors.contract.labels import LABELS
from service.policy.document import Document, PolicyError, Problem
from service.policy.engine import Policy
from service.policy.load import load
from service.policy.model import KEBAB, Action, Decision, EditKind, Written
from service.policy.spelling import nearest

_BOX: Final = ((0.0, 0.0), (200.0, 0.0), (200.0, 16.0), (0.0, 16.0))


class _Place(TypedDict):
    """Where a part stands, whatever its kind."""

    pointer: str
    origin: Origin
    parent: str | None
    method: str | None


class CasePart(Written):
    """A part, under a name of its own; ``of`` names the part that it was derived from."""

    name: Annotated[str, Field(pattern=KEBAB)]
    kind: Literal["text", "image", "document", "tool_call", "opaque"]
    origin: Origin
    of: str | None = None
    method: str | None = None
    text: str = "some text"


class CaseFinding(Written):
    """What a check found in a part."""

    part: str
    label: str
    score: Annotated[float, Field(ge=0, le=1)]
    span: tuple[int, int] | None = None


class CaseGap(Written):
    """A part that was not inspected."""

    part: str
    kind: str


class CaseEdit(Written):
    """An edit that is expected."""

    kind: EditKind
    part: str | None = None
    spans: tuple[tuple[int, int], ...] = ()


class Expected(Written):
    """The decision that is expected; ``edits`` are compared only where they are written."""

    action: Action
    rules: tuple[str, ...]
    shadow: tuple[str, ...] = ()
    edits: tuple[CaseEdit, ...] | None = None


class Case(Written):
    """An exchange, as its inspection left it, and the decision expected."""

    id: Annotated[str, Field(pattern=KEBAB)]
    stage: Stage = Stage.REQUEST
    dialect: str = "openai_chat"
    model: str = "any"
    stream: bool = False
    parts: Annotated[tuple[CasePart, ...], Field(min_length=1)]
    findings: tuple[CaseFinding, ...] = ()
    gaps: tuple[CaseGap, ...] = ()
    expect: Expected


class CaseFile(Written):
    """Cases of one policy; ``policy`` is its path, from this file's folder."""

    policy: str
    cases: Annotated[tuple[Case, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one case came out: what was expected and what was decided, in comparable words."""

    path: Path
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


def run(path: Path) -> tuple[Outcome, ...]:
    """Runs the cases of one file. Raises ``PolicyError`` if it, or its policy, is wrong."""
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
    return tuple(_outcome(path, case, policy) for case in written.cases)


def uncovered(policy: Policy, outcomes: Iterable[Outcome]) -> tuple[str, ...]:
    """The ids of the policy's rules that none of these cases of it expects to match."""
    expected = {rule for outcome in outcomes for rule in outcome.rules}
    return tuple(rule.id for rule in policy.written.rules if rule.id not in expected)


def _unknown(document: Document, written: CaseFile, policy: Policy) -> Iterator[Problem]:
    ids: set[str] = set()
    for index, case in enumerate(written.cases):
        at = ("cases", index)
        if case.id in ids:
            yield document.problem((*at, "id"), "an earlier case has this id too", "rename one")
        ids.add(case.id)
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


def _references(
    case: Case, policy: Policy
) -> Iterator[tuple[tuple[str | int, ...], str, tuple[str, ...]]]:
    """Where the case names something, what it names, and what there is to name."""
    parts = tuple(part.name for part in case.parts)
    rules = tuple(rule.id for rule in policy.written.rules if rule.stage is case.stage)
    for index, part in enumerate(case.parts):
        if part.of is not None:
            yield ("parts", index, "of"), part.of, parts[:index]
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


def _outcome(path: Path, case: Case, policy: Policy) -> Outcome:
    parts: dict[str, Part] = {}
    for each in case.parts:
        parts[each.name] = _part(each, parts.get(each.of or ""))
    decision = policy.decide(_exchange(case, parts.values()), _inspection(case, parts))
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
    if expect.edits is not None:
        expected["edits"] = [(str(each.kind), each.part, each.spans) for each in expect.edits]
        decided["edits"] = _edits(decision, parts)
    rules = (*expect.rules, *expect.shadow)
    return Outcome(path=path, case=case.id, rules=rules, expected=expected, decided=decided)


def _edits(decision: Decision, parts: Mapping[str, Part]) -> list[object]:
    names = {part.key: name for name, part in parts.items()}
    return [(str(each.kind), names.get(each.part or ""), each.spans) for each in decision.edits]


def _exchange(case: Case, parts: Iterable[Part]) -> Exchange:
    role = Role.USER if case.stage is Stage.REQUEST else Role.ASSISTANT
    sent = tuple(part for part in parts if part.method is None)
    return Exchange(
        dialect=case.dialect,
        model=case.model,
        stage=case.stage,
        messages=(Message(role=role, parts=sent),),
        stream=case.stream,
    )


def _inspection(case: Case, parts: Mapping[str, Part]) -> Inspection:
    findings = tuple(
        Finding(
            label=each.label,
            score=each.score,
            part=parts[each.part].key,
            detector="case",
            span=each.span,
        )
        for each in case.findings
    )
    gaps = tuple(
        Gap(part=parts[each.part].key, kind=each.kind, reason="case") for each in case.gaps
    )
    seen = sum(part.method is None for part in parts.values())
    coverage = Coverage(seen=seen, inspected=max(0, seen - len(gaps)), gaps=gaps)
    return Inspection(parts=tuple(parts.values()), findings=findings, runs=(), coverage=coverage)


def _part(written: CasePart, source: Part | None) -> Part:
    place = _Place(
        pointer=source.pointer if source is not None else f"/{written.name}",
        origin=written.origin,
        parent=source.key if source is not None else None,
        method=written.method,
    )
    match written.kind:
        case "text":
            lines = _lines(written.text) if isinstance(source, ImagePart) else ()
            return TextPart(**place, text=written.text, lines=lines)
        case "image":
            return ImagePart(**place, data=b"", media_type="image/png")
        case "document":
            return DocumentPart(**place, data=b"", media_type="application/pdf")
        case "tool_call":
            return ToolCallPart(**place, name="tool", arguments=written.text)
        case "opaque":
            return OpaquePart(**place, kind="case", reason="case")


def _lines(text: str) -> tuple[Line, ...]:
    """The text's lines, one below the other, as if they had been read from a picture."""
    starts = [0]
    for line in text.splitlines()[:-1]:
        starts.append(starts[-1] + len(line) + 1)
    return tuple(
        Line(
            text=line,
            box=tuple((x, y + 20.0 * row) for x, y in _BOX),
            score=1.0,
            start=start,
        )
        for row, (line, start) in enumerate(zip(text.splitlines(), starts, strict=True))
    )
