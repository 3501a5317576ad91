"""An id of a call and a tool's name are a client's words: they are kept short, and print."""

from __future__ import annotations

import pytest

from detectors.contract.exchange import CallRef
from service.providers.calls import tool_call
from service.providers.openai_chat import OpenAIChat
from service.providers.strict_json import Json

TOLD: list[tuple[Json, Json, CallRef | None]] = [
    ("call_1", "look", CallRef(id="call_1", name="look")),
    ("functions.look:0|fc_1", None, CallRef(id="functions.look:0|fc_1")),
    (None, "look", CallRef(name="look")),
    ("i" * 97, "n" * 97, CallRef(id="i" * 96, name="n" * 96)),
    ("two words\n\x1b[2J", "n\u00f6\u202e", CallRef(id="two?words??[2J", name="n??")),
    (None, None, None),
    ("", "", None),
    (7, ["look"], None),
]


@pytest.mark.parametrize(("id_", "name", "call"), TOLD)
def test_what_is_kept_of_a_calls_id_and_a_tools_name(
    id_: Json, name: Json, call: CallRef | None
) -> None:
    assert tool_call(id_, name) == call


def test_an_id_that_is_used_again_means_the_call_before() -> None:
    messages: list[Json] = []
    for name in ("look", "read"):
        function: Json = {"name": name, "arguments": "{}"}
        called: Json = [{"id": "1", "type": "function", "function": function}]
        messages.append({"role": "assistant", "content": None, "tool_calls": called})
        messages.append({"role": "tool", "tool_call_id": "1", "content": f"by {name}"})
    parts = OpenAIChat().read({"model": "m", "messages": messages}).parts()
    assert [part.call.name for part in parts if part.call] == ["look", "look", "read", "read"]
