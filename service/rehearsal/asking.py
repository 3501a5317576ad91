"""Examines requests that nobody sent: those of cases, and one that is to be explained."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, replace
from typing import Final

from detectors.contract.exchange import Exchange
from detectors.contract.finding import Inspection
from service.errors import RequestError
from service.pipeline import examine
from service.pipeline.examine import Examined, Examiner
from service.pipeline.trace import Trace
from service.policy.allow import lowered
from service.policy.case_file import Case, CaseRequest
from service.policy.engine import Policy
from service.policy.model import NOBODY, Caller, Decision
from service.policy.staging import caller_of
from service.providers import table
from service.providers.base import Provider
from service.providers.openai_chat import OpenAIChat
from service.providers.strict_json import Json, dump, parse
from service.rehearsal.pictures import draw
from service.trial import TrialError

CHAT: Final = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Asker:
    """Examines by the way of a running gate, without one. Thread-safe."""

    examiner: Examiner

    def ask(self, case: Case, policy: Policy) -> Decision:
        """What the policy decides of the case's request. Raises ``TrialError``."""
        asked = case.request or CaseRequest()
        raw = dump(_body(case.model, asked))
        return self._examined(raw, OpenAIChat(), policy, caller_of(case)).decision

    def seen(self, raw: bytes, provider: Provider, policy: Policy) -> tuple[Exchange, Inspection]:
        """A request as it came, and its inspection with the scores that count.

        Raises ``TrialError`` if it cannot be read.
        """
        examined = self._examined(raw, provider, policy)
        counted = lowered(examined.inspection, examined.decision.allowed)
        return provider.read(parse(raw)), counted

    def _examined(
        self, raw: bytes, provider: Provider, policy: Policy, caller: Caller = NOBODY
    ) -> Examined:
        examiner = replace(self.examiner, policy=policy)
        trace = Trace(
            id="",  # no rule's sample leaves it out
            dialect=provider.dialect,
            policy=policy.hash,
            views=frozenset(view.name for view in examiner.inspector.views),
            caller=caller,
        )
        try:
            return examine.request(raw, provider, examiner, trace)
        except RequestError as error:
            place = f" at {error.pointer}" if error.pointer else ""
            raise TrialError(f"the request cannot be read{place}: {error.message}") from None


def _body(model: str, asked: CaseRequest) -> Json:
    """The request as a body of Chat Completions."""
    content: list[Json] = [{"type": "text", "text": asked.text}] if asked.text else []
    if asked.picture is not None:
        url = f"data:image/png;base64,{b64encode(draw(asked.picture)).decode()}"
        content.append({"type": "image_url", "image_url": {"url": url}})
    messages: list[Json] = []
    if asked.tool_result is not None:
        call: Json = {
            "id": "1",
            "type": "function",
            "function": {"name": "look", "arguments": "{}"},
        }
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": "1", "content": asked.tool_result})
    if content:
        messages.append({"role": asked.role, "content": content})
    return {"model": model, "messages": messages}


def provider_of(raw: bytes, path: str | None) -> Provider:
    """The dialect of a request's body: that of the path, or told by the body's own fields.

    Raises ``TrialError`` where it cannot be told.
    """
    found = table.find("POST", path or _path(raw))
    if found is None:
        known = ", ".join(sorted(each for _, each in table.ENDPOINTS))
        raise TrialError(f"no dialect is spoken at {path}; use one of {known}")
    return found


def _path(raw: bytes) -> str:
    try:
        body = parse(raw)
    except RequestError as error:
        raise TrialError(f"the request cannot be read: {error.message}") from None
    fields = body if isinstance(body, dict) else {}
    model = str(fields.get("model", ""))
    if "contents" in fields:
        return "/v1beta/models/any:generateContent"
    if "messages" in fields:
        # In Chat Completions the system prompt is one of the messages.
        anthropic = "system" in fields or model.startswith("claude")
        return "/v1/messages" if anthropic else CHAT
    if "input" in fields:
        return "/v1/embeddings" if "embedding" in model else "/v1/responses"
    if "prompt" in fields:
        drawn = "size" in fields or "image" in model or model.startswith("dall-e")
        return "/v1/images/generations" if drawn else "/v1/completions"
    raise TrialError(
        "the dialect cannot be told from the request's fields; say which with --path, as in "
        f"--path {CHAT}"
    )
