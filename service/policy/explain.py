"""Explains a decision: which conditions held, where, and by how much."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from detectors.contract.exchange import Exchange, Part
from detectors.contract.finding import Inspection
from service.policy.compile import numbers, words
from service.policy.condition import LIST, THRESHOLD, Condition, Language
from service.policy.engine import Policy, sampled
from service.policy.facts import Asked, Facts
from service.policy.model import NOBODY, Caller, Decision, Mode, PolicyFile, Rule, Scope
from service.policy.terms import Dissection, Term


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One evaluation of a rule: for a part, or for the exchange where ``part`` is None.

    ``held`` is None where the condition could not be evaluated, which counts as held.
    """

    part: Part | None
    held: bool | None
    term: Term


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A rule of the exchange's stage, and what became of it; ``drawn``: its sample took it."""

    rule: Rule
    looks: tuple[Look, ...]
    drawn: bool

    @property
    def held(self) -> bool:
        return any(look.held is not False for look in self.looks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A decision, and every rule that was looked at for it, in the policy's order."""

    exchange: Exchange
    inspection: Inspection
    decision: Decision
    rules: tuple[Explained, ...]


def explain(
    policy: Policy,
    exchange: Exchange,
    inspection: Inspection,
    caller: Caller = NOBODY,
    request: str = "",
) -> Explanation:
    """Decides as ``policy.decide`` does, and says why."""
    decision = policy.decide(exchange, inspection, caller, request)
    written = policy.written
    scopes = (scope for scope in written.select if scope.id == decision.scope)
    layer: PolicyFile | Scope = next(scopes, written)
    language = Language(numbers(layer), words(written), written.headers)
    compiled = [
        (rule, language.compile(rule.when, of_parts=rule.on is not None)) for rule in layer.rules
    ]
    asked = Asked(
        headers=written.headers,
        fail_open=written.fail_open,
        origin_scores=language.origin_scores,
    )
    facts = Facts(exchange, inspection, caller, asked)
    constants: dict[str, object] = {
        **{f"{THRESHOLD}{name}": value for name, value in numbers(layer).items()},
        **{f"{LIST}{name}": list(each) for name, each in words(written).items()},
    }
    return Explanation(
        exchange=exchange,
        inspection=inspection,
        decision=decision,
        rules=tuple(
            Explained(
                rule=rule,
                looks=tuple(_looks(rule, condition, facts, language, constants)),
                drawn=sampled(rule, request),
            )
            for rule, condition in compiled
            if rule.stage is exchange.stage
        ),
    )


def _looks(
    rule: Rule,
    condition: Condition,
    facts: Facts,
    language: Language,
    constants: dict[str, object],
) -> Iterator[Look]:
    parts: Sequence[Part | None] = [None]
    if rule.on is not None:
        parts = [part for part in facts.parts if facts.marks(part) & frozenset(rule.on)]
    for part in parts:
        values = facts.of_exchange() if part is None else facts.of_part(part)
        dissection = Dissection(language, values, constants, of_parts=part is not None)
        yield Look(
            part=part,
            held=condition.holds(language.values(values)),
            term=dissection.term(rule.when),
        )


def drawn(explanation: Explanation) -> str:
    """The explanation as a tree of text. It holds no payload."""
    exchange, decision = explanation.exchange, explanation.decision
    held = ", ".join((*decision.rules, *(f"{name} (shadow)" for name in decision.shadow)))
    head = [
        f"{decision.action} by {held}" if held else f"{decision.action}: no rule held",
        f"  {exchange.stage} in {exchange.dialect}, model {exchange.model or '-'}, "
        f"{explanation.inspection.coverage} parts inspected whole"
        + (f", scope {decision.scope}" if decision.scope else ""),
    ]
    gaps = explanation.inspection.coverage.gaps
    head += [f"  not inspected whole: {gap.part} ({gap.kind})" for gap in gaps]
    head += [f"  {edit.kind}: {edit.part or 'the request'}" for edit in decision.edits]
    return "\n".join([*head, *_branches([_of_rule(each) for each in explanation.rules])])


@dataclass(frozen=True, slots=True)
class _Branch:
    said: str
    branches: tuple[_Branch, ...] = ()


def _branches(branches: Sequence[_Branch], indent: str = "") -> Iterator[str]:
    for number, branch in enumerate(branches, start=1):
        last = number == len(branches)
        yield f"{indent}{'└─' if last else '├─'} {branch.said}"
        yield from _branches(branch.branches, indent + ("   " if last else "│  "))


def _of_rule(each: Explained) -> _Branch:
    rule = each.rule
    said = f"{rule.id}: {'held' if each.held else 'did not hold'}"
    if each.held:
        said += f", {rule.action}" + (" (shadow)" if rule.mode is Mode.SHADOW else "")
    if not each.drawn:
        said += ", and its sample leaves this request out"
    if not each.looks:
        return _Branch(said, (_Branch(f"no part is from {', '.join(rule.on or ())}"),))
    return _Branch(said, tuple(_of_look(look) for look in each.looks))


def _of_look(look: Look) -> _Branch:
    term = _of_term(look.term)
    if look.part is None:
        return term
    call = f", by {look.part.call}" if look.part.call is not None else ""
    place = f"{look.part.key} ({look.part.origin}{call})"
    return _Branch(f"{place}: {_word(look.held)}", (term,))


def _of_term(term: Term) -> _Branch:
    mark = {True: "✓", False: "✗", None: "?"}[term.held]
    text = " ".join(term.text.split())
    if term.terms:
        return _Branch(f"{mark} {term.how}", tuple(_of_term(each) for each in term.terms))
    apart = f", {term.margin:.4g} apart" if term.margin is not None else ""
    return _Branch(f"{mark} {text}" + (f"   [{term.how}{apart}]" if term.how else ""))


def _word(held: bool | None) -> str:  # noqa: FBT001 - three words for three outcomes
    return {True: "held", False: "did not hold", None: "could not be evaluated, so it held"}[held]
