"""What a policy file says, and what a decision is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from detectors.contract.exchange import CallRef, Origin, Stage
from service.policy.edits import Edit, WrittenEdit
from service.policy.fields import (
    FILLED_IN,
    HEADER,
    TAG,
    Captured,
    Capturing,
    Day,
    Detector,
    Glob,
    Hashes,
    Hosts,
    Message,
    Name,
    Phrases,
    Rollout,
    Sensitivities,
    Share,
    Text,
    Threshold,
    Words,
    Written,
)

PICTURE_METHODS: Final = ("ocr", "qr")
FACES: Final = "faces"
SHOWN_METHODS: Final = (*PICTURE_METHODS, FACES)
"""How the views derive what a picture shows: its text, and more."""
JOINED: Final = "joined"
ENCODINGS: Final = (
    *("base64", "base32", "hex", "codes", "url", "html", "escapes", "quoted_printable"),
    *("rot13", "caesar", "reversed", "morse", "nato", "spaced", "leet", "pig_latin"),
    *("variation_selectors", "zero_width"),
)
DOCUMENT_METHODS: Final = ("pdf", "document")
METHODS: Final = (
    *(*SHOWN_METHODS, "metadata", *DOCUMENT_METHODS),
    *(JOINED, "normalised", *ENCODINGS, "tool_call"),
)
"""How the views derive parts; ``ocr`` also stands for ``ocr:faint`` and the like."""
THINKING: Final = "thinking"
"""What names a model's thoughts, and all that derives from them."""
SELECTORS: Final = (*(each.value for each in Origin), THINKING, *METHODS)
"""What ``on`` may name."""

KEBAB: Final = r"^[a-z0-9]+(-[a-z0-9]+)*$"
Id = Annotated[str, Field(pattern=KEBAB, max_length=64)]


class Action(StrEnum):
    """What is done with an exchange, mildest first."""

    FORWARD = "forward"
    REWRITE = "rewrite"
    REFUSE = "refuse"

    @property
    def strictness(self) -> int:
        """0 for forward, 1 for rewrite, 2 for refuse: the strictest of the matched acts."""
        return _STRICTNESS[self]


_STRICTNESS: Final = {action: number for number, action in enumerate(Action)}


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

    @property
    def rank(self) -> int:
        """0 for low, 3 for critical."""
        return _RANK[self]


_RANK: Final = {severity: number for number, severity in enumerate(Severity)}


class Rule(Written):
    """One rule: where it looks (``stage``, ``on``), when it holds, and what is done then.

    ``sample`` is the share of requests that it is held against, chosen by request id.
    """

    id: Id
    description: Annotated[str, Field(min_length=1)]
    stage: Stage
    on: (
        Annotated[
            tuple[str, ...],
            Field(
                min_length=1,
                json_schema_extra={
                    "items": {
                        "anyOf": [
                            {"enum": list(SELECTORS)},
                            {"type": "string", "pattern": "^[a-z0-9_]+:"},
                        ]
                    }
                },
            ),
        ]
        | None
    ) = None
    when: str
    action: Action
    edits: tuple[WrittenEdit, ...] = ()
    message: Annotated[Message | None, Field(description=FILLED_IN)] = None
    mode: Mode = Mode.ENFORCE
    sample: Share = 1.0
    severity: Severity = Severity.MEDIUM
    tags: tuple[Annotated[str, Field(pattern=TAG)], ...] = ()


class Change(Rule):
    """A rule that an earlier file wrote, by its id; each field that is written takes its place."""

    description: Annotated[str, Field(min_length=1)] = "-"
    stage: Stage = Stage.REQUEST
    when: str = ""
    action: Action = Action.FORWARD


class Layer(Written):
    """What is laid over what was there before: by a file over its bases, by a scope over both."""

    thresholds: dict[Name, Threshold] = Field(default_factory=dict)
    sensitivity: Sensitivities | None = None
    rules: tuple[Rule, ...] = ()
    override: tuple[Change, ...] = ()
    disable: tuple[Id, ...] = ()


class Scope(Layer):
    """A layer for some callers: those that match one pattern of each kind that is written.

    A pattern is a name in which ``*`` stands for anything.
    """

    id: Id
    description: Annotated[str, Field(min_length=1)]
    tenants: Annotated[tuple[Glob, ...], Field(min_length=1)] | None = None
    key_groups: Annotated[tuple[Glob, ...], Field(min_length=1)] | None = None
    models: Annotated[tuple[Glob, ...], Field(min_length=1)] | None = None
    paths: Annotated[tuple[Glob, ...], Field(min_length=1)] | None = None


