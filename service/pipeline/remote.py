"""Fetch what a request only links to, before it is pinned: from then on it is part of the request.

What could not be fetched stays a gap, whose reason says no more than a client may know; the policy
decides about it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol, runtime_checkable

from detectors.contract.exchange import DocumentPart, Exchange, ImagePart, OpaquePart, Part
from service.fetch.client import Fetched, Fetcher, Wanted
from service.fetch.rules import DOCUMENT, PICTURE, NotFetched
from service.pipeline.actions import apply
from service.providers.base import Patch, Provider
from service.providers.fields import REMOTE_DOCUMENT, REMOTE_IMAGE
from service.providers.strict_json import Json

KINDS: Final = {REMOTE_IMAGE: PICTURE, REMOTE_DOCUMENT: DOCUMENT}
"""What a link may lead to, by the kind of the part that links."""


@runtime_checkable
class TakesDocuments(Protocol):
    """A dialect in which a document can be part of the request itself."""

    def replace_document(self, path: str, data: bytes, media_type: str) -> Patch:
        """Puts these bytes in place of the document at ``path``."""
        ...


async def fetched(exchange: Exchange, body: Json, provider: Provider, fetcher: Fetcher) -> Exchange:
    """The exchange with what could be fetched in place of its links, and the body patched alike.

    Raises:
        Overloaded: too many parts wait to be fetched.
    """
    linked = {
        part.key: (part, Wanted(url=part.remote.url, kind=KINDS[part.kind]))
        for part in exchange.parts()
        if isinstance(part, OpaquePart) and part.remote and _fits(part.kind, provider)
    }
    if not linked:
        return exchange
    outcomes = await fetcher.fetch([wanted for _, wanted in linked.values()])
    parts = {
        part.key: _part(part, outcome)
        for (part, _), outcome in zip(linked.values(), outcomes, strict=True)
    }
    # In a thread: what may be megabytes becomes Base64.
    await asyncio.to_thread(_inline, body, provider, list(parts.values()))
    messages = tuple(
        replace(message, parts=tuple(parts.get(part.key, part) for part in message.parts))
        for message in exchange.messages
    )
    return replace(exchange, messages=messages)


def _fits(kind: str, provider: Provider) -> bool:
    """Whether a part of this kind may be fetched, and the dialect has a place for what comes."""
    return kind == REMOTE_IMAGE or (
        kind == REMOTE_DOCUMENT and isinstance(provider, TakesDocuments)
    )


def _part(part: OpaquePart, outcome: Fetched | NotFetched) -> Part:
    if isinstance(outcome, NotFetched):
        return replace(part, reason=outcome.reason)
    if part.kind == REMOTE_DOCUMENT:
        return DocumentPart(
            pointer=part.pointer,
            origin=part.origin,
            call=part.call,
            data=outcome.data,
            media_type=outcome.media_type,
        )
    return ImagePart(
        pointer=part.pointer,
        origin=part.origin,
        call=part.call,
        data=outcome.data,
        media_type=outcome.media_type,
        detail=part.remote.detail if part.remote else None,
    )


def _inline(body: Json, provider: Provider, parts: Sequence[Part]) -> None:
    """Puts the bytes that will be inspected where the links stood."""
    changes: list[Patch] = []
    for part in parts:
        if isinstance(part, ImagePart):
            changes.append(provider.replace_image(part.pointer, part.data, part.media_type))
        elif isinstance(part, DocumentPart) and isinstance(provider, TakesDocuments):
            changes.append(provider.replace_document(part.pointer, part.data, part.media_type))
    apply(body, changes)
