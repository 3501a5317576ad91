"""Which endpoint speaks which dialect: the one visible list."""

from __future__ import annotations

from typing import Final

from service.providers.base import Provider
from service.providers.openai_chat import OpenAIChat

ENDPOINTS: Final[dict[tuple[str, str], Provider]] = {
    ("POST", "/v1/chat/completions"): OpenAIChat(),
}

# Endpoints that carry nothing a model reads: they pass as they are.
PASS_THROUGH: Final = frozenset({("GET", "/v1/models")})

# The envelope of errors on paths that no dialect claims.
FALLBACK: Final[Provider] = OpenAIChat()


def find(method: str, path: str) -> Provider | None:
    """The dialect that an endpoint speaks, or None if no dialect claims it."""
    return ENDPOINTS.get((method, path))
