"""What a file of own checks says."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, JsonValue

from detectors.checks.huggingface import Activation
from detectors.checks.verdict import AnswerForm
from detectors.contract.exchange import Origin
from service.policy.fields import Written
from service.policy.model import KEBAB


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _named(value: object) -> object:
    return str(value) if type(value) is int else value


Id = Annotated[str, Field(pattern=KEBAB, max_length=64)]
Labels = Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1)]
"""Our labels, or the word ``none``; a single one may be written without brackets."""
Theirs = Annotated[str, BeforeValidator(_named)]
"""A label or category of somebody else's; a number where outputs have no names."""
Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True)]
Switch = Annotated[bool, Field(strict=True)]
Origins = Annotated[tuple[Origin, ...], Field(min_length=1)]

NOT_THE_OPERATORS: Final = (Origin.USER, Origin.MODEL, Origin.THIRD_PARTY)


class OwnModel(Written):
    """A sequence-classification model, by its id on the Hugging Face hub or by its folder."""

    id: Id
    model: Text | None = None
    folder: Text | None = None
    revision: Text | None = None
    remote_code: Switch = False
    labels: Annotated[dict[Theirs, Labels], Field(min_length=1)]
    activation: Activation = Activation.SOFTMAX
    origins: Origins = NOT_THE_OPERATORS
    window: Count = 512
    overlap: Count = 64
    batch: Count = 8
    most_windows: Count = 200
    device: Text = "cpu"


class PromptMessage(Written):
    """A message to a judge; ``content`` may hold ``{text}``, ``{mark}`` and ``{policy}``."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Text


class OwnPolicy(Written):
    """A policy that a judge is asked about, and the labels of what breaches it."""

    labels: Labels
    text: Text


class OwnJudge(Written):
    """A model that is asked over HTTP."""

    id: Id
    url: Text
    insecure: Switch = False
    api_key_env: Text | None = None
    model: Text
    prompt: Annotated[tuple[PromptMessage, ...], Field(min_length=1)] = (
        PromptMessage(role="user", content="{text}"),
    )
    answer: AnswerForm
    categories: dict[Theirs, Labels] = Field(default_factory=dict)
    policies: tuple[OwnPolicy, ...] = ()
    request: dict[str, JsonValue] = Field(default_factory=dict)
    origins: Origins = NOT_THE_OPERATORS
    deadline_s: Number = 5.0
    concurrency: Count = 8
    answer_limit: Count = 65_536
    failures: Count = 5
    rest_s: Number = 30.0
    piece: Count = 8_000
    most_pieces: Count = 16
    probe: Switch = True


class ChecksFile(Written):
    """A whole file of own checks."""

    version: Literal[1]
    models: tuple[OwnModel, ...] = ()
    judges: tuple[OwnJudge, ...] = ()