class Allow(Written):
    """A false alarm that may pass: some content by its hash, or a phrase wherever it stands.

    The scores of ``labels`` that come from it do not count, for callers of ``tenants`` (all, if
    there are none), up to and with the day ``expires``.
    """

    id: Id
    labels: Annotated[tuple[str, ...], Field(min_length=1)]
    sha256: Hashes = ()
    phrases: Phrases = ()
    tenants: Annotated[tuple[Glob, ...], Field(min_length=1)] | None = None
    owner: Text
    reason: Text
    expires: Day


class Streaming(Written):
    """How streamed answers are guarded.

    ``window`` is how many characters are held back. What was held for ``wait_s`` seconds without
    reaching the window is judged and released.
    """

    mode: StreamMode = StreamMode.HOLD
    window: Annotated[int, Field(strict=True, ge=20, le=20_000)] = 200
    wait_s: Annotated[float, Field(gt=0, le=60)] = 2.0


class PolicyFile(Layer):
    """A whole policy file; or, once resolved, all that its bases and it say together.

    ``rollout`` is the share of requests that it decides when it takes another's place.
    ``link_hosts`` are those to which links in an answer may carry data.
    """

    version: Literal[1]
    description: Annotated[str, Field(min_length=1)]
    extends: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    mode: Mode = Mode.ENFORCE
    rollout: Rollout = 1.0
    refusal: Refusal = Refusal.REFUSAL
    contact: Annotated[Text | None, Field(description=FILLED_IN)] = None
    streaming: Streaming = Streaming()
    headers: tuple[Annotated[str, Field(pattern=HEADER, max_length=64)], ...] = ()
    lists: dict[Name, Words] = Field(default_factory=dict)
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)] = ()
    fail_open: tuple[Detector, ...] = ()
    link_hosts: Hosts = ()
    allow: tuple[Allow, ...] = ()
    capture: Captured = Capturing()
    select: tuple[Scope, ...] = ()
    may_loosen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls, as far as the gate knows: empty where it does not.

    ``tenant`` and ``key_group`` are the gate's own words; ``path`` and ``headers`` (names in lower
    case) are the client's.
    """

    tenant: str = ""
    key_group: str = ""
    path: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


NOBODY: Final = Caller()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a rule matched: its highest score of a label that it names, and where. No payload.

    ``part`` and ``label`` are None where the rule speaks of no part or of no label; ``failed`` is
    true where the condition could not be evaluated and so counted as held. ``call`` is the call of
    a tool that brought the part: a client's words.
    """

    rule: str
    part: str | None = None
    label: str | None = None
    score: float | None = None
    failed: bool = False
    call: CallRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """A score that does not count: by which entry of the allow-list, where, and what is left of it.

    ``score`` is that of what remains of the part without what is allowed.
    """

    entry: str
    part: str
    label: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is done with an exchange, and why.

    ``rules`` are the ids of all rules that matched and act, in file order; ``shadow`` those that
    matched and are only counted. ``message`` is what the refused person reads, of the first rule
    with the winning action. ``policy`` is the policy's hash. ``scope`` is the id of the policy's
    scope that decided, empty if none did. ``opened`` are the detectors whose failure the policy
    let pass. ``allowed`` is what the allow-list let pass, without which other rules had matched.
    ``severity`` is the highest of all rules that matched, in shadow too, and ``tags`` are theirs.
    """

    action: Action
    policy: str
    rules: tuple[str, ...] = ()
    shadow: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    message: str = ""
    refusal: Refusal = Refusal.REFUSAL
    reasons: tuple[Reason, ...] = ()
    scope: str = ""
    opened: tuple[str, ...] = ()
    allowed: tuple[Allowed, ...] = ()
    severity: Severity | None = None
    tags: tuple[str, ...] = ()

    @property
    def calls(self) -> tuple[CallRef, ...]:
        """The calls of tools that brought what the rules that act matched for."""
        acting = (reason.call for reason in self.reasons if reason.rule in self.rules)
        return tuple(dict.fromkeys(call for call in acting if call is not None))

    @property
    def told(self) -> dict[str, Any]:
        """As it is shown to the one who asked for it; the last ones only where there is any."""
        perhaps = {
            "shadow": list(self.shadow),
            "severity": self.severity.value if self.severity else "",
            "tags": list(self.tags),
            "allowed": sorted({each.entry for each in self.allowed}),
            "opened": list(self.opened),
            "scope": self.scope,
            "calls": [asdict(call) for call in self.calls],
        }
        return {
            "action": self.action.value,
            "rules": list(self.rules),
            "message": self.message,
            **{name: value for name, value in perhaps.items() if value},
        }
