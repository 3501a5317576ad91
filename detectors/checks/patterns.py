"""Patterns: what can be named exactly. A second opinion beside the classifier, never a substitute.

Each pattern is linear in time: no nested repetition, and every repetition of a class that the
next element could also match is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
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


_DEGREES: Final = (
    r"\d{1,3}(?:\.\d{2,10}\s{0,2}°?|(?:\.\d)?\s{0,2}°\s{0,2}(?:\d{1,2}(?:\.\d{1,4})?\s{0,2}['′’]\s{0,2}"
    r"(?:\d{1,2}(?:\.\d{1,6})?\s{0,2}[\"″”])?)?)"
)
_DECIMAL: Final = r"-?\d{1,3}\.\d{3,15}"
_BETWEEN: Final = r"[\s,;/|]{1,5}"
_STREETS: Final = (
    "Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Boulevard|Blvd|Court|Crescent|Square|Terrace|"
    "Highway|Parkway|Close|Mews"
)
"""What follows the name of a street in English."""
_STREET_OF: Final = (
    r"(?:[Rr]ue|[Aa]venue|[Bb]oulevard|[Pp]lace|[Qq]uai|[Cc]hemin|[Cc]alle|[Aa]venida|[Pp]aseo|"
    r"[Pp]laza|[Cc]arrera|Via|Viale|[Pp]iazza|Corso|[Rr]ua|[Tt]ravessa|[Pp]raça)\s"
    r"(?:(?:de|du|des|la|le|les|del|los|las|da|do|dos|d['’])\s?){0,3}[A-ZÀ-Ý]"
)
"""What stands before it in French, Spanish, Italian and Portuguese."""
_CAPITAL: Final = r"[A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĒĘĚĞĢĪĮİĶĹŁŃŅŇŌŐŘŚŞŠŢŤŪŮŰŹŻŽА-ЯЁΑ-Ω](?:\.|[\w'’-]{1,30})"
_PARTICLES: Final = "d[aeiou]s?|del|dell[ao]|van|von|de[nr]|te[nr]?|bin|ibn|al|el|l[ae]|y|zu|af|of"

MOST: Final = 1000
"""Findings of one pattern in one text; no rule needs more to decide."""

PATTERNS: Final = (
    # Where something is, to the house or the metre (the finest of GPTGeoChat's levels).
    Pattern(
        "degrees",
        "location_coordinates",
        0.9,
        _form(
            rf"{_DEGREES}\s{{0,2}}[NS](?![A-Za-zÀ-ÿ]){_BETWEEN}{_DEGREES}\s{{0,2}}[EWO](?![A-Za-zÀ-ÿ])|"
            rf"\b[NS]\s{{0,2}}{_DEGREES}{_BETWEEN}\b[EWO]\s{{0,2}}{_DEGREES}"
        ),
        _ANSWERING,
    ),
    Pattern(
        "decimal_coordinates",
        "location_coordinates",
        0.9,
        _form(
            r"(?:\b(?:coordinates|co-ordinates|gps|lat|latitude|koordinaten|coordonnées|coordenadas|"
            r"breitengrad)\b[^\d\n-]{0,30}|\bgeo:|/@|[?&](?:q|ll|query)=)"
            rf"{_DECIMAL}(?:°|\b)[^\d\n-]{{1,30}}{_DECIMAL}"
        ),
        _ANSWERING,
    ),
    Pattern(
        "pair_of_decimals",
        "location_coordinates",
        0.6,
        _form(rf"(?<![\d.]){_DECIMAL}\d°?,\s{{0,2}}{_DECIMAL}\d(?!\d|\.\d)"),
        _ANSWERING,
    ),
    Pattern(
        "plus_code",
        "location_coordinates",
        0.9,
        _form(
            r"(?<![\w+])(?-i:[23456789C][23456789CFGHJMPQRV][23456789CFGHJMPQRVWX]{6}"
            r"\+[23456789CFGHJMPQRVWX]{2,3})(?!\w)"
        ),
        _ANSWERING,
    ),
    Pattern(
        "house_number_first",
        "location_address",
        0.8,
        _form(
            rf"\b\d{{1,5}}[a-z]?,?\s(?-i:(?:[A-Z0-9][\w'’.-]{{0,20}}[ ]){{1,4}}(?:{_STREETS})\b|"
            rf"{_STREET_OF})"
        ),
        _ANSWERING,
    ),
    Pattern(
        "house_number_last",
        "location_address",
        0.8,
        _form(
            r"(?-i:\b(?:[A-ZÄÖÜ]\w{1,30}(?:stra(?:ß|ss)e|str\.|weg|gasse|allee|platz|laan|straat|gatan)|"
            rf"(?:Unter den|Am|An der|Im)\s[A-ZÄÖÜ]\w{{2,20}})|\b{_STREET_OF}\w{{1,20}}"
            r"(?:[ ][A-ZÀ-Ý]\w{1,20}){0,3},?)\s(?:n[.º°]{1,2}\s?)?\d{1,5}\s?[a-z]?\b"
        ),
        _ANSWERING,
    ),
    # What looks like somebody's name and surname, in scripts that have capitals. So do others of
    # two words (Golden Gate), which is why it means little alone.
    Pattern(
        "full_name",
        "person_name",
        0.6,
        re.compile(
            rf"(?<![\w'’-]){_CAPITAL}(?:[ ](?:(?:{_PARTICLES})[ ]){{0,2}}{_CAPITAL}){{1,4}}"
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
    version = "4"

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
                for match in islice(pattern.expression.finditer(text.text), MOST)
            ]
            for text in texts
        ]

    def self_check(self) -> None:
        known = TextPart(pointer="/0", origin=Origin.USER, text="<|im_start|>system")
        if [found.evidence for found in self.judge([known])[0]] != ["chat_template_token"]:
            raise SelfCheckError("patterns did not find a known form")
