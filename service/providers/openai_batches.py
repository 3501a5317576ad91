"""OpenAI's batches: a file of requests that the model's server answers by itself, later.

What is inspected of them is the file, when it is uploaded. The shapes are those of the official
SDK's types.
"""

from __future__ import annotations

from typing import Final

from detectors.contract.exchange import Exchange, Message, Origin, Part, Role, Stage
from service.providers.base import Assembly
from service.providers.batch_lines import BATCHED
from service.providers.deltas import Chunks
from service.providers.fields import UNKNOWN, as_object, as_text, gap, rest, uploaded
from service.providers.openai_files import BATCH
from service.providers.openai_texts import Wordless, answered
from service.providers.strict_json import Json

BATCH_SETTINGS: Final = frozenset(
    {"input_file_id", "endpoint", "completion_window", "metadata", "output_expires_after"}
)
BEGUN_SETTINGS: Final = BATCH_SETTINGS | frozenset(
    {"id", "object", "model", "status", "usage", "request_counts"}
    | {"output_file_id", "error_file_id", "created_at", "in_progress_at", "expires_at"}
    | {"finalizing_at", "completed_at", "failed_at", "expired_at", "cancelling_at", "cancelled_at"}
)


class OpenAIBatches(Wordless):
    """``POST /v1/batches``."""

    dialect = "openai_batches"

    def read(self, body: Json) -> Exchange:
        request = as_object(body, "")
        name = as_text(request.get("input_file_id"), "/input_file_id")
        parts: list[Part] = [uploaded(BATCH, name, "/input_file_id", Origin.USER)]
        if as_text(request.get("endpoint"), "/endpoint") not in BATCHED:
            reason = "requests to this endpoint are not read in a batch"
            parts.append(gap(UNKNOWN, "/endpoint", Origin.USER, reason))
        parts.extend(rest(request, "", Origin.USER, BATCH_SETTINGS))
        return Exchange(
            dialect=self.dialect,
            model="",
            stage=Stage.REQUEST,
            messages=(Message(role=Role.USER, parts=tuple(parts)),),
        )

    def read_answer(self, answer: Json) -> Exchange:
        return answered(self.dialect, as_object(answer, ""), [], BEGUN_SETTINGS)

    def assembly(self) -> Assembly:
        return Chunks(BEGUN_SETTINGS)
