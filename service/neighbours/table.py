"""Which path serves which neighbour: the one visible list."""

from __future__ import annotations

from typing import Final

from service.neighbours.guard import Guard
from service.neighbours.litellm import LiteLLM
from service.neighbours.moderations import Moderations
from service.pipeline.consult import Neighbour

NEIGHBOURS: Final[dict[tuple[str, str], Neighbour]] = {
    ("POST", "/v1/guard"): Guard(),
    ("POST", "/v1/moderations"): Moderations(),
    ("POST", "/beta/litellm_basic_guardrail_api"): LiteLLM(),
}
