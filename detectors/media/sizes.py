"""The size at which each provider shows a picture to its model, as a table by model and detail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import inf, sqrt
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """Pixels: the longest a side may be, the longest the shorter may be, and both multiplied.

    None means without limit. A picture within its bound is never enlarged.
    """

    long: int | None = None
    short: int | None = None
    area: int | None = None

    def __post_init__(self) -> None:
        for name in ("long", "short", "area"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"picture sizes: {name!r} must be pixels, 1 or more")

    def fit(self, width: int, height: int) -> tuple[int, int]:
        """The size to which a picture is brought, its proportions kept."""
        scale = min(
            1.0,
            (self.long or inf) / max(width, height),
            (self.short or inf) / min(width, height),
            sqrt((self.area or inf) / (width * height)),
        )
        return max(1, int(width * scale + 1e-6)), max(1, int(height * scale + 1e-6))


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRule(Bound):
    """A bound, and the models and details (globs, in any case) for which it holds.

    Plain data, so that an operator can write one: ``{"model": "llava*", "long": 672}``.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}  # settings parse this

    model: str
    detail: str = "*"

    def matches(self, model: str, detail: str) -> bool:
        return fnmatchcase(model, self.model.lower()) and fnmatchcase(detail, self.detail.lower())


ANYTHING = Bound(long=2048, short=768)
"""OpenAI's ``high``: fit in 2048 x 2048, then the short side to 768."""

DEFAULT = (
    # Anthropic: the long side, and about 1600 tokens of 750 pixels; the newest models 2576.
    SizeRule(model="claude-opus-4-[7-9]*", long=2576),
    SizeRule(model="claude*", long=1568, area=1_230_000),
    # Gemini scales to at most 3072 before it cuts tiles of 768.
    SizeRule(model="gemini*", long=3072),
    # OpenAI: low; and the newest models, which keep the original size up to a cap.
    SizeRule(model="*", detail="low", long=512),
    SizeRule(model="gpt-5.[4-9]*", detail="high", long=2048, area=2_560_000),
    SizeRule(model="gpt-5.[4-9]*", long=6000, area=10_240_000),
    # What makes pictures edits them at their own size.
    SizeRule(model="gpt-image*", long=2048),
    SizeRule(model="dall-e*", long=2048),
)
"""The first rule that matches holds; where none does, ``ANYTHING``."""


def bound_for(model: str, detail: str | None, rules: Sequence[SizeRule] = ()) -> Bound:
    """The bound for a model (with or without a ``provider/`` prefix) and a dialect's detail.

    No detail means ``auto``. ``rules`` are the operator's; they come before ``DEFAULT``.
    """
    name = model.lower().rsplit("/", 1)[-1]
    wanted = (detail or "auto").lower()
    matching = (rule for rule in (*rules, *DEFAULT) if rule.matches(name, wanted))
    return next(matching, ANYTHING)
