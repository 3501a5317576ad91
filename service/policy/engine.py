"""Decides, purely: no clock, no I/O; the same input gives the same decision."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Final

from detectors.contract.exchange import Exchange, Part, Stage
from detectors.contract.finding import Finding, Inspection
from detectors.contract.labels import LABELS
from service.policy.condition import Condition, Language, Values
from service.policy.edits import (
    Annotate,
    AnswerEdit,
    BlurFaces,
    Downscale,
    DropImage,
    Edit,
    EditKind,
    Instruct,
    MaskText,
    Replace,
    StripLinks,
    WrittenEdit,
)
from service.policy.facts import Asked, Facts, score
from service.policy.fields import ENGLISH
from service.policy.model import NOBODY, Action, Caller, Decision, Mode, PolicyFile, Reason, Rule
from service.policy.tongue import language_of
from service.policy.variant import Variant

REFUSED: Final = "This request cannot be passed on: it holds something that cannot be taken out."
"""Said where a rewrite cannot be made and its rule has no message of its own."""
_OF_GAPS: Final = ("complete", "gaps")
_rank: Final = attrgetter("rank")


@dataclass(frozen=True, slots=True)
class _Match:
    """A rule that held, and what follows."""

    rule: Rule
    action: Action
    edits: tuple[Edit, ...]
    reasons: tuple[Reason, ...]


class Policy:
    """A policy in force: its compiled rules, and ``hash``, which names its content.

    ``written`` is the resolved policy: what all its files say together.
    """

    def __init__(self, written: PolicyFile, variants: Sequence[Variant], digest: str) -> None:
        """Made by ``service.policy.load.load``; ``variants`` are the policy's, then its scopes'."""
        self.written = written
        self.hash = digest
        self._base, *self._scopes = variants

    def decide(
        self,
        exchange: Exchange,
        inspection: Inspection,
        caller: Caller = NOBODY,
        request: str = "",
    ) -> Decision:
        """What is to be done with the exchange, given what its inspection found.

        ``request`` is the request's id, by which rules with a ``sample`` choose it; without one,
        every rule is held against it.
        """
        written = self.written
        scopes = (each for each in self._scopes if each.matches(caller, exchange.model))
        variant = next(scopes, self._base)
        asked = Asked(
            headers=written.headers,
            fail_open=written.fail_open,
            origin_scores=variant.language.origin_scores,
        )
        facts = Facts(exchange, inspection, caller, asked)
        trial = _Trial(facts, variant.language)
        matches = [
            match
            for match in trial.matches(variant, exchange.stage)
            if sampled(match.rule, request)
        ]
        acting = [match for match in matches if match.rule.mode is Mode.ENFORCE]
        strictest = max(acting, key=attrgetter("action.strictness"), default=None)
        action = Action.FORWARD if strictest is None else strictest.action
        message = "" if strictest is None else _said(strictest.rule, exchange)
        edits = (edit for match in acting for edit in match.edits)
        return Decision(
            action=action,
            policy=self.hash,
            rules=tuple(each.rule.id for each in acting),
            shadow=tuple(each.rule.id for each in matches if each.rule.mode is Mode.SHADOW),
            edits=trial.merged(edits) if action is Action.REWRITE else (),
            message=self._signed(message or (REFUSED if action is Action.REFUSE else "")),
            refusal=written.refusal,
            reasons=tuple(reason for match in matches for reason in match.reasons),
            scope=variant.name,
            opened=facts.opened,
            severity=max((each.rule.severity for each in matches), key=_rank, default=None),
            tags=tuple(dict.fromkeys(tag for each in matches for tag in each.rule.tags)),
        )

    def _signed(self, message: str) -> str:
        """The message, and under it whom to ask."""
        contact = self.written.contact
        return f"{message}\n\n{contact}" if message and contact else message


def sampled(rule: Rule, request: str) -> bool:
    """Whether the rule is held against this request: by a hash of both names, for ever the same."""
    if rule.sample >= 1.0 or not request:
        return True
    return drawn(rule.id, request) < rule.sample


def drawn(name: str, request: str) -> float:
    """A number from 0 to below 1, drawn by a hash of both: for ever the same."""
    digest = hashlib.sha256(f"{name}\0{request}".encode()).digest()[:8]
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def _said(rule: Rule, exchange: Exchange) -> str:
    """The rule's message, in the language of the exchange if it is written in that."""
    message = rule.message
    if isinstance(message, dict):
        texts = {str(name): text for name, text in message.items()}
        return texts.get(language_of(exchange), texts[ENGLISH])
    return message or ""


