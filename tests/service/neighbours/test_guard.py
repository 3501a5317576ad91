"""``/v1/guard``: the inspection and the decision come out, and nothing goes further."""

from __future__ import annotations

import ssl
from base64 import b64decode
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from service.fetch.client import Fetcher
from service.fetch.rules import Rules
from tests.service.fetch.servers import page, saying, serving
from tests.service.neighbours.asking import GREEN, GREY, RED, Told, ask, coloured

GUARD = "/v1/guard"


def chat(*content: Any, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    parts = [{"type": "text", "text": c} if isinstance(c, str) else c for c in content]
    return {"messages": [{"role": "user", "content": parts}], **more}


def shown(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def receipt(told: Told) -> tuple[str, str]:
    return told.headers["x-glassgate-decision"], told.headers["x-glassgate-coverage"]


def completion(content: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": {"role": "assistant", "content": content}}]}


ASKED = [
    (chat("hello"), "forward", [], "1/1"),
    (chat("bad"), "refuse", ["bad-question"], "1/1"),
    (chat("see", shown(coloured(RED))), "refuse", ["bad-question"], "2/2"),
    (chat("hateful"), "forward", [], "1/1"),
    (chat("who is it"), "rewrite", ["gently"], "1/1"),
    (chat("see", shown(coloured(GREEN))), "rewrite", ["masked"], "2/2"),
    (chat("see", shown("https://example.com/a.png")), "refuse", ["incomplete"], "1/2"),
]


@pytest.mark.parametrize(("body", "action", "rules", "coverage"), ASKED)
def test_a_request_is_decided_as_on_its_way_to_a_model(
    tmp_path: Path, body: dict[str, Any], action: str, rules: list[str], coverage: str
) -> None:
    told = ask(tmp_path, GUARD, body)
    assert (told.status, *receipt(told)) == (200, action, coverage)
    assert told.json["id"] == told.headers["x-glassgate-id"]
    assert told.json["action"] == told.json["decision"]["action"] == action
    assert told.json["decision"]["rules"] == rules
    assert told.json["answer"] is None
    assert ("request" in told.json) is (action == "rewrite")


def test_the_verdict_is_what_check_prints(tmp_path: Path) -> None:
    told = ask(tmp_path, GUARD, chat("see", shown(coloured(RED)), model="m"))
    parts = "/messages/0/content/0/text", "/messages/0/content/1#ocr"
    found = {(each["part"], each["label"], each["score"]) for each in told.json["findings"]}
    assert (parts[1], "harm", 0.9) in found
    assert told.json["scores"] == {"harm": 0.9}
    assert told.json["coverage"] == {"seen": 2, "inspected": 2, "gaps": [], "complete": True}
    assert {(run["part"], run["outcome"]) for run in told.json["runs"]} >= {
        (parts[0], "clean"),
        (parts[1], "found"),
    }
    texts = {each["part"]: (each["origin"], each["text"]) for each in told.json["texts"]}
    assert texts[parts[1]] == ("third_party", "bad")
    assert texts[parts[0]] == ("user", "see")
    assert told.json["ms"].keys() >= {"read", "pin", "reveal", "judge", "decide"}


def test_a_rewritten_request_is_told_as_it_may_be_sent_on(tmp_path: Path) -> None:
    told = ask(tmp_path, GUARD, chat("who is it", shown(coloured(GREEN)), model="m", seed=1))
    system, user = told.json["request"]["messages"]
    assert system == {"role": "system", "content": "name nobody"}
    url = user["content"][1]["image_url"]["url"]
    assert url != coloured(GREEN)
    assert b64decode(url.partition(",")[2])[1:4] == b"PNG"
    assert told.json["request"]["seed"] == 1


ANSWERS = [
    (chat("hello", answer="fine"), "forward", "forward", "2/2"),
    (chat("hello", answer="bad"), "refuse", "refuse", "2/2"),
    (chat("bad", answer="fine"), "refuse", "forward", "2/2"),
    (chat("hello", answer=completion("bad")), "refuse", "refuse", "2/2"),
    (chat("hello", answer={**completion("x"), "note": "bad"}), "refuse", "refuse", "3/3"),
]


@pytest.mark.parametrize(("body", "action", "of_the_answer", "coverage"), ANSWERS)
def test_an_answer_is_decided_beside_its_request(
    tmp_path: Path, body: dict[str, Any], action: str, of_the_answer: str, coverage: str
) -> None:
    told = ask(tmp_path, GUARD, body)
    assert (told.status, *receipt(told)) == (200, action, coverage)
    assert told.json["action"] == action
    assert told.json["answer"]["decision"]["action"] == of_the_answer
    assert all(each["part"].startswith("/answer") for each in told.json["answer"]["texts"])


def test_a_guard_tells_how_much_a_match_matters(tmp_path: Path) -> None:
    rules = [
        "  - {id: low, description: d, stage: request, when: texts > 0, action: forward,",
        "     mode: shadow, severity: low, tags: [house]}",
        "  - {id: high, description: d, stage: request, on: [user], when: harm > 0.5,",
        "     action: refuse, message: no, severity: high, tags: [LLM01:2025, house]}",
    ]
    told = ask(tmp_path, GUARD, chat("bad"), policy=rules).json["decision"]
    assert (told["rules"], told["shadow"]) == (["bad-question", "high"], ["low"])
    assert (told["severity"], told["tags"]) == ("high", ["house", "LLM01:2025"])
    told = ask(tmp_path, GUARD, chat("hello"), policy=rules).json["decision"]
    assert (told["severity"], told["tags"]) == ("low", ["house"])


def test_a_guard_names_the_scope_and_what_failed_open(tmp_path: Path) -> None:
    scope = "select: [{id: chat, description: d, models: [m], disable: [watched]}]"
    policy = ["fail_open: [words]", scope, "may_loosen: [watched]"]
    told = ask(tmp_path, GUARD, chat("boom", model="m", answer="boom"), policy=policy).json
    expected = {"action": "forward", "rules": [], "message": ""}
    expected |= {"opened": ["words"], "scope": "chat"}
    assert told["decision"] == told["answer"]["decision"] == expected
    plain = ask(tmp_path, GUARD, chat("hello", model="other"), policy=policy).json
    assert not {"opened", "scope"} & plain["decision"].keys()


def test_a_finding_names_the_call_that_brought_it(tmp_path: Path) -> None:
    called = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    brought = [{"type": "text", "text": "bad"}, shown(coloured(RED)), {"type": "sound"}]
    messages = [
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "c1", "content": brought},
    ]
    told = ask(tmp_path, GUARD, {"messages": messages}).json
    call = {"id": "c1", "name": "look"}
    at = "/messages/2/content"
    assert {each["part"]: each.get("call") for each in told["findings"]} == {
        f"{at}/0/text": call,
        f"{at}/1#ocr": call,
        "/messages/0/content#joined:earlier": None,
    }
    assert {each["part"]: each.get("call") for each in told["coverage"]["gaps"]} == {
        f"{at}/2": call
    }
    assert told["decision"]["calls"] == [call]
    plain = ask(tmp_path, GUARD, chat("bad")).json
    assert "call" not in plain["findings"][0]
    assert "calls" not in plain["decision"]


WRONG = [
    (b"{", None, "not JSON"),
    ([], "", "object"),
    ({}, "/messages", "array"),
    (chat("x", model=1), "/model", "string"),
    (chat("x", answer=1), "/answer", "chat completion"),
    (chat("x", answer={}), "/answer/choices", "array"),
    (chat("x", answer={"choices": [1]}), "/answer/choices/0", "object"),
    (chat("x", shown("data:image/png;base64,AAAA")), "/messages/0/content/1", "picture"),
]


@pytest.mark.parametrize(("body", "pointer", "word"), WRONG)
def test_what_cannot_be_read_is_named(
    tmp_path: Path, body: object, pointer: str | None, word: str
) -> None:
    told = ask(tmp_path, GUARD, body)
    assert (told.status, told.json["error"]["code"]) == (400, "invalid_request")
    assert told.json["error"]["param"] == pointer
    assert word in told.json["error"]["message"]


def test_what_was_fetched_is_judged_and_not_told(tmp_path: Path) -> None:
    for colour, action in ((GREY, "forward"), (GREEN, "rewrite"), (RED, "refuse")):
        data = b64decode(coloured(colour).partition(",")[2])
        with serving(saying(page(data))) as server:
            rules = Rules(
                schemes=frozenset({"http"}),
                ports=frozenset({server.port}),
                networks=(ip_network("127.0.0.1/32"),),
            )
            fetcher = Fetcher(rules, trust=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
            body = chat("see", shown(f"http://127.0.0.1:{server.port}/a.png"))
            told = ask(tmp_path, GUARD, body, fetcher=fetcher)
            fetcher.close()
        assert receipt(told) == (action, "2/2")
        assert [each["text"] for each in told.json["texts"]] == ["see"]
        assert "request" not in told.json
