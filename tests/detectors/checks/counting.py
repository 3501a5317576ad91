"""The embedded classifier, with a count of what its network is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnxruntime as ort
from tokenizers import Tokenizer

from detectors.checks.classifier import Classifier
from detectors.contract.detector import Memory


class Counted(Classifier):
    """The classifier; ``windows`` are the tokens of those that its network scored, in order.

    What is made of it by ``remembering`` counts in the same list.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        tokenizer: Tokenizer,
        session: ort.InferenceSession | _Session,
        memory: Memory | None = None,
    ) -> None:
        counting = session if isinstance(session, _Session) else _Session(session)
        self.windows = counting.windows
        super().__init__(settings, tokenizer, counting, memory)


class _Session:
    def __init__(self, session: ort.InferenceSession) -> None:
        self.windows: list[tuple[int, ...]] = []
        self._session = session

    def run(self, outputs: list[str], inputs: Mapping[str, Any]) -> Any:  # noqa: ANN401 - its own
        self.windows.append(tuple(inputs["input_ids"][0].tolist()))
        return self._session.run(outputs, inputs)
