"""The sandbox model's app: one router for each dialect.

It understands nothing. It says how many pictures of which size it was shown and repeats the last
question, so that a newcomer sees what came through the gate.
"""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, FastAPI

from service.sandbox import anthropic, batches, chat, files, gemini, gemini_files, responses, texts

DIALECTS: Final[tuple[APIRouter, ...]] = (
    chat.router,
    responses.router,
    texts.router,
    files.router,
    batches.router,
    anthropic.router,
    gemini.router,
    gemini_files.router,
)


def sandbox() -> FastAPI:
    """The app of the sandbox model."""
    app = FastAPI(title="Sandbox model", docs_url=None, redoc_url=None, openapi_url=None)
    for router in DIALECTS:
        app.include_router(router)
    return app
