"""An error of the model's server, inspected: it may repeat what it was asked.

What is a readable error passes on. What is none (a page of a server between, a redirect) becomes
the dialect's own, with the same status where that is one of an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import aclosing
from http import HTTPStatus
from typing import Final

from detectors.contract.exchange import Exchange, Message, Origin, Part, Role, Stage
from service.errors import RequestError, UpstreamFailed
from service.pipeline import examine
from service.pipeline.examine import UNMENDED, Examiner
from service.pipeline.trace import Trace
from service.policy.model import Action
from service.providers import strict_json
from service.providers.base import Provider
from service.providers.fields import loose_text, rest
from service.providers.strict_json import Json, pointer
from service.upstream import Answer

MOST: Final = 64 * 1024
"""Bytes of an error that are read. An error is a few sentences; some servers repeat the request."""
_ERRORS: Final = range(HTTPStatus.BAD_REQUEST, 600)
_SECONDS: Final = re.compile(r"[0-9]{1,9}")


async def read(answer: Answer) -> bytes:
    """What the model's server says, or a little more of it than may pass. Raises as it does."""
    said = b""
    async with aclosing(answer.chunks()) as chunks:
        async for chunk in chunks:
            said += chunk
            if len(said) > MOST:
                break
    return said


def examined(
    raw: bytes, answer: Answer, provider: Provider, examiner: Examiner, trace: Trace
) -> bytes:
    """The error that passes on, byte for byte.

    Raises:
        UpstreamFailed: it may not, or it is none.
    """
    body = _error(raw)
    if body is None or answer.status not in _ERRORS:
        raise _failed(answer, "and no error of its API that can be read")
    exchange = Exchange(
        dialect=provider.dialect,
        model=trace.model,
        stage=Stage.RESPONSE,
        messages=(Message(role=Role.ASSISTANT, parts=tuple(_parts(body))),),
        shown=trace.shown,
    )
    inspection, decision = examine.judge(exchange, examiner, trace)
    trace.keep(exchange, inspection, decision, examiner.policy.written, lambda: raw)
    trace.inspection(inspection)
    trace.decided(decision, Stage.RESPONSE)
    if decision.action is Action.REFUSE:
        raise _failed(answer, f"and words that are withheld: {decision.message or UNMENDED}")
    return raw


def _error(raw: bytes) -> Json:
    """The error as JSON: an object, or an array of one, as Gemini answers where it streams."""
    try:
        body = strict_json.parse(raw) if len(raw) <= MOST else None
    except RequestError:
        return None
    (only,) = body if isinstance(body, list) and len(body) == 1 else (body,)
    return body if isinstance(only, dict) else None


def _parts(body: Json) -> Iterator[Part]:
    """Each text of it, those of its ``error`` one by one."""
    (at, told) = ("/0", body[0]) if isinstance(body, list) else ("", body)
    for name, value in told.items() if isinstance(told, dict) else ():
        here = at + pointer(name)
        if name == "error" and isinstance(value, dict):
            yield from rest(value, here, Origin.MODEL, frozenset())
        else:
            yield from loose_text(value, here, Origin.MODEL)


def _failed(answer: Answer, what: str) -> UpstreamFailed:
    status = answer.status if answer.status in _ERRORS else HTTPStatus.BAD_GATEWAY
    error = UpstreamFailed(f"the model's server answered with status {answer.status} {what}")
    error.status = status
    wait = _SECONDS.fullmatch(dict(answer.headers).get("retry-after", ""))
    error.retry_after_s = int(wait.group()) if wait else None
    return error
