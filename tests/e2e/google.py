"""Clients of Google's official SDK."""

from __future__ import annotations

from typing import Final

from google import genai

KEY: Final = "AIzaNeverToBeLogged"


def client_of(base: str, version: str | None = None) -> genai.Client:
    """A client that speaks this version of the API, or the SDK's own."""
    return genai.Client(api_key=KEY, http_options={"base_url": base, "api_version": version})
