"""The proxy's app on a real socket: which paths it serves, and what it takes for a body.

Its detectors are the real ones that need no model, so that each app starts at once.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import Response

from detectors.checks.patterns import Patterns
from detectors.contract.detector import SelfCheckError
from detectors.inspect import Inspector
from detectors.media.decode import Limits
from detectors.views.normalise import Normalise
from detectors.views.tool_call import ToolCall
from service import app as apps
from service.pipeline.examine import Examiner
from service.policy.load import PolicyError, load
from service.settings import Settings
from tests.e2e.serving import free_port, serving
from tests.e2e.upstream import Upstream, completion

pytestmark = pytest.mark.timeout(60)

CHAT = "/v1/chat/completions"
HELLO = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


@contextmanager
def proxied(upstream: Upstream, **settings: object) -> Iterator[httpx.Client]:
    """A client of the proxy in front of this upstream."""
    read = Settings.read(**settings)
    examiner = Examiner(
        inspector=Inspector(views=[ToolCall(), Normalise()], checks=[Patterns()]),
        policy=load(read.policy),
        sizes=read.image_sizes,
        limits=Limits(),
        timeout_s=read.inspect_timeout_s,
    )
    with (
        serving(upstream) as model,
        serving(apps.proxy(read, examiner, model)) as url,
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        yield client


OTHERS = [
    ("GET", CHAT),
    ("PUT", CHAT),
    ("POST", f"{CHAT}/"),
    ("POST", "/v1/chat/completion%73"),
    ("POST", "//v1/chat/completions"),
    ("POST", "/V1/chat/completions"),
    ("POST", "/v1/models"),
    ("GET", "/v1/models/m"),
    ("POST", "/v1/files/f"),
    ("GET", "/v1/files/f/g"),
    ("GET", "/v1/files/%66"),
    ("DELETE", "/v1/files"),
    ("DELETE", "/v1/batches/b"),
    ("POST", "/v1/responses/r"),
    ("OPTIONS", CHAT),
    ("GET", "/"),
    ("GET", "/metrics"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
]


def test_only_listed_paths_are_served(upstream: Upstream) -> None:
    with proxied(upstream) as client:
        for method, path in OTHERS:
            request = client.build_request(method, "/", json={})
            request.url = request.url.copy_with(raw_path=path.encode())
            got = client.send(request)
            assert got.status_code == 404, (method, path)
            assert got.json()["error"]["code"] == "unknown_endpoint"
            assert "GLASSGATE_PASS_THROUGH" in got.json()["error"]["message"]
    assert upstream.received == []


PASSED = [
    ("GET", "/v1/files?purpose=batch"),
    ("GET", "/v1/files/file-1"),
    ("DELETE", "/v1/files/file-1"),
    ("GET", "/v1/batches"),
    ("GET", "/v1/batches/batch_1"),
    ("POST", "/v1/batches/batch_1/cancel"),
]


def test_what_is_told_of_files_and_batches_passes_as_it_is(upstream: Upstream) -> None:
    with proxied(upstream) as client, upstream.answering(Response(b"{}", 200)):
        assert {client.request(method, path).status_code for method, path in PASSED} == {200}
    assert [(received.method, received.path) for received in upstream.received] == PASSED


def test_a_socket_is_not_opened_and_says_why(upstream: Upstream) -> None:
    asked = {"connection": "Upgrade", "upgrade": "WebSocket", "sec-websocket-version": "13"}
    with proxied(upstream, pass_through="GET /v1/realtime") as client:
        for path in ("/v1/realtime?model=m", "/v1/models", CHAT):
            got = client.get(path, headers={**asked, "sec-websocket-key": "a2V5"})
            assert got.status_code == 404
            assert "a WebSocket (Realtime) is not inspected here" in got.json()["error"]["message"]
    assert upstream.received == []


def test_a_path_that_the_operator_lists_passes_as_it_is(upstream: Upstream) -> None:
    answer = Response(b"\x00sound", 201, {"x-made": "yes", "x-glassgate-id": "forged"}, "audio/wav")
    with (
        proxied(upstream, pass_through="POST /v1/audio/speech") as client,
        upstream.answering(answer),
    ):
        got = client.post("/v1/audio/speech?speed=2", content=b"say it", headers={"x-a": "1"})
        assert client.get("/v1/audio/speech").status_code == 404
    assert (got.status_code, got.content) == (201, b"\x00sound")
    assert (got.headers["content-type"], got.headers["x-made"]) == ("audio/wav", "yes")
    assert "x-glassgate-id" not in got.headers
    (received,) = upstream.received
    assert (received.method, received.path) == ("POST", "/v1/audio/speech?speed=2")
    assert (received.body, received.header("x-a")) == (b"say it", ["1"])


def test_a_listed_path_of_a_model_that_is_not_there_is_a_bad_gateway() -> None:
    read = Settings.read()
    inspector = Inspector(views=[], checks=[])
    examiner = Examiner(
        inspector=inspector, policy=load(read.policy), sizes=(), limits=Limits(), timeout_s=1
    )
    with serving(apps.proxy(read, examiner, f"http://127.0.0.1:{free_port()}")) as url:
        got = httpx.get(f"{url}/v1/models")
    assert (got.status_code, got.json()["error"]["code"]) == (502, "upstream_unreachable")


def test_the_body_limit_holds_for_any_way_of_sending(upstream: Upstream) -> None:
    fits = json.dumps(HELLO).encode().ljust(2048)
    with proxied(upstream, body_limit=2048) as client:
        for body, status in ((fits, 200), (fits + b" ", 413)):
            assert client.post(CHAT, content=body).status_code == status
            assert client.post(CHAT, content=iter([body[:9], body[9:]])).status_code == status
    assert len(upstream.received) == 2


def test_a_length_that_lies_is_not_waited_for(upstream: Upstream) -> None:
    """A body that is too long is refused by its header, before it comes."""
    with proxied(upstream, body_limit=2048) as client, _connected(client) as wire:
        wire.sendall(_head(9999))
        assert wire.recv(65536).startswith(b"HTTP/1.1 413")


def test_a_body_that_does_not_come_is_not_waited_for(upstream: Upstream) -> None:
    with proxied(upstream, body_timeout_s=0.2) as client, _connected(client) as wire:
        wire.sendall(_head(20) + b'{"model":')
        answer = wire.recv(65536)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"request_timeout" in answer


def test_a_client_that_goes_away_is_no_error(
    upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    with proxied(upstream) as client:
        with _connected(client) as wire:
            wire.sendall(_head(20) + b'{"model":')
            time.sleep(0.2)
        time.sleep(0.2)
        assert client.post(CHAT, json=HELLO).status_code == 200
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip", "GZIP"])
def test_an_encoded_body_is_not_read(upstream: Upstream, encoding: str) -> None:
    with proxied(upstream) as client:
        got = client.post(CHAT, json=HELLO, headers={"content-encoding": encoding})
        assert (got.status_code, got.json()["error"]["code"]) == (415, "unsupported_encoding")
        plain = client.post(CHAT, json=HELLO, headers={"content-encoding": "identity"})
        assert plain.status_code == 200
    assert upstream.last.header("content-encoding") == []


def test_one_content_type_reaches_the_model(upstream: Upstream) -> None:
    with proxied(upstream) as client:
        client.post(CHAT, content=json.dumps(HELLO), headers={"content-type": "text/plain"})
    assert upstream.last.header("content-type") == ["application/json"]


def test_a_full_queue_says_when_to_come_again(upstream: Upstream) -> None:
    """One may work and one may wait; eight come with a text that takes a while."""
    slow = {"model": "m", "messages": [{"role": "user", "content": "![" * 400_000}]}
    with (
        proxied(upstream, threads=1, queue=1) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        answers = list(pool.map(lambda _: client.post(CHAT, json=slow), range(8)))
    full = [answer for answer in answers if answer.status_code == 503]
    assert full
    assert {answer.headers["retry-after"] for answer in full} == {"1"}
    assert {answer.json()["error"]["code"] for answer in full} == {"overloaded"}
    assert {answer.status_code for answer in answers} == {200, 503}


def test_a_model_that_takes_too_long_is_a_gateway_timeout(upstream: Upstream) -> None:
    with proxied(upstream, upstream_read_s=0.2) as client, upstream.answering(after_s=1):
        got = client.post(CHAT, json=HELLO)
    assert (got.status_code, got.json()["error"]["code"]) == (504, "upstream_timeout")


def test_an_answer_over_the_limit_is_not_passed_on(upstream: Upstream) -> None:
    answer = completion({"content": "x" * 2048})
    with proxied(upstream, answer_limit=2048) as client, upstream.answering(answer):
        got = client.post(CHAT, json=HELLO)
    assert (got.status_code, got.json()["error"]["code"]) == (502, "upstream_malformed")


def test_a_request_that_two_servers_would_cut_differently_is_refused(upstream: Upstream) -> None:
    with proxied(upstream) as client, _connected(client) as wire:
        both = _head(5).replace(b"host: x", b"host: x\r\ntransfer-encoding: chunked")
        wire.sendall(both + b"0\r\n\r\nPOST /v1/x HTTP/1.1\r\nhost: x\r\n\r\n")
        assert wire.recv(65536).startswith(b"HTTP/1.1 400")
    assert upstream.received == []


def test_an_examiner_needs_a_policy(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"none\.yaml"):
        apps.examiner(Settings.read(policy=tmp_path / "none.yaml"))


def test_an_examiner_has_checked_every_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Patterns) -> None:
        raise SelfCheckError("patterns did not find a known form")

    monkeypatch.setattr(Patterns, "self_check", broken)
    with pytest.raises(SelfCheckError, match="known"):
        apps.examiner(Settings.read())


@contextmanager
def _connected(client: httpx.Client) -> Iterator[socket.socket]:
    with socket.create_connection((client.base_url.host, client.base_url.port or 80)) as wire:
        wire.settimeout(10)
        yield wire


def _head(length: int) -> bytes:
    return f"POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n".encode()
