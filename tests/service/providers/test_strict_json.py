from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import BodyTooLarge, Malformed
from service.providers.strict_json import MAX_DEPTH, MAX_VALUES, dump, parse, pointer

DEEP = b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1)
REFUSED = {
    "duplicate key": (b'{"a":{"b":1,"b":2}}', "/a/b", "same key twice"),
    "duplicate key, escaped alike": (b'{"a":1,"\\u0061":2}', "/a", "same key twice"),
    "key with a slash": (b'{"x/y":{"~":1,"~":2}}', "/x~1y/~0", "same key twice"),
    "NaN": (b'{"a":NaN}', "/a", "NaN"),
    "minus infinity": (b"[-Infinity]", "/0", "-Infinity"),
    "a number that overflows": (b'{"a":[0,1e999]}', "/a/1", "out of range"),
    "a number too long to read": (b"[" + b"9" * 5000 + b"]", None, "out of range"),
    "trailing data": (b'{"a":1} {"a":2}', None, "Extra data"),
    "trailing byte": (b"{}\x00", None, "Extra data"),
    "byte order mark": (b"\xef\xbb\xbf{}", None, "not JSON"),
    "UTF-16": ('{"a":1}'.encode("utf-16"), None, "not UTF-8"),
    "not UTF-8": (b'{"a":"\xff"}', None, "not UTF-8"),
    "lone surrogate": (b'{"a":["\\ud800"]}', "/a/0", "lone surrogate"),
    "lone surrogate in a key": (b'{"\\udc00":1}', "", "lone surrogate"),
    "one level too deep": (DEEP, "/a" * (MAX_DEPTH + 1), "deeper than 64"),
    "very deep": (b"[" * 100_000 + b"]" * 100_000, None, "deeper than 64"),
    "empty": (b"", None, "not JSON"),
    "single quotes": (b"{'a':1}", None, "not JSON"),
    "trailing comma": (b"[1,]", None, "not JSON"),
    "control character in a string": (b'["\n"]', None, "not JSON"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_could_be_read_in_two_ways_is_refused_with_its_place(case: str) -> None:
    raw, place, words = REFUSED[case]
    with pytest.raises(Malformed, match=words) as refused:
        parse(raw)
    assert refused.value.pointer == place
    assert refused.value.status == 400


def test_more_values_than_the_limit_are_refused_before_they_are_read() -> None:
    with pytest.raises(BodyTooLarge):
        parse(b"[" + b"0," * MAX_VALUES + b"0]")


def test_the_deepest_allowed_nesting_passes() -> None:
    raw = b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH
    assert dump(parse(raw)) == raw


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)


@given(JSON)
def test_what_any_encoder_writes_is_read_and_written_back_alike(value: object) -> None:
    read = parse(json.dumps(value).encode())
    assert read == value
    assert parse(dump(read)) == value


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail_in_another_way(raw: bytes) -> None:
    try:
        value = parse(raw)
    except Malformed:
        return
    assert parse(dump(value)) == value


def test_pointers_escape_as_rfc_6901_says() -> None:
    assert pointer("a/b", 0, "m~n") == "/a~1b/0/m~0n"
