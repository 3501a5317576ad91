"""``POST /v1/moderations``, as OpenAI's: texts and pictures in, thirteen categories out.

The shapes are those of the official SDK's types. A category's score is the highest of the labels
that stand for it, and it holds where one of them reaches its threshold in the policy; where all of
them are needed, the lowest counts. The table is in ``docs/neighbours.md``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from detectors.contract.labels import HARM
from service.errors import Malformed
from service.pipeline.consult import Consulted, Neighbour, Question
from service.pipeline.trace import Trace
from service.policy.engine import Policy
from service.policy.model import Action, Decision
from service.providers.fields import Object, as_list, as_object, as_text
from service.providers.strict_json import Json, pointer

MOST_INPUTS: Final = 128  # each is an inspection of its own
THRESHOLD: Final = 0.5
"""Where the policy has no threshold for a hazard, and none for ``harm``."""
MODEL: Final = "glassgate"

CATEGORIES: Final[dict[str, tuple[str, ...]]] = {
    "harassment": ("hate",),
    "harassment/threatening": ("hate", "violent_crimes"),
    "hate": ("hate",),
    "hate/threatening": ("hate", "violent_crimes"),
    "illicit": ("non_violent_crimes", "violent_crimes", "indiscriminate_weapons"),
    "illicit/violent": ("violent_crimes", "indiscriminate_weapons"),
    "self-harm": ("suicide_self_harm",),
    "self-harm/intent": ("suicide_self_harm",),
    "self-harm/instructions": ("suicide_self_harm",),
    "sexual": ("sexual_content", "sex_related_crimes", "child_sexual_exploitation"),
    "sexual/minors": ("child_sexual_exploitation",),
    "violence": ("violent_crimes", "indiscriminate_weapons"),
    "violence/graphic": (),
}
"""The labels that stand for each category; where there are none, it never holds."""

TOGETHER: Final = frozenset({"harassment/threatening", "hate/threatening"})
"""Categories that need all of their labels: a threat is what both demeans and is violent."""

TEXT_ONLY: Final = frozenset(
    {
        "harassment",
        "harassment/threatening",
        "hate",
        "hate/threatening",
        "illicit",
        "illicit/violent",
        "sexual/minors",
    }
)
"""Categories that, by the SDK's types, apply to text alone: a picture's words count as that."""


class Moderations(Neighbour):
    """``input`` is a text, a list of texts with a result each, or the parts of one message."""

    dialect = "moderations"

    def questions(self, body: Json) -> Sequence[Question]:
        sent = as_object(body, "")
        model = as_text(sent.get("model", MODEL), "/model")
        given = sent.get("input")
        if isinstance(given, str):
            return [_question(model, given, "/input")]
        items = as_list(given, "/input")
        if not 0 < len(items) <= MOST_INPUTS:
            raise Malformed(f"from 1 to {MOST_INPUTS} inputs are expected", "/input")
        if isinstance(items[0], dict):
            parts: list[Json] = [
                as_object(item, pointer("input", at)) for at, item in enumerate(items)
            ]
            return [_question(model, parts, "/input")]
        texts = [as_text(item, pointer("input", at)) for at, item in enumerate(items)]
        return [_question(model, text, pointer("input", at)) for at, text in enumerate(texts)]

    def reply(
        self, body: Json, consulted: Sequence[Consulted], trace: Trace, policy: Policy
    ) -> Json:
        sent = as_object(body, "")
        return {
            "id": f"modr-{trace.id}",
            "model": sent.get("model", MODEL),
            "results": [_result(each, policy) for each in consulted],
        }


def _question(model: str, content: Json, at: str) -> Question:
    message: Json = {"role": "user", "content": content}
    body: Json = {"model": model, "messages": [message]}
    return Question(body=body, places={"/messages/0/content": at})


def _result(consulted: Consulted, policy: Policy) -> Object:
    """What OpenAI's would say of one input; what does not pass as it is counts as flagged."""
    decision = consulted.examined.decision
    given, least = consulted.examined.inspection.scores, _thresholds(policy, decision)
    reached = {
        label: given.get(label, 0.0) >= least.get(label, least.get(HARM, THRESHOLD))
        for labels in CATEGORIES.values()
        for label in labels
    }
    holds = {
        category: (all if category in TOGETHER else any)(reached[label] for label in labels)
        for category, labels in CATEGORIES.items()
    }
    types = _types(consulted.question)
    return {
        "flagged": any(holds.values()) or decision.action is not Action.FORWARD,
        "categories": {**holds},
        "category_scores": {
            category: (min if category in TOGETHER else max)(
                (given.get(label, 0.0) for label in labels), default=0.0
            )
            for category, labels in CATEGORIES.items()
        },
        "category_applied_input_types": {
            category: _applied(category, types) if labels else []
            for category, labels in CATEGORIES.items()
        },
    }


def _thresholds(policy: Policy, decision: Decision) -> Mapping[str, float]:
    """The thresholds of the scope that decided, or of the policy."""
    written = policy.written
    scopes = {scope.id: scope.thresholds for scope in written.select}
    found = scopes.get(decision.scope, written.thresholds)
    return {name: value for name, value in found.items() if isinstance(value, int | float)}


def _types(question: Question) -> list[str]:
    """``text`` and ``image``, as far as the input has them."""
    (message,) = as_list(as_object(question.body, "")["messages"], "/messages")
    content = as_object(message, "/messages/0")["content"]
    if not isinstance(content, list):
        return ["text"]
    kinds = {part.get("type") for part in content if isinstance(part, dict)}
    return [kind for kind, name in (("text", "text"), ("image", "image_url")) if name in kinds]


def _applied(category: str, types: Sequence[str]) -> list[Json]:
    return ["text"] if category in TEXT_ONLY else [*types]
