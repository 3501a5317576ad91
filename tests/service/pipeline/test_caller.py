"""Whose call it is, by the keys that are sent: nobody leaves a group by how the key is written."""

from __future__ import annotations

import hashlib
from base64 import b64encode

import pytest

from service.errors import AmbiguousKey
from service.pipeline.caller import Callers

SCHOOL, CLUB, STRANGER = "sk-school", "sk-club=", "sk-nobody"
CALLERS = Callers(
    tenant_header="x-tenant",
    groups={
        hashlib.sha256(key.encode()).hexdigest(): group
        for key, group in ((SCHOOL, "school"), ("sk-school-2", "school"), (CLUB, "club"))
    },
)
CHAT = "/v1/chat/completions"
BASIC = b64encode(f":{SCHOOL}".encode()).decode()

KNOWN: list[tuple[dict[str, str], str, str]] = [
    # headers, query, group
    ({"authorization": f"Bearer {SCHOOL}"}, "", "school"),
    ({"Authorization": f"bearer {SCHOOL}"}, "", "school"),
    ({"authorization": f"BEARER\t {SCHOOL} "}, "", "school"),
    ({"authorization": SCHOOL}, "", "school"),
    ({"authorization": f"Token {SCHOOL}"}, "", "school"),
    ({"authorization": f"Basic {BASIC}"}, "", "school"),
    ({"x-api-key": SCHOOL}, "", "school"),
    ({"api-key": SCHOOL}, "", "school"),
    ({"api-key": CLUB}, "", "club"),
    ({"x-goog-api-key": SCHOOL}, "", "school"),
    ({}, f"?key={SCHOOL}", "school"),
    ({}, f"?alt=sse&key={CLUB}", "club"),
    ({}, f"?key=%73{SCHOOL[1:]}", "school"),
    ({}, f"?%24key={SCHOOL}", "school"),
    ({}, f"?access_token={SCHOOL}", "school"),
    ({}, f"?$httpHeaders=X-Goog-Api-Key%3A{SCHOOL}%0D%0A", "school"),
    ({"x-elsewhere": SCHOOL}, "", "school"),
    ({"authorization": f"Bearer {SCHOOL}", "x-api-key": "sk-school-2"}, "", "school"),
    ({"authorization": "Bearer ", "x-api-key": SCHOOL}, "", "school"),
    ({"authorization": f"Bearer {STRANGER}"}, "", ""),
    ({"authorization": f"Bearer {STRANGER}", "x-api-key": "another"}, "?key=third", ""),
    ({"authorization": "Basic no base64!"}, "", ""),
    ({}, "", ""),
    ({"x-elsewhere": STRANGER}, "?alt=sse", ""),
]


@pytest.mark.parametrize(("headers", "query", "group"), KNOWN)
def test_a_key_tells_its_group_wherever_it_stands(
    headers: dict[str, str], query: str, group: str
) -> None:
    caller = CALLERS.of(CHAT + query, list(headers.items()), ())
    assert (caller.key_group, caller.path) == (group, CHAT)


AMBIGUOUS: list[tuple[list[tuple[str, str]], str, str]] = [
    # headers, query, where the error says that they stand
    ([("authorization", STRANGER), ("x-api-key", SCHOOL)], "", "`authorization` and `x-api-key`"),
    ([("x-api-key", SCHOOL), ("Authorization", "Bearer x")], "", "`x-api-key` and `authorization`"),
    ([("x-goog-api-key", "junk")], f"?key={SCHOOL}", "`x-goog-api-key` and `?key=`"),
    ([], f"?key={SCHOOL}&key={STRANGER}", "`?key=`;"),
    ([("x-api-key", SCHOOL), ("x-api-key", STRANGER)], "", "in `x-api-key`;"),
    ([("x-api-key", SCHOOL), ("api-key", CLUB)], "", "`x-api-key` and `api-key`"),
    ([("authorization", f"Bearer {SCHOOL}, Bearer {CLUB}")], "", "in `authorization`;"),
    ([("x-mine", SCHOOL), ("x-api-key", STRANGER)], "", "another header and `x-api-key`"),
    ([("api-key", STRANGER)], f"?mine={SCHOOL}", "`api-key` and the query"),
]


@pytest.mark.parametrize(("headers", "query", "where"), AMBIGUOUS)
def test_keys_of_different_groups_are_refused(
    headers: list[tuple[str, str]], query: str, where: str
) -> None:
    with pytest.raises(AmbiguousKey) as raised:
        CALLERS.of(CHAT + query, headers, ())
    assert where in raised.value.message
    assert "send one" in raised.value.message
    assert not any(key in raised.value.message for key in (SCHOOL, CLUB, STRANGER, "x-mine"))


def test_keys_do_not_matter_where_there_are_no_groups() -> None:
    caller = Callers().of(CHAT, [("authorization", "a"), ("x-api-key", "b")], ())
    assert caller.key_group == ""


def test_the_tenant_and_the_headers_that_a_policy_names_are_known() -> None:
    sent = [("X-Tenant", "acme"), ("X-Team", "blue"), ("X-Note", "hush")]
    caller = CALLERS.of(CHAT, sent, ["x-team", "x-absent"])
    assert (caller.tenant, caller.headers) == ("acme", {"x-team": "blue"})
    assert Callers().of(CHAT, sent, ()).tenant == ""
