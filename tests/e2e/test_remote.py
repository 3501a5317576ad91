"""What is linked, on its way through the proxy: fetched once, inspected, sent inline."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx
import pytest

from detectors.contract.exchange import ImagePart, Part
from detectors.inspect import Inspector
from detectors.media.decode import Limits
from detectors.views.document.view import Document
from service import app as apps
from service.pipeline.examine import Examiner
from service.policy.load import load
from service.settings import Settings
from tests.documents import line, pdf
from tests.e2e.serving import serving
from tests.e2e.upstream import Upstream
from tests.pictures import photo, png
from tests.service.fetch.servers import Server, page, saying
from tests.service.fetch.servers import serving as listening

pytestmark = pytest.mark.timeout(60)

SHARP = png(photo(3, (64, 48)))


class Looks:
    """Looks at every picture, and finds nothing in it."""

    name = "looks"
    version = "1"

    def applies(self, part: Part) -> bool:
        return isinstance(part, ImagePart)

    def reveal(self, _: Part) -> Sequence[Part]:
        return ()

    def self_check(self) -> None:
        """There is nothing to load."""


@contextmanager
def proxied(upstream: Upstream, media: Server, **settings: object) -> Iterator[httpx.Client]:
    """A client of the proxy, which may fetch from this server."""
    read = Settings.read(
        **{
            "fetch": "http",
            "fetch_ports": str(media.port),
            "fetch_addresses": "127.0.0.1",
            **settings,
        }
    )
    examiner = Examiner(
        inspector=Inspector(views=[Looks(), Document()], checks=[]),
        policy=load(read.policy),
        sizes=(),
        limits=Limits(),
        timeout_s=30,
    )
    with (
        serving(upstream) as model,
        serving(apps.proxy(read, examiner, model)) as url,
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        yield client


def asked(*urls: str) -> dict[str, object]:
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return {"model": "m", "messages": [{"role": "user", "content": parts}]}


def test_the_model_is_sent_the_bytes_that_were_inspected_and_no_link() -> None:
    upstream = Upstream()
    with listening(saying(page(SHARP))) as media, proxied(upstream, media) as client:
        url = f"http://127.0.0.1:{media.port}/a.png?token=1"
        got = client.post("/v1/chat/completions", json=asked(url, url))
    assert (got.status_code, got.headers["x-glassgate-coverage"]) == (200, "3/3")
    assert upstream.last.pictures() == [SHARP, SHARP]
    assert b"token" not in upstream.last.body
    assert media.connections == 1


def test_a_document_behind_a_link_reaches_the_model_as_its_bytes() -> None:
    upstream, pages = Upstream(), pdf(line("Paris is a town."))
    with (
        listening(saying(page(pages, kind="application/pdf"))) as media,
        proxied(upstream, media) as client,
    ):
        link = {"type": "url", "url": f"http://127.0.0.1:{media.port}/a.pdf?token=1"}
        block = {"type": "document", "source": link}
        messages = [{"role": "user", "content": [block]}]
        got = client.post("/v1/messages", json={"model": "m", "messages": messages})
    assert (got.status_code, got.headers["x-glassgate-coverage"]) == (200, "2/2")
    sent = upstream.last.json["messages"][0]["content"][0]["source"]
    assert sent["data"] == b64encode(pages).decode()
    assert sent == {"type": "base64", "media_type": "application/pdf", "data": sent["data"]}
    assert b"token" not in upstream.last.body


@pytest.mark.parametrize("settings", [{"fetch": "off"}, {"fetch_denied_hosts": "127.*"}, {}])
def test_what_is_not_fetched_is_refused(settings: dict[str, object]) -> None:
    upstream = Upstream()
    answer = saying(page(b"<html>", kind="text/html"))
    with listening(answer) as media, proxied(upstream, media, **settings) as client:
        got = client.post("/v1/chat/completions", json=asked(f"http://127.0.0.1:{media.port}/a"))
    refusal = got.json()["choices"][0]["message"]["refusal"]
    assert "attach the picture itself" in refusal
    assert upstream.received == []
    assert media.connections == (0 if settings else 1)
    assert json.dumps(got.json()).count("127.0.0.1") == 0
