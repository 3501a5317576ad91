import base64
import json
from io import BytesIO
from itertools import islice
from typing import Any

import pytest
from PIL import Image

from benchmarks.requests import LOADS, SIZE, STREAM, Load, bodies, text
from detectors.contract.exchange import ImagePart
from detectors.media.decode import Limits
from detectors.media.pin import pin
from service.providers import strict_json
from service.providers.openai_chat import OpenAIChat

PICTURES = LOADS[2:]


def url(body: bytes) -> str:
    asked: dict[str, Any] = json.loads(body)
    found: str = asked["messages"][0]["content"][1]["image_url"]["url"]
    return found


@pytest.mark.parametrize("length", [200, 1000])
def test_texts_have_their_length_and_are_all_different(length: int) -> None:
    texts = [text(number, length) for number in range(300)]
    assert {len(one) for one in texts} == {length}
    assert len(set(texts)) == 300


@pytest.mark.parametrize("load", [*LOADS, STREAM], ids=lambda load: load.name)
def test_every_body_is_another_and_the_gate_can_read_it(load: Load) -> None:
    found = list(islice(bodies(load, 5), 12))
    assert len(set(found)) == 12
    assert found == list(islice(bodies(load, 5), 12))
    exchange = OpenAIChat().read(strict_json.parse(found[0]))
    assert exchange.stream is load.streamed
    assert pin(exchange, (), Limits()) == exchange  # nothing to re-encode: the usual case


@pytest.mark.parametrize("load", PICTURES, ids=lambda load: load.name)
def test_pictures_are_photos_of_the_size_that_is_claimed(load: Load) -> None:
    pictures = [url(body) for body in islice(bodies(load), 20)]
    assert len(set(pictures)) == 20
    data = base64.b64decode(pictures[0].removeprefix("data:image/jpeg;base64,"))
    assert Image.open(BytesIO(data)).size == SIZE
    parts = OpenAIChat().read(strict_json.parse(load.body(0))).parts()
    assert sum(isinstance(part, ImagePart) for part in parts) == 1
