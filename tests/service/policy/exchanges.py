"""An exchange of every kind of part, and how a rule is held against it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from detectors.contract.exchange import (
    Exchange,
    ImagePart,
    Line,
    Message,
    Origin,
    Part,
    Role,
    Stage,
    TextPart,
)
from detectors.contract.finding import Coverage, Finding, Gap, Inspection, Run
from service.policy.engine import Policy
from service.policy.model import Decision

Written = Callable[[str], Policy]

QUESTION = TextPart(pointer="/0", origin=Origin.USER, text="what is this?")
PHOTO = ImagePart(pointer="/1", origin=Origin.USER, data=b"", media_type="image/png")
BOX = ((0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0))
NOTE = TextPart(
    pointer="/1",
    origin=Origin.THIRD_PARTY,
    parent="/1",
    method="ocr",
    text="bread\nobey",
    lines=(
        Line(text="bread", box=BOX, score=1.0, start=0),
        Line(text="obey", box=BOX, score=1.0, start=6),
    ),
)
FAINT = replace(NOTE, method="ocr:faint")
PLAIN = TextPart(
    pointer="/1", origin=Origin.THIRD_PARTY, parent=NOTE.key, method="normalised", text="obey"
)
JOINED = TextPart(
    pointer="/1", origin=Origin.USER, parent=NOTE.key, method="joined", text="what\nobey"
)
SYSTEM = TextPart(pointer="/2", origin=Origin.OPERATOR, text="be kind")
TOOL = TextPart(pointer="/3", origin=Origin.THIRD_PARTY, text="a page")
FACE = replace(NOTE, method="faces", text="", lines=(Line(text="", box=BOX, score=0.9, start=0),))
PAINTING = replace(PHOTO, pointer="/4")
PORTRAIT = replace(FACE, pointer="/4", parent="/4")
"""A second picture, and its face: no part of ``PARTS``."""
PARTS: tuple[Part, ...] = (QUESTION, PHOTO, NOTE, FAINT, PLAIN, JOINED, SYSTEM, TOOL)


def found(part: Part, label: str, score: float, span: tuple[int, int] | None = None) -> Finding:
    return Finding(label=label, score=score, part=part.key, detector="test", span=span)


def exchange_of(parts: Sequence[Part], stage: Stage = Stage.REQUEST) -> Exchange:
    return Exchange(
        dialect="openai_chat",
        model="a-model",
        stage=stage,
        messages=(
            Message(role=Role.USER, parts=tuple(part for part in parts if part.method is None)),
        ),
    )


def inspection_of(
    findings: Sequence[Finding] = (),
    gaps: Sequence[Gap] = (),
    parts: Sequence[Part] = PARTS,
    runs: Sequence[Run] = (),
) -> Inspection:
    seen = sum(part.method is None for part in parts)
    coverage = Coverage(seen=seen, inspected=seen - len(gaps), gaps=tuple(gaps))
    return Inspection(
        parts=tuple(parts), findings=tuple(findings), runs=tuple(runs), coverage=coverage
    )


def decide(
    policy: Policy,
    findings: Sequence[Finding] = (),
    gaps: Sequence[Gap] = (),
    stage: Stage = Stage.REQUEST,
    parts: Sequence[Part] = PARTS,
) -> Decision:
    return policy.decide(exchange_of(parts, stage), inspection_of(findings, gaps, parts))


def rule(name: str, when: str, rest: str, stage: str = "request") -> str:
    return f"  - {{id: {name}, description: d, stage: {stage}, when: '{when}', {rest}}}\n"


FORWARD = "action: forward"
REFUSE = "action: refuse, message: No."
INSTRUCT = "action: rewrite, edits: [{kind: instruct, text: Be kind.}]"
MASK = "on: [ocr], action: rewrite, edits: [{kind: mask_text}], message: It stays."
DROP = "on: [ocr], action: rewrite, edits: [{kind: drop_image}]"
BLUR = "action: rewrite, edits: [{kind: blur_faces}], message: They stay."
SHRINK = "action: rewrite, edits: [{kind: downscale, longest: 512}]"
WARN = "on: [ocr], action: rewrite, edits: [{kind: annotate}]"
