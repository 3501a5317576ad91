"""Fields that may be written in more than one way: messages, thresholds, sensitivity, lists."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)

NAME: Final = r"^[a-z][a-z0-9_]*$"
TAG: Final = r"^[A-Za-z0-9][A-Za-z0-9:._-]{0,63}$"
DETECTOR: Final = r"^[a-z][a-z0-9_-]*$"
SHA256: Final = r"^[0-9a-f]{64}$"
HOST: Final = r"^(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*$"
"""A host by its name, in lower case, or with ``*.`` all below it."""
LONGEST_HOST: Final = 253
"""Characters (RFC 1035, section 2.3.4, as text)."""
HEADER: Final = r"^[a-z0-9][a-z0-9-]*$"
"""A header's name, as HTTP/2 writes it: in lower case."""

Language = Literal["en", "es", "fr", "de", "pt", "zh", "ja", "ar", "hi"]
"""The languages that a message can be chosen by (ISO 639-1)."""
ENGLISH: Final = "en"
SHORTEST_PHRASE: Final = 6
"""Characters. A word or less would let pass what nobody thought of."""


class Written(BaseModel):
    """A table of a policy file: no field beyond those named, and nothing changes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Sensitivity(StrEnum):
    """How readily a label counts: ``high`` finds more, and is wrong more often."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Levels(BaseModel):
    """A threshold for each sensitivity."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    low: Annotated[float, Field(strict=True, ge=0, le=1)]
    medium: Annotated[float, Field(strict=True, ge=0, le=1)]
    high: Annotated[float, Field(strict=True, ge=0, le=1)]


def _of_percent(given: object) -> object:
    """The share that a text such as ``10%`` means; anything else as it is."""
    found = re.fullmatch(r"(\d{1,3}(?:\.\d{1,6})?)\s?%", given) if isinstance(given, str) else None
    return float(found[1]) / 100 if found else given


Share = Annotated[float, Field(strict=True, gt=0, le=1)]
Rollout = Annotated[Share, BeforeValidator(_of_percent, json_schema_input_type=Share | str)]
"""A share, which may also be written as ``10%``."""


class Capture(StrEnum):
    """Whose payload is kept: nobody's, that of calls which a rule matched, or a share of all."""

    NONE = "none"
    FLAGGED = "flagged"
    SAMPLE = "sample"


class Capturing(BaseModel):
    """Whose payload is kept, encrypted, and for how many days."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    of: Capture = Capture.NONE
    share: Rollout | None = None
    days: Annotated[float, Field(strict=True, gt=0, le=365)] = 30

    @model_validator(mode="after")
    def _of_a_sample(self) -> Self:
        if (self.of is Capture.SAMPLE) is (self.share is None):
            said = "is missing" if self.share is None else "is for `of: sample` only"
            raise ValueError(f"`share` {said}", "write `of: sample` and `share: 1%`, or neither")
        return self


def _in_a_table(given: object) -> object:
    """A word alone is what the table's field ``of`` would say."""
    return {"of": given} if isinstance(given, str) else given


def _day(given: object) -> object:
    try:
        return given if isinstance(given, date) else date.fromisoformat(str(given))
    except ValueError:
        raise ValueError(f"`{given}` is no day", "write it as in `2027-03-31`") from None


def _long_enough(phrase: str) -> str:
    if len(phrase.strip()) < SHORTEST_PHRASE:
        what = f"is shorter than {SHORTEST_PHRASE} characters"
        raise ValueError(what, "write more of what stands around it")
    return phrase


def _table_or(otherwise: str) -> Discriminator:
    """Tells a table of fields from the one plain value that may stand in its place."""
    return Discriminator(lambda given: "table" if isinstance(given, dict | Levels) else otherwise)


Host = Annotated[str, Field(pattern=HOST, max_length=LONGEST_HOST)]
Name = Annotated[str, Field(pattern=NAME, max_length=64)]
Detector = Annotated[str, Field(pattern=DETECTOR, max_length=64)]
Text = Annotated[str, Field(min_length=1)]
Score = Annotated[float, Field(strict=True, ge=0, le=1)]
Glob = Annotated[str, Field(min_length=1, max_length=200)]
Message = Annotated[
    Annotated[Text, Tag("text")] | Annotated[dict[Language, Text], Tag("table")],
    _table_or("text"),
]
"""What the refused person reads; by language, English is what all others fall back on."""
FILLED_IN: Final = "${NAME} is filled in from the environment here."
"""Said in the schema of the fields that ``service.policy.reading`` fills in."""
Threshold = Annotated[
    Annotated[Score, Tag("number")] | Annotated[Levels, Tag("table")],
    _table_or("number"),
]
Sensitivities = Annotated[
    Annotated[Sensitivity, Tag("word")] | Annotated[dict[Name, Sensitivity], Tag("table")],
    _table_or("word"),
]
"""One sensitivity for all thresholds, or one by the name of each."""
Words = Annotated[
    Annotated[str, Field(min_length=1), Tag("file")]
    | Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Tag("list")],
    Discriminator(lambda given: "file" if isinstance(given, str) else "list"),
]
"""A list of texts, or the file beside the policy that holds one a line."""
_LISTED: Final = Discriminator(
    lambda given: "name" if isinstance(given, str) and re.fullmatch(NAME, given) else "list"
)
Hash = Annotated[str, Field(pattern=SHA256)]
Hashes = Annotated[Annotated[Name, Tag("name")] | Annotated[tuple[Hash, ...], Tag("list")], _LISTED]
"""Hashes, or the name of the policy's list that holds them."""
Hosts = Annotated[Annotated[Name, Tag("name")] | Annotated[tuple[Host, ...], Tag("list")], _LISTED]
Phrase = Annotated[str, AfterValidator(_long_enough), Field(max_length=2000)]
Phrases = Annotated[
    Annotated[Name, Tag("name")] | Annotated[tuple[Phrase, ...], Tag("list")], _LISTED
]
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Captured = Annotated[
    Capturing, BeforeValidator(_in_a_table, json_schema_input_type=Capturing | Capture)
]
"""What ``capture`` says, which may be a word alone: ``none`` or ``flagged``."""


def globbed(globs: Sequence[str]) -> re.Pattern[str]:
    """One expression for all of the patterns, in which ``*`` stands for anything."""
    return re.compile("|".join(re.escape(glob).replace(r"\*", ".*") for glob in globs))
