"""The edits of an answer that a policy file may write."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from service.policy.fields import Written


class Redact(Written):
    """Put a mark in the place of the offending words; of the whole text, where none are told."""

    kind: Literal["redact"]


class Replace(Written):
    """Put another text in the place of the answer's."""

    kind: Literal["replace"]
    text: Annotated[str, Field(min_length=1, max_length=2000)]


class Truncate(Written):
    """End the answer's text before the first offending words."""

    kind: Literal["truncate"]


class StripLinks(Written):
    """Take the URL out of offending links."""

    kind: Literal["strip_links"]


AnswerEdit = Redact | Replace | Truncate | StripLinks
