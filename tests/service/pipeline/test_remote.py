"""What a request links to becomes part of it: in the exchange and in the body alike."""

from __future__ import annotations

import asyncio
import json
import ssl
from base64 import b64encode
from copy import deepcopy
from ipaddress import ip_network

import pytest

from detectors.contract.exchange import (
    CallRef,
    DocumentPart,
    Exchange,
    ImagePart,
    Message,
    OpaquePart,
    Origin,
    Remote,
    Role,
    Stage,
)
from service.fetch.client import Fetcher
from service.fetch.rules import LINK, NOTHING, Rules
from service.pipeline.remote import fetched
from service.providers.anthropic import AnthropicMessages
from service.providers.base import Provider
from service.providers.fields import REMOTE_DOCUMENT
from service.providers.gemini import Gemini
from service.providers.openai_chat import OpenAIChat
from service.providers.openai_responses import OpenAIResponses
from service.providers.strict_json import Json
from tests.service.fetch.servers import PIXELS, Server, page, saying, serving

INLINE = f"data:image/png;base64,{b64encode(PIXELS).decode()}"


def turned(
    exchange: Exchange,
    body: Json,
    provider: Provider,
    *servers: Server,
) -> Exchange:
    """The exchange with its links fetched from these servers."""

    async def work() -> Exchange:
        rules = Rules(
            schemes=frozenset({"http"}),
            ports=frozenset(server.port for server in servers),
            networks=(ip_network("127.0.0.1/32"),),
            stroke_s=1.0,
        )
        fetcher = Fetcher(rules, trust=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        try:
            return await fetched(exchange, body, provider, fetcher)
        finally:
            fetcher.close()

    return asyncio.run(work())


def chat(*urls: str) -> Json:
    pictures: list[Json] = [
        {"type": "image_url", "image_url": {"url": url, "detail": "low"}} for url in urls
    ]
    content: Json = [{"type": "text", "text": "What is this?"}, *pictures]
    return {"model": "m", "messages": [{"role": "user", "content": content}]}


def test_a_linked_picture_is_inspected_and_sent_inline() -> None:
    provider = OpenAIChat()
    with serving(saying(page())) as server:
        body = chat(f"http://127.0.0.1:{server.port}/a.png?secret=1")
        before = provider.read(body)
        after = turned(before, body, provider, server)
    assert body == chat(INLINE)
    assert after == provider.read(body)
    picture = list(after.parts())[1]
    assert isinstance(picture, ImagePart)
    assert (picture.data, picture.media_type, picture.detail) == (PIXELS, "image/png", "low")
    assert (picture.pointer, picture.origin) == ("/messages/0/content/1", Origin.USER)


def test_a_picture_that_a_tool_linked_to_names_the_call() -> None:
    provider = OpenAIChat()
    with serving(saying(page())) as server:
        url = f"http://127.0.0.1:{server.port}/a.png"
        shown: Json = {"type": "image_url", "image_url": {"url": url}}
        message: Json = {"role": "tool", "tool_call_id": "c1", "content": [shown]}
        body: Json = {"model": "m", "messages": [message]}
        (picture,) = turned(provider.read(body), body, provider, server).parts()
    assert isinstance(picture, ImagePart)
    assert picture.call == CallRef(id="c1")


def test_what_cannot_be_fetched_stays_a_gap_and_a_link() -> None:
    provider = OpenAIChat()
    with serving(saying(page(status="404 Not Found"))) as server:
        there = f"http://127.0.0.1:{server.port}/private?token=1"
        links = [there, "http://127.0.0.1:1/x", "ftp://host/private", INLINE, "https://a\\b"]
        body = chat(*links)
        sent = deepcopy(body)
        after = turned(provider.read(body), body, provider, server)
    assert body == sent
    gaps = {
        part.pointer[-1]: (part.kind, part.reason)
        for part in after.parts()
        if isinstance(part, OpaquePart)
    }
    assert gaps == {
        "1": ("remote_image", NOTHING),
        "2": ("remote_image", LINK),
        "3": ("remote_image", LINK),
        "5": ("remote_image", LINK),
    }
    assert "private" not in repr(after)
    assert "token" not in repr(after)


def test_one_of_two_that_can_be_fetched_is() -> None:
    provider = OpenAIChat()
    with serving(saying(page())) as server:
        good, bad = f"http://127.0.0.1:{server.port}/", "gopher://x/"
        body = chat(bad, good)
        after = turned(provider.read(body), body, provider, server)
    assert body == chat(bad, INLINE)
    assert [type(part).__name__ for part in after.parts()] == [
        "TextPart",
        "OpaquePart",
        "ImagePart",
    ]


def test_a_request_without_links_is_left_alone() -> None:
    provider = OpenAIChat()
    body = chat(INLINE)
    before = provider.read(body)
    assert turned(before, body, provider) is before


def test_a_tools_picture_of_another_dialect_is_fetched_too() -> None:
    provider = OpenAIResponses()
    with serving(saying(page())) as server:
        url = f"http://127.0.0.1:{server.port}/"
        shown: Json = {"type": "computer_screenshot", "image_url": url}
        item: Json = {"type": "computer_call_output", "call_id": "c", "output": shown}
        body: Json = {"model": "m", "input": [item]}
        after = turned(provider.read(body), body, provider, server)
    assert shown == {"type": "computer_screenshot", "image_url": INLINE}
    (picture,) = [part for part in after.parts() if isinstance(part, ImagePart)]
    assert (picture.data, picture.origin) == (PIXELS, Origin.THIRD_PARTY)


PAGES = b"%PDF-1.7 and so on"
ENCODED = b64encode(PAGES).decode()
URI = f"data:application/pdf;base64,{ENCODED}"
SOURCE: Json = {"type": "base64", "media_type": "application/pdf", "data": ENCODED}
BLOB: Json = {"mimeType": "application/pdf", "data": ENCODED}
HERE = "here"


def claude(source: Json) -> Json:
    block: Json = {"type": "document", "title": "a report", "source": source}
    result: Json = {"type": "tool_result", "tool_use_id": "t", "content": [block]}
    return {"model": "m", "messages": [{"role": "user", "content": [block, result]}]}


def gemini(part: Json) -> Json:
    result: Json = {"functionResponse": {"name": "f", "parts": [part]}}
    return {"contents": [{"parts": [{"text": "What is it?"}, part]}, {"parts": result}]}


def responses(part: Json) -> Json:
    output: Json = {"type": "function_call_output", "call_id": "c", "output": [part]}
    return {"model": "m", "input": [{"role": "user", "content": [part]}, output]}


DOCUMENTS: dict[str, tuple[Provider, Json, Json]] = {
    "anthropic": (
        AnthropicMessages(),
        claude({"type": "url", "url": HERE}),
        claude(SOURCE),
    ),
    "gemini": (
        Gemini(model="m"),
        gemini({"file_data": {"mime_type": "application/pdf", "file_uri": HERE}}),
        gemini({"inlineData": BLOB}),
    ),
    "responses": (
        OpenAIResponses(),
        responses({"type": "input_file", "file_url": HERE, "filename": "a.pdf"}),
        responses({"type": "input_file", "filename": "document.pdf", "file_data": URI}),
    ),
}


@pytest.mark.parametrize(("provider", "written", "sent"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_linked_document_is_inspected_and_sent_inline(
    provider: Provider, written: Json, sent: Json
) -> None:
    with serving(saying(page(PAGES, kind="application/pdf"))) as server:
        url = f"http://127.0.0.1:{server.port}/a.pdf?secret=1"
        body = json.loads(json.dumps(written).replace(f'"{HERE}"', f'"{url}"'))
        after = turned(provider.read(body), body, provider, server)
    assert body == sent
    inspected = [part for part in after.parts() if isinstance(part, DocumentPart)]
    forwarded = [part for part in provider.read(body).parts() if isinstance(part, DocumentPart)]
    assert [part.data for part in inspected] == [PAGES, PAGES]
    assert [(part.data, part.media_type, part.origin) for part in forwarded] == [
        (part.data, part.media_type, part.origin) for part in inspected
    ]


@pytest.mark.parametrize(("provider", "written", "sent"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_page_that_is_no_document_stays_a_gap_and_a_link(
    provider: Provider, written: Json, sent: Json
) -> None:
    with serving(saying(page(b"<html>", kind="text/html"))) as server:
        url = f"http://127.0.0.1:{server.port}/"
        body = json.loads(json.dumps(written).replace(f'"{HERE}"', f'"{url}"'))
        before = deepcopy(body)
        after = turned(provider.read(body), body, provider, server)
    assert body == before != sent
    gaps = [part for part in after.parts() if isinstance(part, OpaquePart)]
    assert [(part.kind, part.reason) for part in gaps] == [("remote_document", NOTHING)] * 2


def test_a_dialect_without_a_place_for_a_document_asks_nobody() -> None:
    remote = Remote(url="http://127.0.0.1:1/a.pdf")
    part = OpaquePart(
        pointer="/file", origin=Origin.USER, kind=REMOTE_DOCUMENT, reason="", remote=remote
    )
    message = Message(role=Role.USER, parts=(part,))
    exchange = Exchange(dialect="d", model="m", stage=Stage.REQUEST, messages=(message,))
    assert turned(exchange, {"file": remote.url}, OpenAIChat()) is exchange
