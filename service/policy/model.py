"""What a policy file says, and what a decision is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from detectors.contract.exchange import Stage

PICTURE_METHODS: Final = ("ocr",)
JOINED: Final = "joined"
ENCODINGS: Final = (
    *("base64", "base32", "hex", "codes", "url", "html", "escapes", "quoted_printable"),
    *("rot13", "caesar", "reversed", "morse", "nato", "spaced", "leet", "pig_latin"),
    *("variation_selectors", "zero_width"),
)
METHODS: Final = (*PICTURE_METHODS, JOINED, "normalised", *ENCODINGS, "tool_call")
"""How the views derive parts; ``ocr`` also stands for ``ocr:contrast`` and the like."""

KEBAB: Final = r"^[a-z0-9]+(-[a-z0-9]+)*$"
NAME: Final = r"^[a-z][a-z0-9_]*$"
TAG: Final = r"^[A-Za-z0-9][A-Za-z0-9:._-]{0,63}$"


class Action(StrEnum):
    """What is done with an exchange, mildest first."""

    FORWARD = "forward"
    REWRITE = "rewrite"
    REFUSE = "refuse"

    @property
    def strictness(self) -> int:
        """0 for forward, 1 for rewrite, 2 for refuse: the strictest of the matched acts."""
        return list(Action).index(self)


class Mode(StrEnum):
    """Whether a rule acts, or is only counted."""

    ENFORCE = "enforce"
    SHADOW = "shadow"


class Refusal(StrEnum):
    """How a refusal is said: as the model itself would, or as HTTP 400 ``content_filter``."""

    REFUSAL = "refusal"
    ERROR = "error"


class StreamMode(StrEnum):
    """How a streamed answer is guarded.

    ``hold``: what is released lags by a window, and was judged. ``buffer``: nothing is released
    before the whole was judged. ``monitor``: released at once, judged alongside, cut when found.
    """

    HOLD = "hold"
    BUFFER = "buffer"
    MONITOR = "monitor"


class Severity(StrEnum):
    """How much a match matters to the operator; it changes no decision."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class EditKind(StrEnum):
    """The changes that a rewrite can make."""

    MASK_TEXT = "mask_text"
    DROP_IMAGE = "drop_image"
    INSTRUCT = "instruct"


class Written(BaseModel):
    """A table of a policy file: no field beyond those named, and nothing changes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MaskText(Written):
    """Paint over the offending lines of a picture."""

    kind: Literal["mask_text"]


class DropImage(Written):
    """Put a text in the place of the picture that the matched text was read from."""

    kind: Literal["drop_image"]


class Instruct(Written):
    """Add an instruction of the operator to the request."""

    kind: Literal["instruct"]
    text: Annotated[str, Field(min_length=1, max_length=2000)]


WrittenEdit = Annotated[MaskText | DropImage | Instruct, Field(discriminator="kind")]


class Rule(Written):
    """One rule: where it looks (``stage``, ``on``), when it holds, and what is done then."""

    id: Annotated[str, Field(pattern=KEBAB, max_length=64)]
    description: Annotated[str, Field(min_length=1)]
    stage: Stage
    on: Annotated[tuple[str, ...] | None, Field(min_length=1)] = None
    when: str
    action: Action
    edits: tuple[WrittenEdit, ...] = ()
    message: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    mode: Mode = Mode.ENFORCE
    severity: Severity = Severity.MEDIUM
    tags: tuple[Annotated[str, Field(pattern=TAG)], ...] = ()


class Streaming(Written):
    """How streamed answers are guarded.

    ``window`` is how many characters are held back. What was held for ``wait_s`` seconds without
    reaching the window is judged and released.
    """

    mode: StreamMode = StreamMode.HOLD
    window: Annotated[int, Field(strict=True, ge=20, le=20_000)] = 200
    wait_s: Annotated[float, Field(gt=0, le=60)] = 2.0


class PolicyFile(Written):
    """A whole policy file."""

    version: Literal[1]
    description: Annotated[str, Field(min_length=1)]
    refusal: Refusal = Refusal.REFUSAL
    streaming: Streaming = Streaming()
    thresholds: dict[
        Annotated[str, Field(pattern=NAME)], Annotated[float, Field(strict=True, ge=0, le=1)]
    ] = Field(default_factory=dict)
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One change of the request.

    ``mask_text``: ``part`` is the key of the text part read from a picture, and ``spans`` are the
    (start, end) offsets into its text to paint over; none of them means all of its lines.
    ``drop_image``: ``part`` is the key of the picture, as the request holds it.
    ``instruct``: ``text`` is the instruction.
    """

    kind: EditKind
    part: str | None = None
    spans: tuple[tuple[int, int], ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a rule matched: its highest score of a label that it names, and where. No payload.

    ``part`` and ``label`` are None where the rule speaks of no part or of no label; ``failed`` is
    true where the condition could not be evaluated and so counted as held.
    """

    rule: str
    part: str | None = None
    label: str | None = None
    score: float | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is done with an exchange, and why.

    ``rules`` are the ids of all rules that matched and act, in file order; ``shadow`` those that
    matched and are only counted. ``message`` is what the refused person reads, of the first rule
    with the winning action. ``policy`` is the policy's hash.
    """

    action: Action
    policy: str
    rules: tuple[str, ...] = ()
    shadow: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    message: str = ""
    refusal: Refusal = Refusal.REFUSAL
    reasons: tuple[Reason, ...] = ()