class _Trial:
    """One exchange, against which rules are held."""

    def __init__(self, facts: Facts, language: Language) -> None:
        self._facts = facts
        self._language = language
        self._marks = [(part, facts.marks(part)) for part in facts.parts]
        self._values: dict[str | None, Values] = {}

    def matches(self, variant: Variant, stage: Stage) -> Iterator[_Match]:
        """Each rule that holds, in the file's order, and what follows."""
        held: dict[int, list[tuple[Part | None, bool | None]]] = {}
        for group in variant.groups(stage):
            for part in self._places(group.on):
                if not group.may_hold(self._facts.scores(part)):
                    continue
                outcomes = group.together.hold(self._of(part))
                for number, outcome in zip(group.numbers, outcomes, strict=True):
                    if outcome is not False:
                        held.setdefault(number, []).append((part, outcome))
        for number in sorted(held):
            yield self._match(*variant.rules[number], held[number])

    def _match(
        self, rule: Rule, condition: Condition, held: Sequence[tuple[Part | None, bool | None]]
    ) -> _Match:
        """A condition that cannot be evaluated counts as held."""
        reasons: list[Reason] = []
        for part, outcome in held:
            reasons += self._reasons(rule.id, condition, part, failed=outcome is None)
        if not rule.edits:
            return _Match(rule, rule.action, (), tuple(reasons))
        made = [self._edits(edit, part, condition) for part, _ in held for edit in rule.edits]
        return _Match(
            rule=rule,
            action=Action.REFUSE if None in made else rule.action,
            edits=tuple(edit for each in made for edit in each or ()),
            reasons=tuple(reasons),
        )

    def merged(self, edits: Iterable[Edit]) -> tuple[Edit, ...]:
        """The edits without repeats: one mask for a text, and none in a picture that is dropped."""
        once = tuple(dict.fromkeys(edits))
        dropped = {edit.part for edit in once if edit.kind is EditKind.DROP_IMAGE}
        spans: dict[Edit, list[tuple[tuple[int, int], ...]]] = {}
        for edit in once:
            dropping = edit.kind is EditKind.DROP_IMAGE
            if dropping or self._facts.picture_key(edit.part) not in dropped:
                spans.setdefault(replace(edit, spans=()), []).append(edit.spans)
        return tuple(replace(edit, spans=_union(each)) for edit, each in spans.items())

    def _places(self, on: frozenset[str] | None) -> Sequence[Part | None]:
        """What rules are evaluated for: each part that ``on`` selects, or the exchange."""
        return [None] if on is None else [part for part, marks in self._marks if marks & on]

    def _of(self, part: Part | None) -> Values:
        key = part.key if part is not None else None
        if key not in self._values:
            facts = self._facts
            values = facts.of_exchange() if part is None else facts.of_part(part)
            self._values[key] = self._language.values(values)
        return self._values[key]

    def _reasons(
        self, rule: str, condition: Condition, part: Part | None, *, failed: bool
    ) -> list[Reason]:
        facts = self._facts
        found: list[tuple[str | None, str | None, float | None]] = []
        for label in condition.labels:
            highest = facts.highest(label, part)
            if highest is not None:
                found.append((highest[0], label, highest[1]))
        if not condition.names.isdisjoint(_OF_GAPS):
            found += [(gap.part, None, None) for gap in facts.gaps]
        return [
            Reason(
                rule=rule,
                part=where,
                label=label,
                score=each,
                failed=failed,
                call=facts.call(where),
            )
            for where, label, each in found or [(part.key if part else None, None, None)]
        ]

    def _edits(
        self, edit: WrittenEdit, part: Part | None, condition: Condition
    ) -> Sequence[Edit] | None:
        """The edits for the part that matched; None if they cannot be made there."""
        if isinstance(edit, Instruct):
            return [Edit(kind=EditKind.INSTRUCT, text=edit.text)]
        if isinstance(edit, AnswerEdit):
            return self._of_answer(edit, part, condition)
        edited = self._edited(edit, part)
        of_lines = isinstance(edit, MaskText | Annotate) and edited == [part]
        spans = self._spans(part, condition) if of_lines and part is not None else ()
        longest = edit.longest if isinstance(edit, Downscale) else 0
        made = (
            Edit(kind=EditKind(edit.kind), part=each.key, spans=spans, longest=longest)
            for each in edited or ()
        )
        return list(made) if edited is not None else None

    def _of_answer(
        self, edit: AnswerEdit, part: Part | None, condition: Condition
    ) -> Sequence[Edit] | None:
        """The edits of an answer's texts; links are taken out only where they are known.

        What was decoded from a text is not edited, but replaced with it: where it still offends
        once the text was edited, the answer is refused.
        """
        texts = self._facts.own_texts(part)
        if texts is not None and part not in {None, *texts} and not isinstance(edit, Replace):
            return []
        kind, text = EditKind(edit.kind), edit.text if isinstance(edit, Replace) else ""
        placed = not isinstance(edit, Replace)
        made = [
            Edit(kind=kind, part=each.key, text=text, spans=self._spans(each, condition) * placed)
            for each in texts or ()
        ]
        unknown = isinstance(edit, StripLinks) and not all(each.spans for each in made)
        return None if texts is None or unknown else made

    def _edited(
        self, edit: MaskText | BlurFaces | DropImage | Downscale | Annotate, part: Part | None
    ) -> Sequence[Part] | None:
        """The pictures, or what was read from them, that are edited; None if that cannot be."""
        if isinstance(edit, BlurFaces):
            return self._facts.faces(part)
        if isinstance(edit, Downscale):
            return self._facts.pictures(part)
        if part is None:
            return None
        drop, facts = isinstance(edit, DropImage), self._facts
        found: Part | None = facts.picture(part) if drop else facts.text_in_picture(part)
        return [found] if found is not None else None

    def _spans(self, part: Part, condition: Condition) -> tuple[tuple[int, int], ...]:
        """Where the part offends: the findings for which the condition would hold alone.

        If it would for none (it asks for two labels at once), those of all labels that it names.
        """
        named = [each for each in self._facts.findings(part) if each.label in condition.labels]
        bare = {**self._facts.of_part(part), **dict.fromkeys(LABELS, 0.0)}
        alone = [each for each in named if self._holds_alone(each, bare, condition)]
        return tuple(sorted({each.span for each in alone or named if each.span is not None}))

    def _holds_alone(
        self, finding: Finding, bare: Mapping[str, object], condition: Condition
    ) -> bool:
        return (
            condition.holds(self._language.values({**bare, finding.label: score(finding)})) is True
        )


def _union(masks: Sequence[tuple[tuple[int, int], ...]]) -> tuple[tuple[int, int], ...]:
    """All spans together; none, which means all lines, if one mask has none."""
    return tuple(sorted({span for mask in masks for span in mask})) if all(masks) else ()
