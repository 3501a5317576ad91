from __future__ import annotations

import pytest

from service.providers.strict_json import Json
from service.providers.table import ENDPOINTS, PASS_THROUGH, find

ASKED: Json = {"contents": [{"parts": [{"text": "Hello."}]}]}
BY_PATH = {
    "/v1beta/models/gemini-2.5-flash:generateContent": ("gemini-2.5-flash", False),
    "/v1/models/gemini-2.5-flash:generateContent": ("gemini-2.5-flash", False),
    "/v1beta/models/m:streamGenerateContent": ("m", True),
    "/v1/models/m@001:streamGenerateContent": ("m@001", True),
}


@pytest.mark.parametrize("path", BY_PATH)
def test_a_path_says_the_model_and_whether_it_streams(path: str) -> None:
    provider = find("POST", path, "?key=k&alt=sse")
    assert provider is not None
    exchange = provider.read(ASKED)
    assert (exchange.model, exchange.stream) == BY_PATH[path]


@pytest.mark.parametrize(
    ("query", "framed"),
    [
        ("", list),
        ("?key=k", list),
        ("?alt=json", list),
        ("?alt=sse", dict),
        ("?key=k&alt=sse", dict),
        ("?$alt=sse", dict),
        ("?%24alt=sse", dict),
    ],
)
def test_a_query_says_how_a_stream_is_framed(query: str, framed: type) -> None:
    provider = find("POST", "/v1beta/models/m:streamGenerateContent", query)
    assert provider is not None
    assert isinstance(provider.refusal(ASKED, "No.", "id", 0), framed)
    assert provider.read(ASKED).stream is (framed is dict)


@pytest.mark.parametrize("place", [place for place in ENDPOINTS if "{" not in place[1]])
def test_a_fixed_path_is_found_whatever_its_query(place: tuple[str, str]) -> None:
    assert find(*place) is find(*place, "?beta=true") is ENDPOINTS[place]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/chat/completions"),
        ("POST", "/v1/chat/completions/"),
        ("GET", "/v1beta/models/m:generateContent"),
        ("POST", "/v1beta/models/m:embedContent"),
        ("POST", "/v1beta/models/m:generateContent/"),
        ("POST", "/v1beta/models/a/b:generateContent"),
        ("POST", "/v1beta/models/m%2Fn:generateContent"),
        ("POST", "/v1beta/models/:generateContent"),
        ("POST", "/v1beta/tunedModels/m:generateContent"),
        ("POST", "/v1beta/models/m:generateContent\n"),
    ],
)
def test_what_is_not_listed_is_found_nowhere(method: str, path: str) -> None:
    assert find(method, path) is None


def test_nothing_is_both_inspected_and_passed() -> None:
    assert [place for place in PASS_THROUGH if find(*place) is not None] == []
