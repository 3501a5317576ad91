"""``POST /beta/litellm_basic_guardrail_api``: LiteLLM's generic guardrail, called by its proxy.

LiteLLM sends the texts and pictures that it took from a call, and the call's messages as
``structured_messages``. The messages say whose words each are, and are what LiteLLM writes a change
back from, so they are what is inspected; what stands only in the lists is inspected beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from detectors.contract.exchange import Stage
from detectors.views.tool_call import strings
from service.errors import Malformed
from service.pipeline.consult import Consulted, Neighbour, Question
from service.pipeline.trace import Trace
from service.policy.engine import Policy
from service.policy.model import Action
from service.providers.fields import Object, as_list, as_object, as_text
from service.providers.strict_json import Json, pointer

MESSAGES: Final = "structured_messages"
UNTOLD: Final = "This could be made safe only by a change that cannot be told here."
_CONTENT: Final = "content"


class LiteLLM(Neighbour):
    """A request or an answer, as lists of texts, pictures and calls of tools."""

    dialect = "litellm"

    def questions(self, body: Json) -> Sequence[Question]:
        sent = as_object(body, "")
        if sent.get("input_type") == Stage.REQUEST.value:
            return [_request(sent)]
        if sent.get("input_type") == Stage.RESPONSE.value:
            return [_response(sent)]
        raise Malformed("`request` or `response` is expected", "/input_type")

    def reply(
        self, body: Json, consulted: Sequence[Consulted], trace: Trace, policy: Policy
    ) -> Json:
        del trace, policy
        (told,) = consulted
        decision = told.examined.decision
        if decision.action is Action.REFUSE:
            return {"action": "BLOCKED", "blocked_reason": decision.message}
        if told.examined.body == told.question.body:
            return {"action": "NONE"}
        return _intervened(as_object(body, ""), told)


def _request(sent: Object) -> Question:
    """The messages, and after them what stands in the lists alone."""
    messages = [*_listed(sent, MESSAGES)]
    asked: Object = {"model": sent.get("model") or "", "messages": messages}
    if sent.get("tools") is not None:
        asked["tools"] = sent["tools"]
    places = {"/messages": f"/{MESSAGES}"}
    known = set(strings(messages))
    listed = enumerate(_listed(sent, "tool_calls"))
    every = [as_object(call, pointer("tool_calls", at)) for at, call in listed]
    calls: list[Json] = [call for call in every if not set(strings(call)) <= known]
    if calls:
        places[pointer("messages", len(messages))] = ""
        messages.append({"role": "assistant", _CONTENT: None, "tool_calls": calls})
    parts = [(at, part) for at, part, held in _beside(sent) if held not in known]
    if parts or not messages:
        place = pointer("messages", len(messages))
        places[place] = ""
        places |= {f"{place}/{_CONTENT}/{i}": at for i, (at, _) in enumerate(parts)}
        messages.append({"role": "user", _CONTENT: [part for _, part in parts]})
    return Question(body=asked, places=places)


def _response(sent: Object) -> Question:
    """The texts, pictures and calls of tools of an answer, each as a choice of its own."""
    places: dict[str, str] = {}
    choices: list[Json] = []
    for at, part, _ in _beside(sent):
        places[f"/choices/{len(choices)}/message/{_CONTENT}/0"] = at
        choices.append({"message": {"role": "assistant", _CONTENT: [part]}})
    calls = _listed(sent, "tool_calls")
    if calls:
        places[f"/choices/{len(choices)}/message"] = ""
        choices.append({"message": {"role": "assistant", "tool_calls": calls}})
    body: Json = {"model": sent.get("model") or "", "choices": choices}
    return Question(body=body, stage=Stage.RESPONSE, places=places)


def _beside(sent: Object) -> Iterator[tuple[str, Object, str]]:
    """The lists' texts and pictures: where each stands, its part of a message, and its string."""
    for at, item in enumerate(_listed(sent, "texts")):
        here = pointer("texts", at)
        text = as_text(item, here)
        yield here, {"type": "text", "text": text}, text
    for at, item in enumerate(_listed(sent, "images")):
        here = pointer("images", at)
        url = as_text(item, here)
        yield here, {"type": "image_url", "image_url": {"url": url}}, url


def _listed(sent: Object, name: str) -> list[Json]:
    value = sent.get(name)
    return [] if value is None else as_list(value, f"/{name}")


def _intervened(sent: Object, told: Consulted) -> Object:
    """What is to be sent on instead: the messages, if there were any, and the lists.

    A picture that was taken out, or an instruction that was added, has no place in the lists.
    """
    before, after = _messages(told.question.body), _messages(told.examined.body)
    own = len(_listed(sent, MESSAGES))
    end = len(after) - len(before) + own
    old, new = list(_pictures(before)), list(_pictures(after))
    fits = len(old) == len(new) and (own > 0 or end == 0)
    if not fits and (own == 0 or after[end:] != before[own:]):
        return {"action": "BLOCKED", "blocked_reason": UNTOLD}
    answer: Object = {"action": "GUARDRAIL_INTERVENED", "texts": _listed(sent, "texts")}
    if fits:
        became = dict(zip(old, new, strict=True))
        images = [as_text(item, "/images") for item in _listed(sent, "images")]
        answer["images"] = [became.get(url, url) for url in images]
    if own:
        answer[MESSAGES] = after[:end]
    return answer


def _messages(body: Json) -> list[Json]:
    return as_list(as_object(body, "")["messages"], "/messages")


def _pictures(messages: Sequence[Json]) -> Iterator[str]:
    """The URLs of the messages' pictures, in order."""
    for message in messages:
        content = message.get(_CONTENT) if isinstance(message, dict) else None
        for part in content if isinstance(content, list) else []:
            source = part.get("image_url") if isinstance(part, dict) else None
            if isinstance(source, dict) and isinstance(source.get("url"), str):
                yield str(source["url"])
