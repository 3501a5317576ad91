"""``POST /v1/guard``: a chat's request, and its answer if there is one, inspected and decided.

What comes out is what ``glassgate check`` prints. The caller is told of its own payload only: words
and pictures that were fetched for it stay here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Final

from detectors.contract.exchange import Stage, TextPart
from detectors.views.join import JOINED
from service.errors import Malformed
from service.pipeline.consult import Consulted, Neighbour, Question
from service.pipeline.trace import Trace
from service.policy.engine import Policy
from service.policy.model import Action
from service.providers.fields import Object, as_object
from service.providers.strict_json import Json

ANSWER: Final = "answer"
_SPOKEN: Final = "/choices/0/message/content"


class Guard(Neighbour):
    """The form of OpenAI's chat, with ``answer``: a text, or a whole chat completion."""

    dialect = "guard"

    def questions(self, body: Json) -> Sequence[Question]:
        sent = as_object(body, "")
        asked = {name: value for name, value in sent.items() if name != ANSWER}
        questions = [Question(body={"model": "", **asked})]
        answer = sent.get(ANSWER)
        if isinstance(answer, str):
            said: Json = {"message": {"role": "assistant", "content": answer}}
            places = {_SPOKEN: f"/{ANSWER}"}
            questions.append(
                Question(body={"choices": [said]}, stage=Stage.RESPONSE, places=places)
            )
        elif isinstance(answer, dict):
            places = {"": f"/{ANSWER}"}
            questions.append(Question(body=answer, stage=Stage.RESPONSE, places=places))
        elif answer is not None:
            raise Malformed("a text or a chat completion is expected", f"/{ANSWER}")
        return questions

    def reply(
        self, body: Json, consulted: Sequence[Consulted], trace: Trace, policy: Policy
    ) -> Json:
        del body, policy
        asked, *answered = (_verdict(each) for each in consulted)
        ms: Json = {verb: round(ms, 3) for verb, ms in trace.ms.items()}
        answer: Json = answered[0] if answered else None
        return {"id": trace.id, "action": trace.action, **asked, ANSWER: answer, "ms": ms}


def _verdict(consulted: Consulted) -> Object:
    """What was decided and found; places are pointers into what the caller sent."""
    examined, question = consulted.examined, consulted.question
    decision, inspection = examined.decision, examined.inspection
    coverage = inspection.coverage
    calls = {part.key: asdict(part.call) for part in inspection.parts if part.call is not None}
    own: list[Json] = [
        {
            "part": question.place(part.key),
            "origin": part.origin.value,
            "method": part.method,
            "text": part.text,
        }
        for part in inspection.parts
        if isinstance(part, TextPart) and _own(part, consulted.linked)
    ]
    verdict: Object = {
        "decision": decision.told,
        "scores": {**inspection.scores},
        "findings": [_brought(asdict(each), question, calls) for each in inspection.findings],
        "runs": [_placed(asdict(each), question) for each in inspection.runs],
        "coverage": {
            "seen": coverage.seen,
            "inspected": coverage.inspected,
            "gaps": [_brought(asdict(each), question, calls) for each in coverage.gaps],
            "complete": coverage.complete,
        },
        "texts": own,
    }
    if decision.action is Action.REWRITE and not consulted.linked:
        verdict["request"] = examined.body
    return verdict


def _own(part: TextPart, linked: frozenset[str]) -> bool:
    """Whether all of its words were sent; what is joined may hold those of a linked picture."""
    return part.pointer not in linked and not (linked and f"#{JOINED}" in part.key)


def _brought(row: Object, question: Question, calls: Mapping[str, Object]) -> Object:
    """A finding or a gap, with the call of a tool that brought its part if one did."""
    call = calls.get(str(row["part"]))
    return {**_placed(row, question), **({"call": call} if call is not None else {})}


def _placed(row: Object, question: Question) -> Object:
    """A finding, a run or a gap, with its part as the caller knows it."""
    return {**row, "part": question.place(str(row["part"]))}
