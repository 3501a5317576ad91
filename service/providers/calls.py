"""Which call of a tool brought a part: by its id, and by the tool's name.

A dialect tells the name, the id, or both; where it tells the id alone, the call itself, which the
same exchange holds, has the name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from detectors.contract.exchange import CallRef, Exchange, Message, Part, ToolCallPart
from service.providers.strict_json import Json

LONGEST: Final = 96
"""Characters of an id or a name that are kept: as many as a word of the audit store has."""

_UNPRINTED: Final = re.compile(r"[^!-~]")


def tool_call(id: Json, name: Json) -> CallRef | None:  # noqa: A002 - as the wire says
    """The call with this id, of the tool with this name; None where neither is told."""
    call = CallRef(id=_short(id), name=_short(name))
    return call if call.id or call.name else None


def brought(parts: Iterable[Part], call: CallRef | None) -> Iterator[Part]:
    """The parts, as what the call brought."""
    for part in parts:
        yield part if call is None or part.call is not None else replace(part, call=call)


def named(exchange: Exchange) -> Exchange:
    """The exchange with the tool's name where only the id of a call before it is told."""
    names: dict[str, str] = {}
    messages: list[Message] = []
    for message in exchange.messages:
        calls = (part.call for part in message.parts if isinstance(part, ToolCallPart))
        names |= {call.id: call.name for call in calls if call is not None}
        parts = tuple(_named(part, names) for part in message.parts)
        messages.append(replace(message, parts=parts))
    return replace(exchange, messages=tuple(messages))


def _named(part: Part, names: Mapping[str, str]) -> Part:
    call = part.call
    if call is None or call.name or call.id not in names:
        return part
    return replace(part, call=replace(call, name=names[call.id]))


def _short(told: Json) -> str:
    """A client's string, cut to its bound; what does not print, or is a space, as a ``?``."""
    return _UNPRINTED.sub("?", told[:LONGEST]) if isinstance(told, str) else ""
