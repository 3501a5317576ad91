"""Made records, as an ordinary inspection leaves them."""

from __future__ import annotations

import random
from dataclasses import replace

from detectors.contract.exchange import (
    Exchange,
    ImagePart,
    Line,
    Message,
    OpaquePart,
    Origin,
    Role,
    Stage,
    TextPart,
    ToolCallPart,
)
from detectors.contract.finding import Coverage, Finding, Gap, Inspection, Outcome, Run
from detectors.contract.labels import LABELS
from service.policy.model import Action, Caller, Decision
from service.store.record import Record, recorded

SECRET = "the client's own words"
ASKED = TextPart(pointer="/messages/0/content/0/text", origin=Origin.USER, text=SECRET)
PHOTO = ImagePart(
    pointer="/messages/0/content/1",
    origin=Origin.USER,
    data=SECRET.encode(),
    media_type=f"image/{SECRET}",
)
READ = TextPart(
    pointer=PHOTO.pointer,
    origin=Origin.THIRD_PARTY,
    parent=PHOTO.key,
    method="ocr",
    text=SECRET,
    lines=(Line(text=SECRET, box=((0, 0), (9, 0), (9, 9), (0, 9)), score=1.0, start=0),),
)
CALLED = ToolCallPart(
    pointer="/messages/1/tool_calls/0", origin=Origin.MODEL, name=SECRET, arguments=SECRET
)
UNSEEN = OpaquePart(
    pointer="/messages/2/content/0", origin=Origin.USER, kind="audio", reason="not inspected"
)
SENT = Exchange(
    dialect="openai_chat",
    model="a-model",
    stage=Stage.REQUEST,
    messages=(
        Message(role=Role.USER, parts=(ASKED, PHOTO)),
        Message(role=Role.ASSISTANT, parts=(CALLED,)),
        Message(role=Role.USER, parts=(UNSEEN,)),
    ),
)
SEEN = Inspection(
    parts=(ASKED, PHOTO, CALLED, UNSEEN, READ),
    findings=(
        Finding(label="harm", score=0.91, part=ASKED.key, detector="classifier", span=(0, 5)),
        Finding(label="injection", score=0.4, part=READ.key, detector="classifier"),
    ),
    runs=(
        Run(part=PHOTO.key, detector="ocr", outcome=Outcome.FOUND, ms=12.0),
        Run(part=READ.key, detector="patterns", outcome=Outcome.FAILED, ms=1.0, reason="OSError"),
    ),
    coverage=Coverage(
        seen=4,
        inspected=2,
        gaps=(
            Gap(part=UNSEEN.key, kind="audio", reason="not inspected"),
            Gap(part=PHOTO.key, kind="failed", reason="patterns: OSError"),
        ),
    ),
)
REFUSED = Decision(action=Action.REFUSE, policy="0123456789ab", rules=("harmful-request",))
BEGUN = 1_750_000_000.0


def record(number: int = 0, tenant: str = "") -> Record:
    """The record of call ``number``, one second after that of the call before."""
    return recorded(
        SENT, SEEN, REFUSED, id=f"{number:024x}", at=BEGUN + number, caller=Caller(tenant=tenant)
    )


def many(count: int, seed: int = 1) -> list[Record]:
    """Records of four texts with twelve scores, no two alike."""
    chance = random.Random(seed)
    texts = [
        replace(ASKED, pointer=f"/messages/{n}/content", text="x" * (n * 40)) for n in range(1, 5)
    ]
    exchange = replace(
        SENT, messages=tuple(Message(role=Role.USER, parts=(text,)) for text in texts)
    )
    made = []
    for number in range(count):
        findings = tuple(
            Finding(
                label=chance.choice(LABELS),
                score=round(chance.random(), 4),
                part=chance.choice(texts).key,
                detector="classifier",
                span=(0, 40),
            )
            for _ in range(12)
        )
        inspection = Inspection(
            parts=tuple(texts), findings=findings, runs=(), coverage=Coverage(seen=4, inspected=4)
        )
        made.append(recorded(exchange, inspection, REFUSED, id=f"{number:024x}", at=BEGUN + number))
    return made
