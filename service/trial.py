"""Examinations outside the proxy, by the same way: ``glassgate check``, ``eval``."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

from detectors.contract.exchange import Role, Shown, TextPart
from service.app import examiner
from service.errors import RequestError
from service.pipeline import examine
from service.pipeline.examine import Examined
from service.pipeline.trace import Trace
from service.policy.model import Action
from service.providers.openai_chat import OpenAIChat
from service.providers.strict_json import Json, dump
from service.settings import Settings

EXIT: Final = {Action.FORWARD: 0, Action.REWRITE: 10, Action.REFUSE: 20}


class TrialError(Exception):
    """What was to be tried cannot be read; the message names it."""


class Trial:
    """The examination of a running gate, without a gate: made once, used for many requests."""

    def __init__(self, settings: Settings) -> None:
        """Loads the policy and the models. Raises as ``service.app.examiner`` does."""
        self.examiner = examiner(settings)
        self._provider = OpenAIChat()
        self._views = frozenset(view.name for view in self.examiner.inspector.views)

    def examine(self, prompt: str, images: Sequence[Path], role: str) -> tuple[Examined, Trace]:
        """Examines a prompt with its pictures as the proxy would. Thread-safe.

        A text of the role ``assistant`` is examined as the answer to a request that held as many
        pictures; what is in them is not looked at.

        Raises:
            TrialError: a picture or the prompt cannot be read; the message names which.
        """
        if any("\ud800" <= character <= "\udfff" for character in prompt):
            raise TrialError("the prompt is not UTF-8 text")
        if role == Role.ASSISTANT:
            return self._answer(prompt, len(images))
        content: list[Json] = [{"type": "text", "text": prompt}] if prompt else []
        content += [{"type": "image_url", "image_url": {"url": _uri(image)}} for image in images]
        body: Json = {"model": "check", "messages": [{"role": role, "content": content}]}
        trace = self._trace()
        try:
            return examine.request(dump(body), self._provider, self.examiner, trace), trace
        except RequestError as error:
            raise TrialError(f"{_named(error, images, bool(prompt))}: {error.message}") from None

    def _answer(self, text: str, pictures: int) -> tuple[Examined, Trace]:
        message: Json = {"role": Role.ASSISTANT.value, "content": text}
        body: Json = {"model": "check", "choices": [{"index": 0, "message": message}]}
        exchange = replace(self._provider.read_answer(body), shown=Shown(pictures=pictures))
        trace = self._trace()
        with trace.timed("guard"):
            inspection = self.examiner.inspect(exchange)
        decision = self.examiner.decide(exchange, inspection, trace)
        examined = Examined(body=body, exchange=exchange, inspection=inspection, decision=decision)
        return examined, trace

    def _trace(self) -> Trace:
        return Trace(
            id="check",
            dialect=self._provider.dialect,
            policy=self.examiner.policy.hash,
            views=self._views,
        )


def _named(error: RequestError, images: Sequence[Path], prompted: bool) -> str:  # noqa: FBT001
    """What an error is about: a picture, or the request as a whole."""
    last = (error.pointer or "").rpartition("/")[2]
    return str(images[int(last) - prompted]) if last.isdigit() else "this cannot be checked"


def as_json(examined: Examined, trace: Trace) -> str:
    """The verdict as a JSON object, indented."""
    decision, inspection = examined.decision, examined.inspection
    coverage = inspection.coverage
    shown = {
        "decision": decision.told,
        "scores": inspection.scores,
        "findings": [asdict(finding) for finding in inspection.findings],
        "runs": [asdict(run) for run in inspection.runs],
        "coverage": {**asdict(coverage), "complete": coverage.complete},
        "texts": [
            {"part": part.key, "origin": part.origin, "method": part.method, "text": part.text}
            for part in inspection.parts
            if isinstance(part, TextPart)
        ],
        "ms": {verb: round(ms, 3) for verb, ms in trace.ms.items()},
    }
    return json.dumps(shown, ensure_ascii=False, indent=2)


def _uri(image: Path) -> str:
    try:
        data = image.read_bytes()
    except OSError as error:
        raise TrialError(f"{image} cannot be read: {error.strerror}") from None
    # The real type is found from the bytes; a wrong one here is only put right.
    return f"data:image/png;base64,{b64encode(data).decode()}"
