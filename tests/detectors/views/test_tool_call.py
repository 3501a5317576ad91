from __future__ import annotations

import pytest

from detectors.contract.detector import SelfCheckError
from detectors.contract.exchange import Origin, TextPart, ToolCallPart
from detectors.views.tool_call import ToolCall

CALLS = {
    "strings at any depth": (
        '{"to":"ann","cc":[{"name":"bo"}],"n":1}',
        "mail\nto\nann\ncc\nname\nbo\nn",
    ),
    "escapes are decoded": ('{"a":"b\\u0061d"}', "mail\na\nbad"),
    "no JSON stays as it is": ("rm -rf {", "mail\nrm -rf {"),
    "nested beyond reading": ("[" * 100_000, "mail\n" + "[" * 100_000),
    "nothing": ("", "mail"),
}


@pytest.mark.parametrize("case", CALLS)
def test_the_words_of_a_call_are_shown(case: str) -> None:
    arguments, words = CALLS[case]
    part = ToolCallPart(pointer="/c", origin=Origin.MODEL, name="mail", arguments=arguments)
    (shown,) = ToolCall().reveal(part)
    assert isinstance(shown, TextPart)
    assert (shown.text, shown.origin, shown.key) == (words, Origin.MODEL, "/c#tool_call")


def test_it_notices_when_its_known_answer_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    ToolCall().self_check()
    monkeypatch.setattr(ToolCall, "reveal", lambda *_: ())
    with pytest.raises(SelfCheckError):
        ToolCall().self_check()
