"""The sandbox model speaks Chat Completions well enough for the official SDK."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai import OpenAI

from service.sandbox.app import sandbox
from service.sandbox.chat import answer
from tests.e2e.messages import asked, picture
from tests.e2e.serving import serving
from tests.pictures import jpeg, photo, png, receipt

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
