"""Which endpoint speaks which dialect: the one visible list."""

from __future__ import annotations

import re
from typing import Final

from service.providers.anthropic import AnthropicMessages
from service.providers.base import CalledByPath, Provider
from service.providers.gemini import Gemini
from service.providers.openai_chat import OpenAIChat
from service.providers.openai_images import OpenAIImages
from service.providers.openai_responses import OpenAIResponses
from service.providers.openai_texts import OpenAICompletions, OpenAIEmbeddings

# A path may name the model as ``{model}``; the provider is then made for the call.
ENDPOINTS: Final[dict[tuple[str, str], Provider]] = {
    ("POST", "/v1/chat/completions"): OpenAIChat(),
    ("POST", "/v1/responses"): OpenAIResponses(),
    ("POST", "/v1/completions"): OpenAICompletions(),
    ("POST", "/v1/embeddings"): OpenAIEmbeddings(),
    ("POST", "/v1/images/generations"): OpenAIImages(),
    ("POST", "/v1/messages"): AnthropicMessages(),
    ("POST", "/v1beta/models/{model}:generateContent"): Gemini(),
    ("POST", "/v1beta/models/{model}:streamGenerateContent"): Gemini(stream=True),
    ("POST", "/v1/models/{model}:generateContent"): Gemini(),
    ("POST", "/v1/models/{model}:streamGenerateContent"): Gemini(stream=True),
}

# Endpoints that carry nothing a model reads: they pass as they are.
PASS_THROUGH: Final = frozenset({("GET", "/v1/models"), ("POST", "/v1/messages/count_tokens")})

# The envelope of errors on paths that no dialect claims.
FALLBACK: Final[Provider] = OpenAIChat()

_MODEL: Final = r"(?P<model>[A-Za-z0-9_.@-]+)"
_BY_PATH: Final = [
    (method, re.compile(re.escape(path).replace(r"\{model\}", _MODEL)), provider)
    for (method, path), provider in ENDPOINTS.items()
    if isinstance(provider, CalledByPath)
]


def find(method: str, path: str, query: str = "") -> Provider | None:
    """The dialect that an endpoint speaks, or None if no dialect claims it.

    ``path`` and ``query`` (with its question mark) as they came on the wire.
    """
    for known, pattern, provider in _BY_PATH:
        named = pattern.fullmatch(path) if method == known else None
        if named is not None:
            return provider.called(named["model"], query)
    return ENDPOINTS.get((method, path))
