"""The text of a tool call's arguments, as the tool will read it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from detectors.contract.detector import SelfCheckError
from detectors.contract.exchange import Origin, Part, TextPart, ToolCallPart


class ToolCall:
    """Reveals the name and the decoded strings of the arguments; what is no JSON, as it stands."""

    name = "tool_call"
    version = "1"

    def applies(self, part: Part) -> bool:
        return isinstance(part, ToolCallPart)

    def reveal(self, part: Part) -> Sequence[Part]:
        if not isinstance(part, ToolCallPart):
            return ()
        text = "\n".join([part.name, *_words(part.arguments)]).strip()
        if not text:
            return ()
        return (
            TextPart(
                pointer=part.pointer,
                origin=part.origin,
                parent=part.key,
                method="tool_call",
                text=text,
            ),
        )

    def self_check(self) -> None:
        part = ToolCallPart(pointer="/0", origin=Origin.MODEL, name="f", arguments='{"a":["b"]}')
        shown = [text.text for text in self.reveal(part) if isinstance(text, TextPart)]
        if shown != ["f\na\nb"]:
            raise SelfCheckError("tool_call did not read a known call")


def _words(arguments: str) -> Iterator[str]:
    try:
        value: object = json.loads(arguments)
    except (ValueError, RecursionError):
        yield arguments
        return
    yield from strings(value)


def strings(value: object) -> Iterator[str]:
    """The keys and strings of a JSON value, in the order of the wire."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from strings(item)
