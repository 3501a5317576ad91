"""Which endpoint speaks which dialect: the one visible list."""

from __future__ import annotations

import re
from typing import Final

from service.providers.anthropic import AnthropicMessages
from service.providers.base import CalledByPath, Provider, TakesForms
from service.providers.gemini import Gemini
from service.providers.gemini_files import GeminiFiles
from service.providers.openai_batches import OpenAIBatches
from service.providers.openai_chat import OpenAIChat
from service.providers.openai_file_content import OpenAIFileContent
from service.providers.openai_files import OpenAIFiles
from service.providers.openai_image_edits import OpenAIImageEdits
from service.providers.openai_images import OpenAIImages
from service.providers.openai_responses import OpenAIResponses
from service.providers.openai_texts import OpenAICompletions, OpenAIEmbeddings

# A path may name a ``{model}`` or an ``{id}``; the provider is then made for the call.
ENDPOINTS: Final[dict[tuple[str, str], Provider]] = {
    ("POST", "/v1/chat/completions"): OpenAIChat(),
    ("POST", "/v1/responses"): OpenAIResponses(),
    ("POST", "/v1/completions"): OpenAICompletions(),
    ("POST", "/v1/embeddings"): OpenAIEmbeddings(),
    ("POST", "/v1/images/generations"): OpenAIImages(),
    ("POST", "/v1/images/edits"): OpenAIImageEdits(),
    ("POST", "/v1/files"): OpenAIFiles(),
    ("GET", "/v1/files/{id}/content"): OpenAIFileContent(),
    ("POST", "/v1/batches"): OpenAIBatches(),
    ("POST", "/v1/messages"): AnthropicMessages(),
    ("POST", "/v1beta/models/{model}:generateContent"): Gemini(),
    ("POST", "/v1beta/models/{model}:streamGenerateContent"): Gemini(stream=True),
    ("POST", "/v1/models/{model}:generateContent"): Gemini(),
    ("POST", "/v1/models/{model}:streamGenerateContent"): Gemini(stream=True),
    ("POST", "/upload/v1beta/files"): GeminiFiles(),
    ("POST", "/upload/v1/files"): GeminiFiles(),
}

# Endpoints that carry nothing a model reads: they pass as they are.
PASS_THROUGH: Final = frozenset(
    {
        ("GET", "/v1/models"),
        ("POST", "/v1/messages/count_tokens"),
        ("GET", "/v1/files"),
        ("GET", "/v1/files/{id}"),
        ("DELETE", "/v1/files/{id}"),
        ("GET", "/v1/batches"),
        ("GET", "/v1/batches/{id}"),
        ("POST", "/v1/batches/{id}/cancel"),
        ("GET", "/v1beta/files"),
        ("GET", "/v1beta/files/{id}"),
        ("DELETE", "/v1beta/files/{id}"),
    }
)

# The envelope of errors on paths that no dialect claims.
FALLBACK: Final[Provider] = OpenAIChat()

_NAMES: Final = {r"\{model\}": "([A-Za-z0-9_.@-]+)", r"\{id\}": "([A-Za-z0-9_-]+)"}


def _pattern(path: str) -> re.Pattern[str]:
    """What matches a path, the name in it as the first group."""
    written = re.escape(path)
    for name, shape in _NAMES.items():
        written = written.replace(name, shape)
    return re.compile(written)


_BY_PATH: Final = [
    (method, _pattern(path), provider)
    for (method, path), provider in ENDPOINTS.items()
    if isinstance(provider, CalledByPath)
]
_PASSING: Final = [(method, _pattern(path)) for method, path in PASS_THROUGH]


def passes(method: str, path: str) -> bool:
    """Whether an endpoint passes as it is."""
    return any(method == known and path_.fullmatch(path) for known, path_ in _PASSING)


def find(method: str, path: str, query: str = "", kind: str = "") -> Provider | None:
    """The dialect that an endpoint speaks, or None if no dialect claims it.

    ``path`` and ``query`` (with its question mark) as they came on the wire; ``kind`` is the
    request's content type.
    """
    for known, pattern, provider in _BY_PATH:
        named = pattern.fullmatch(path) if method == known else None
        if named is not None:
            return provider.called(named[1], query)
    found = ENDPOINTS.get((method, path))
    if kind and found is not None and isinstance(found, TakesForms):
        return found.sent_as(kind)
    return found
