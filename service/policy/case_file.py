"""What a file of cases says: exchanges, and the decision expected of each."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from detectors.contract.exchange import Origin, Stage
from service.policy.edits import EditKind
from service.policy.fields import Written
from service.policy.model import KEBAB, Action


class CasePart(Written):
    """A part, under a name of its own; ``of`` names the part that it was derived from.

    ``thinking`` says of a text that a model thought it.
    """

    name: Annotated[str, Field(pattern=KEBAB)]
    kind: Literal["text", "image", "document", "tool_call", "opaque"]
    origin: Origin
    of: str | None = None
    method: str | None = None
    thinking: bool = False
    text: str = "some text"


class CaseFinding(Written):
    """What a check found in a part."""

    part: str
    label: str
    score: Annotated[float, Field(ge=0, le=1)]
    span: tuple[int, int] | None = None


class CaseGap(Written):
    """A part that was not inspected."""

    part: str
    kind: str


class CaseEdit(Written):
    """An edit that is expected."""

    kind: EditKind
    part: str | None = None
    spans: tuple[tuple[int, int], ...] = ()


class Expected(Written):
    """The decision that is expected; ``edits`` are compared only where they are written."""

    action: Action
    rules: tuple[str, ...]
    shadow: tuple[str, ...] = ()
    edits: tuple[CaseEdit, ...] | None = None


class CasePicture(Written):
    """A picture that is drawn for the case: lines of text on a photo or on a plain page."""

    text: str = ""
    on: Literal["photo", "plain"] = "plain"


class CaseRequest(Written):
    """A request as a client would send it: ``text`` in a message of ``role``, then a picture.

    ``tool_result`` is what a tool answered before it.
    """

    text: str = ""
    role: Literal["user", "system"] = "user"
    picture: CasePicture | None = None
    tool_result: str | None = None


class Case(Written):
    """An exchange, as its inspection left it, and the decision expected.

    ``images_shown`` counts those of the request that an answer (stage ``response``) answers.
    In place of ``parts`` and what was found in them may stand a ``request``, which is inspected.
    """

    id: Annotated[str, Field(pattern=KEBAB)]
    stage: Stage = Stage.REQUEST
    dialect: str = "openai_chat"
    model: str = "any"
    stream: bool = False
    images_shown: Annotated[int, Field(strict=True, ge=0)] = 0
    tenant: str = ""
    key_group: str = ""
    path: str = ""
    headers: dict[str, str] = Field(default_factory=dict)
    request: CaseRequest | None = None
    parts: Annotated[tuple[CasePart, ...], Field(min_length=1)] = ()
    findings: tuple[CaseFinding, ...] = ()
    gaps: tuple[CaseGap, ...] = ()
    expect: Expected


class CaseFile(Written):
    """Cases of one policy; ``policy`` is its path, from this file's folder."""

    policy: str
    cases: Annotated[tuple[Case, ...], Field(min_length=1)]
