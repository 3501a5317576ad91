"""Where the extra is installed, the model is shown nobody who could be named."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from openai import OpenAI

from detectors.contract.exchange import ImagePart, Origin
from detectors.views.faces import Faces, drawn_face, installed
from tests.e2e.gate import running
from tests.e2e.messages import asked, picture
from tests.e2e.upstream import Upstream
from tests.pictures import opened, photo, png

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not installed(), reason="the extra `faces` is not installed"),
]

POLICY = """\
version: 1
description: Who asks who somebody is, is shown no faces.
extends: [photo-privacy-blur]
override:
  - id: identity
    when: images > 0 && identity >= threshold.identity && (has_faces || !faces_known)
"""


@pytest.fixture(scope="module")
def client(model_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAI]:
    folder = tmp_path_factory.mktemp("faces")
    policy = folder / "policy.yaml"
    policy.write_text(POLICY)
    with (
        running(folder / "gate", "--upstream", model_url, "--policy", str(policy)) as gate,
        OpenAI(base_url=f"{gate.url}/v1", api_key="k", max_retries=0) as client,
    ):
        yield client


def portrait() -> bytes:
    page = photo(1, (800, 600))
    page.paste(drawn_face(256), (200, 100))
    return png(page)


def faces_in(data: bytes) -> int:
    part = ImagePart(pointer="/0", origin=Origin.USER, data=data, media_type="image/png")
    return len(Faces.load().reveal(part))


@pytest.mark.parametrize(
    ("question", "data", "decision"),
    [
        ("Who is this person?", portrait(), "rewrite"),
        ("Who is this person?", png(photo(2)), "forward"),
        ("What colour is the background?", portrait(), "forward"),
    ],
    ids=["asked of a person", "asked where nobody is shown", "not asked"],
)
def test_faces_are_blurred_where_somebody_is_asked_for(
    client: OpenAI, upstream: Upstream, question: str, data: bytes, decision: str
) -> None:
    got = client.chat.completions.with_raw_response.create(
        model="gpt-4o", messages=asked(question, picture(data))
    )
    assert got.headers["x-glassgate-decision"] == decision
    (sent,) = upstream.last.pictures()
    if decision == "forward":
        assert sent == data
        return
    assert (faces_in(data), faces_in(sent)) == (1, 0)
    before, after = (np.asarray(opened(each).convert("RGB")) for each in (data, sent))
    assert np.array_equal(before[:, 500:], after[:, 500:])
    told = upstream.last.json["messages"][0]
    assert told["role"] == "system"
    assert "without naming them" in told["content"]
