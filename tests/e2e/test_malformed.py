"""What is no proper request is named to the client, and never reaches the model."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletion

from tests.e2e.gate import ROOT, Gate, running
from tests.e2e.messages import asked, picture
from tests.e2e.serving import free_port
from tests.e2e.upstream import Upstream
from tests.pictures import photo, png

pytestmark = pytest.mark.timeout(120)

HELLO = '"messages": [{"role": "user", "content": "hello"}]'
LIMIT = 64 * 1024


def deep(levels: int) -> str:
    """A body whose deepest value stands so many levels down."""
    return f'{{"model": "m", {HELLO}, "x": {"[" * (levels - 1)}1{"]" * (levels - 1)}}}'


def shows(data: bytes) -> str:
    return json.dumps({"model": "m", "messages": asked("What is this?", picture(data))})


def says(content: object) -> str:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": content}]})


def huge(width: int, height: int) -> bytes:
    """A PNG whose header claims that size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [header, b"IDAT" + zlib.compress(b"\0"), b"IEND"]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in chunks
    )


BROKEN_BASE64 = {"type": "image_url", "image_url": {"url": "data:image/png;base64,@@@"}}
MALFORMED: dict[str, tuple[str, str | None, str]] = {
    "the same key twice": (f'{{"model": "m", "model": "n", {HELLO}}}', "/model", "twice"),
    "the same key twice inside": (
        '{"model": "m", "messages": [{"role": "user", "content": "a", "content": "b"}]}',
        "/messages/0/content",
        "twice",
    ),
    "NaN": (f'{{"model": "m", {HELLO}, "temperature": NaN}}', "/temperature", "NaN"),
    "a number out of range": (f'{{"model": "m", {HELLO}, "top_p": 1e999}}', "/top_p", "range"),
    "trailing data": (f'{{"model": "m", {HELLO}}} {{}}', None, "not JSON"),
    "no JSON": ("model=m", None, "not JSON"),
    "nothing": ("", None, "not JSON"),
    "too deep": (deep(65), "/x" + "/0" * 64, "deeper than 64"),
    "a list": ("[]", "", "object"),
    "no model": (f"{{{HELLO}}}", "/model", "string"),
    "no messages": ('{"model": "m"}', "/messages", "array"),
    "messages of a wrong type": ('{"model": "m", "messages": "hello"}', "/messages", "array"),
    "a message of a wrong type": ('{"model": "m", "messages": ["a"]}', "/messages/0", "object"),
    "an unknown role": (
        '{"model": "m", "messages": [{"role": "king", "content": "a"}]}',
        "/messages/0/role",
        "one of system",
    ),
    "content of a wrong type": (says(3), "/messages/0/content", "array"),
    "text of a wrong type": (
        says([{"type": "text", "text": 3}]),
        "/messages/0/content/0/text",
        "string",
    ),
    "a picture of a wrong type": (
        says([{"type": "image_url", "image_url": "x"}]),
        "/messages/0/content/0/image_url",
        "object",
    ),
    "n of a wrong type": (f'{{"model": "m", {HELLO}, "n": "2"}}', "/n", "integer"),
    "stream of a wrong type": (f'{{"model": "m", {HELLO}, "stream": 1}}', "/stream", "boolean"),
    "half a character": (says("\ud83d"), "/messages/0/content", "surrogate"),
    "broken base64": (says([BROKEN_BASE64]), "/messages/0/content/0", "base64"),
    "a truncated picture": (
        shows(png(photo(1))[:-100]),
        "/messages/0/content/1",
        "truncated",
    ),
    "an enormous picture": (shows(huge(65535, 65535)), "/messages/0/content/1", "65535x65535"),
    "no picture": (
        shows(b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        "/messages/0/content/1",
        "SVG",
    ),
}


def post(client: OpenAI, body: bytes, **headers: str) -> ChatCompletion:
    """These bytes, sent by the SDK."""
    return client.post(
        "/chat/completions",
        cast_to=ChatCompletion,
        content=body,
        options={"headers": {"content-type": "application/json", **headers}},
    )


@pytest.mark.parametrize(("body", "pointer", "named"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_request_is_named(
    client: OpenAI, upstream: Upstream, body: str, pointer: str | None, named: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=named) as caught:
        post(client, body.encode())
    assert caught.value.param == pointer
    assert (caught.value.code, caught.value.type) == ("invalid_request", "invalid_request_error")
    assert upstream.received == []


@pytest.mark.parametrize(
    "body",
    [b'\xef\xbb\xbf{"model": "m"}', b'{"model": "\xff"}', '{"model": "m"}'.encode("utf-16")],
    ids=["byte order mark", "latin-1", "utf-16"],
)
def test_only_plain_utf_8_is_read(client: OpenAI, upstream: Upstream, body: bytes) -> None:
    with pytest.raises(openai.BadRequestError, match=r"UTF-8|JSON"):
        post(client, body)
    assert upstream.received == []


def test_64_levels_are_not_too_deep(client: OpenAI, upstream: Upstream) -> None:
    assert post(client, deep(64).encode()).choices[0].message.content
    assert len(upstream.received) == 1


def test_a_compressed_body_is_not_read(client: OpenAI, upstream: Upstream) -> None:
    body = gzip.compress(f'{{"model": "m", {HELLO}}}'.encode())
    with pytest.raises(openai.APIStatusError, match="without content-encoding") as caught:
        post(client, body, **{"content-encoding": "gzip"})
    assert caught.value.status_code == 415
    assert upstream.received == []


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """A gate that answers refusals as errors, reads little, and has no model behind it."""
    folder = tmp_path_factory.mktemp("strict")
    policy = folder / "strict.yaml"
    written = (ROOT / "policies" / "default.yaml").read_text()
    policy.write_text(written.replace("refusal: refusal", "refusal: error"))
    with running(
        folder / "gate",
        "--upstream",
        f"http://127.0.0.1:{free_port()}",
        "--policy",
        str(policy),
        body_limit=str(LIMIT),
    ) as gate:
        yield gate


@pytest.fixture(scope="module")
def strict_client(strict: Gate) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{strict.url}/v1", api_key="k", max_retries=0) as client:
        yield client


def test_a_body_over_the_limit_is_not_read(strict_client: OpenAI) -> None:
    with pytest.raises(openai.APIStatusError, match=f"more than {LIMIT} bytes") as caught:
        strict_client.chat.completions.create(model="m", messages=asked("x" * LIMIT))
    assert (caught.value.status_code, caught.value.code) == (413, "request_too_large")


def test_a_chunked_body_over_the_limit_is_not_read(strict: Gate) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(9):
            yield b" " * (LIMIT // 8)

    got = strict.post(chunks())
    assert (got.status_code, got.json()["error"]["code"]) == (413, "request_too_large")


def test_a_refusal_is_an_error_where_the_policy_says_so(strict_client: OpenAI) -> None:
    part: dict[str, Any] = {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError, match="attach the picture itself") as caught:
            strict_client.chat.completions.create(
                model="m", messages=asked("What is this?", part), stream=stream
            )
        assert caught.value.code == "content_filter"
        assert caught.value.response.headers["x-glassgate-decision"] == "refuse"


def test_a_model_that_is_not_there_is_a_bad_gateway(strict: Gate, strict_client: OpenAI) -> None:
    for call in (
        lambda: strict_client.chat.completions.create(model="m", messages=asked("Hello.")),
        strict_client.models.list,
    ):
        with pytest.raises(openai.InternalServerError, match="cannot be reached") as caught:
            call()
        assert (caught.value.status_code, caught.value.code) == (502, "upstream_unreachable")
    assert strict.ready()
