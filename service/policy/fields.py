"""Fields that may be written in more than one way: messages, thresholds, sensitivity, lists."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

NAME: Final = r"^[a-z][a-z0-9_]*$"
TAG: Final = r"^[A-Za-z0-9][A-Za-z0-9:._-]{0,63}$"
DETECTOR: Final = r"^[a-z][a-z0-9_-]*$"
HEADER: Final = r"^[a-z0-9][a-z0-9-]*$"
"""A header's name, as HTTP/2 writes it: in lower case."""

Language = Literal["en", "es", "fr", "de", "pt", "zh", "ja", "ar", "hi"]
"""The languages that a message can be chosen by (ISO 639-1)."""
ENGLISH: Final = "en"


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


def _table_or(otherwise: str) -> Discriminator:
    """Tells a table of fields from the one plain value that may stand in its place."""
    return Discriminator(lambda given: "table" if isinstance(given, dict | Levels) else otherwise)


def _of_percent(given: object) -> object:
    """The share that a text such as ``10%`` means; anything else as it is."""
    found = re.fullmatch(r"(\d{1,3}(?:\.\d{1,6})?)\s?%", given) if isinstance(given, str) else None
    return float(found[1]) / 100 if found else given


Name = Annotated[str, Field(pattern=NAME, max_length=64)]
Detector = Annotated[str, Field(pattern=DETECTOR, max_length=64)]
Text = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(strict=True, gt=0, le=1)]
Rollout = Annotated[Share, BeforeValidator(_of_percent, json_schema_input_type=Share | str)]
"""A share, which may also be written as ``10%``."""
Score = Annotated[float, Field(strict=True, ge=0, le=1)]
Glob = Annotated[str, Field(min_length=1, max_length=200)]
Message = Annotated[
    Annotated[Text, Tag("text")] | Annotated[dict[Language, Text], Tag("table")],
    _table_or("text"),
]
"""What the refused person reads; by language, English is what all others fall back on."""
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
