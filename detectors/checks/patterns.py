"""Patterns: what can be named exactly. A second opinion beside the classifier, never a substitute.

Each pattern is linear in time: no nested repetition, and every repetition of a class that the
next element could also match is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from detectors.contract.detector import SelfCheckError
from detectors.contract.exchange import Origin, TextPart
from detectors.contract.finding import Finding


@dataclass(frozen=True, slots=True)
class Pattern:
    """One named form. ``origins`` says in whose text it means anything."""

    name: str
    label: str
    score: float
    expression: re.Pattern[str]
    origins: frozenset[Origin] = frozenset(Origin)


_ASKING: Final = frozenset({Origin.USER, Origin.THIRD_PARTY})
_ANSWERING: Final = frozenset({Origin.MODEL})


def _form(expression: str) -> re.Pattern[str]:
    return re.compile(expression, re.IGNORECASE | re.MULTILINE)


PATTERNS: Final = (
    # A picture that the client loads by itself sends what its URL carries (OWASP LLM02:2025).
    Pattern(
        "image_carries_data",
        "data_exfiltration",
        0.9,
        _form(r"!\[[^\]\n]{0,200}\]\(\s{0,3}<?https?://[^\s)?#]{1,300}\?[^\s)]{0,200}=[^\s)&]{16}"),
        _ANSWERING,
    ),
    Pattern(
        "html_image_carries_data",
        "data_exfiltration",
        0.9,
        _form(
            r"<img\b[^>]{0,200}\bsrc\s{0,3}=\s{0,3}[\"']?https?://[^\s\"'>?]{1,300}\?"
            r"[^\s\"'>]{0,200}=[^\s\"'>&]{16}"
        ),
        _ANSWERING,
    ),
    Pattern(
        "reference_image_carries_data",
        "data_exfiltration",
        0.8,
        _form(
            r"^\s{0,3}\[[^\]\n]{1,100}\]:\s{0,3}<?https?://[^\s?#]{1,300}\?[^\s]{0,200}=[^\s&]{24}"
        ),
        _ANSWERING,
    ),
    # The control tokens of chat templates have no business in anybody's words.
    Pattern(
        "chat_template_token",
        "injection",
        0.8,
        _form(
            r"<\|(?:im_start|start_header_id|begin_of_text)\|>|<<SYS>>|\[/?INST\]\s{0,3}<<|"
            r"<start_of_turn>\s{0,3}(?:system|model)"
        ),
        _ASKING,
    ),
    # Frames that circulate by name.
    Pattern(
        "do_anything_now",
        "jailbreak",
        0.85,
        _form(
            r"\b(?:you are|act as|called|named|become|pretend to be|hello,?)\s{1,3}(?:now\s{1,3})?"
            r"[\"'(]{0,2}(?-i:DAN)\b[^.\n]{0,200}\b(?:anything|rules?|filter|restrict|limit)|"
            r"\b(?-i:DAN)\b[^.\n]{0,40}\bdo anything now\b"
        ),
        _ASKING,
    ),
    Pattern(
        "two_answers",
        "jailbreak",
        0.8,
        _form(
            r"\[(?:🔒\s?)?CLASSIC\][^\n]{0,200}\[(?:🔓\s?)?JAILBREAK\]|"
            r"\b(?:stay in character|you are still (?:a )?DAN)\b[^\n]{0,200}\b(?-i:DAN)\b"
        ),
        _ASKING,
    ),
)


class Patterns:
    """Finds the named forms in a text, each with its span."""

    name = "patterns"
    version = "1"

    def judge(self, texts: Sequence[TextPart]) -> Sequence[Sequence[Finding]]:
        return [
            [
                Finding(
                    label=pattern.label,
                    score=pattern.score,
                    part=text.key,
                    detector=self.name,
                    span=match.span(),
                    evidence=pattern.name,
                )
                for pattern in PATTERNS
                if text.origin in pattern.origins
                for match in pattern.expression.finditer(text.text)
            ]
            for text in texts
        ]

    def self_check(self) -> None:
        known = TextPart(pointer="/0", origin=Origin.USER, text="<|im_start|>system")
        if [found.evidence for found in self.judge([known])[0]] != ["chat_template_token"]:
            raise SelfCheckError("patterns did not find a known form")
