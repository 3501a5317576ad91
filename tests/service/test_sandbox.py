"""The sandbox model speaks Chat Completions well enough for the official SDK."""

from __future__ import annotations

import io
import json
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from google import genai
from google.genai.types import UploadFileConfig
from openai import NotFoundError, OpenAI

from service.sandbox.app import sandbox
from service.sandbox.chat import answer
from service.sandbox.files import MOST
from tests.e2e.messages import asked, picture
from tests.e2e.serving import serving
from tests.pictures import jpeg, opened, photo, png, receipt

SHOWN = asked("What is the total?", picture(png(receipt())), picture(jpeg(photo())))
SAYS: dict[str, tuple[list[Any], str]] = {
    "a question": (asked("Hello."), "I was asked: Hello."),
    "pictures": (
        SHOWN,
        "I was shown 2 picture(s): PNG 480x640, JPEG 640x480. I was asked: What is the total?",
    ),
    "a picture of an earlier turn": (
        [*SHOWN, {"role": "assistant", "content": "11.70"}, *asked("Thank you.")],
        "I was shown 2 picture(s): PNG 480x640, JPEG 640x480. I was asked: Thank you.",
    ),
    "a picture that is linked to": (
        asked("A?", {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}),
        "I was asked: A?",
    ),
    "nobody asks": ([{"role": "system", "content": "Be brief."}], "I was asked: "),
}


@pytest.mark.parametrize(("messages", "says"), SAYS.values(), ids=SAYS)
def test_it_says_what_it_was_sent(messages: list[Any], says: str) -> None:
    assert answer({"messages": messages}) == says


@pytest.fixture(scope="module")
def client() -> Iterator[OpenAI]:
    with (
        serving(sandbox()) as url,
        OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client,
    ):
        yield client


def test_it_answers_whole(client: OpenAI) -> None:
    got = client.chat.completions.create(model="m", messages=asked("Hello."), n=2)
    assert [choice.message.content for choice in got.choices] == ["I was asked: Hello."] * 2
    assert (got.model, got.choices[1].finish_reason) == ("m", "stop")
    assert got.usage is not None


def test_it_streams_the_same_words(client: OpenAI) -> None:
    chunks = client.chat.completions.create(
        model="m",
        messages=asked("Hello there."),
        stream=True,
        stream_options={"include_usage": True},
    )
    *said, last = list(chunks)
    words = "".join(chunk.choices[0].delta.content or "" for chunk in said)
    assert words == "I was asked: Hello there."
    assert said[-1].choices[0].finish_reason == "stop"
    assert last.usage is not None


@pytest.mark.parametrize("stream", [False, True])
def test_it_calls_the_tool_that_it_is_offered(client: OpenAI, stream: bool) -> None:
    tools: list[Any] = [{"type": "function", "function": {"name": "weather"}}]
    messages = asked("In Paris?")
    if stream:
        with client.chat.completions.stream(model="m", messages=messages, tools=tools) as events:
            choice: Any = events.get_final_completion().choices[0]
    else:
        choice = client.chat.completions.create(model="m", messages=messages, tools=tools).choices[
            0
        ]
    (call,) = choice.message.tool_calls
    assert (choice.finish_reason, call.function.name) == ("tool_calls", "weather")
    assert json.loads(call.function.arguments) == {"asked": "In Paris?"}


def test_it_answers_in_words_once_the_tool_has_spoken(client: OpenAI) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    messages = [
        *asked("In Paris?"),
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "Sunny."},
    ]
    tools: list[Any] = [{"type": "function", "function": {"name": "weather"}}]
    got = client.chat.completions.create(model="m", messages=messages, tools=tools)
    assert (got.choices[0].finish_reason, got.choices[0].message.tool_calls) == ("stop", None)


def test_it_lists_itself(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["sandbox"]


def test_it_keeps_files_and_tells_of_them(client: OpenAI) -> None:
    kept = client.files.create(file=("a.txt", b"words"), purpose="user_data")
    assert (kept.filename, kept.bytes, kept.purpose) == ("a.txt", 5, "user_data")
    assert client.files.content(kept.id).content == b"words"
    assert kept.id in [file.id for file in client.files.list()]
    client.files.delete(kept.id)
    with pytest.raises(NotFoundError):
        client.files.retrieve(kept.id)


def test_it_keeps_few_files(client: OpenAI) -> None:
    ids = [
        client.files.create(file=("a.txt", b"words"), purpose="user_data").id
        for _ in range(MOST + 1)
    ]
    assert [file.id for file in client.files.list()] == ids[1:]


def test_it_takes_a_batch_of_a_file_that_it_has(client: OpenAI) -> None:
    kept = client.files.create(file=("a.jsonl", b"{}"), purpose="batch")
    for id_ in (kept.id, "file-elsewhere"):
        with suppress(NotFoundError):
            begun = client.batches.create(
                input_file_id=id_, endpoint="/v1/responses", completion_window="24h"
            )
    assert (begun.input_file_id, begun.status) == (kept.id, "validating")


def test_it_shows_the_picture_that_it_was_to_edit(client: OpenAI) -> None:
    got = client.images.edit(image=[("a.jpg", jpeg(photo(2))), ("b.png", png(photo()))], prompt="?")
    assert got.data is not None
    shown = opened(b64decode(got.data[0].b64_json or ""))
    assert shown.tobytes() == opened(jpeg(photo(2))).tobytes()


def test_it_answers_a_batch_at_once_and_tells_what_it_could_not_answer(client: OpenAI) -> None:
    chat = {"model": "m", "messages": asked("Hello.")}
    lines = [
        {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": chat},
        {"custom_id": "b", "method": "POST", "url": "/v1/elsewhere", "body": chat},
    ]
    text = "\n".join(map(json.dumps, lines)).encode()
    held = client.files.create(file=("a.jsonl", text), purpose="batch").id
    begun = client.batches.create(
        input_file_id=held, endpoint="/v1/chat/completions", completion_window="24h"
    )
    done = client.batches.retrieve(begun.id)
    assert done.status == "completed"
    said = json.loads(client.files.content(done.output_file_id or "").content)
    assert said["custom_id"] == "a"
    message = said["response"]["body"]["choices"][0]["message"]
    assert message["content"] == "I was asked: Hello."
    failed = json.loads(client.files.content(done.error_file_id or "").content)
    assert (failed["custom_id"], failed["response"]["status_code"]) == ("b", 400)
    with pytest.raises(NotFoundError):
        client.batches.retrieve("batch_elsewhere")


def test_it_takes_a_file_of_geminis_in_pieces() -> None:
    """The SDK cuts what is larger than 8 MiB."""
    data = bytes(9 * 1024 * 1024)
    with (
        serving(sandbox()) as url,
        genai.Client(
            api_key="k", http_options={"base_url": url, "api_version": "v1beta"}
        ) as client,
    ):
        config = UploadFileConfig(mime_type="text/plain", display_name="Nothing")
        kept = client.files.upload(file=io.BytesIO(data), config=config)
        assert (kept.size_bytes, kept.display_name) == (len(data), "Nothing")
        assert kept.name in [file.name for file in client.files.list()]
