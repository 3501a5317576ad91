"""Small detectors whose every verdict is known, and a policy that decides by them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import ClassVar

from detectors.contract.exchange import TextPart
from detectors.contract.finding import Finding
from detectors.inspect import Inspector
from detectors.media.decode import Limits
from detectors.views.tool_call import ToolCall
from service.pipeline.examine import Examiner
from service.policy.load import load

POLICY = """
version: 1
description: a test
rules:
  - {id: incomplete, description: d, stage: request, when: "!complete", action: refuse, message: m0}
  - {id: bad-question, description: d, stage: request, on: [user, third_party], when: harm > 0.5,
     action: refuse, message: no}
  - {id: bad-answer, description: d, stage: response, on: [model], when: harm > 0.5,
     action: refuse, message: not this answer}
  - {id: answer-incomplete, description: d, stage: response, when: "!complete", action: refuse,
     message: m1}
  - {id: watched, description: d, stage: request, on: [user], when: hate > 0.5, action: refuse,
     message: no, mode: shadow}
  - {id: gently, description: d, stage: request, on: [user], when: identity > 0.5, action: rewrite,
     edits: [{kind: instruct, text: name nobody}]}
"""


class Words:
    """Scores a text by the words in it; fails at ``boom`` and waits at ``slow``."""

    name = "words"
    version = "1"
    labels: ClassVar = {
        "bad": "harm",
        "hateful": "hate",
        "maiming": "violent_crimes",
        "who": "identity",
    }

    def __init__(self) -> None:
        self.judged: list[str] = []
        self.go_on = Event()

    def judge(self, texts: Sequence[TextPart]) -> Sequence[Sequence[Finding]]:
        return [self._one(text) for text in texts]

    def _one(self, text: TextPart) -> list[Finding]:
        self.judged.append(text.text)
        if "boom" in text.text:
            raise RuntimeError(text.text)
        if "slow" in text.text:
            self.go_on.wait(10)
        return [
            Finding(label=label, score=0.9, part=text.key, detector=self.name)
            for word, label in self.labels.items()
            if word in text.text
        ]

    def self_check(self) -> None:
        """Nothing can be wrong with it."""


def examining(folder: Path, *settings: str, policy: str = POLICY) -> Examiner:
    """An examiner with these words and this policy, to which lines of YAML are added."""
    path = folder / "policy.yaml"
    path.write_text(policy + "\n".join(settings))
    return Examiner(
        inspector=Inspector([ToolCall()], [Words()]),
        policy=load(path),
        sizes=(),
        limits=Limits(),
        timeout_s=2,
    )
