from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.media.decode import data_uri
from service.errors import Malformed
from service.providers import forms
from service.providers.strict_json import Json

KIND = "multipart/form-data; boundary=cut"


def form(*fields: bytes, end: bytes = b"--cut--\r\n") -> bytes:
    return b"".join(b"--cut\r\n" + field + b"\r\n" for field in fields) + end


def field(name: bytes, value: bytes = b"v", *headers: bytes) -> bytes:
    lines = [b'Content-Disposition: form-data; name="' + name + b'"', *headers]
    return b"\r\n".join([*lines, b"", value])


def file(data: bytes, filename: bytes = b"a.txt", kind: bytes = b"text/plain") -> bytes:
    return field(b'file"; filename="' + filename, data, b"Content-Type: " + kind)


READ: dict[str, tuple[bytes, Json]] = {
    "a text": (form(field(b"prompt", "caf\u00e9".encode())), {"prompt": "caf\u00e9"}),
    "a file": (form(file(b"\x00\xff")), {"file": forms.file("a.txt", b"\x00\xff", "text/plain")}),
    "a file of no kind": (
        form(field(b'file"; filename="a', b"x")),
        {"file": forms.file("a", b"x", "application/octet-stream")},
    ),
    "several": (form(field(b"image[]", b"1"), field(b"image[]", b"2")), {"image": ["1", "2"]}),
    "one of several": (form(field(b"image[]", b"1")), {"image": ["1"]}),
    "a field of a field": (form(field(b"expires_after[anchor]")), {"expires_after[anchor]": "v"}),
    "a charset that is said": (
        form(field(b"prompt", b"v", b"Content-Type: text/plain; charset=UTF-8")),
        {"prompt": "v"},
    ),
    "a line that is almost the boundary": (
        form(field(b"prompt", b"\r\n--cu\r\n-cut--")),
        {"prompt": "\r\n--cu\r\n-cut--"},
    ),
    "an epilogue": (form(field(b"prompt")) + b"more", {"prompt": "v"}),
    "nothing": (b"--cut--\r\n", {}),
    "a name without quotation marks": (
        form(b"content-disposition: form-data; name=prompt\r\n\r\nv"),
        {"prompt": "v"},
    ),
}


@pytest.mark.parametrize(("raw", "told"), READ.values(), ids=READ)
def test_a_form_is_read(raw: bytes, told: Json) -> None:
    assert forms.parse(raw, KIND) == told


MIXED = (
    b'Content-Disposition: form-data; name="files"\r\n'
    b"Content-Type: multipart/mixed; boundary=inner\r\n\r\n"
    b"--inner\r\nContent-Disposition: file; filename=a.txt\r\n\r\nhello\r\n--inner--"
)
WHOLE = form(field(b"prompt"))
WRONG: dict[str, tuple[bytes, str, str]] = {
    "no content type": (WHOLE, "", "multipart/form-data"),
    "JSON": (b"{}", "application/json", "multipart/form-data"),
    "another kind of form": (b"a=b", "application/x-www-form-urlencoded", "multipart/form-data"),
    "no boundary": (WHOLE, "multipart/form-data", "names no boundary"),
    "an empty boundary": (WHOLE, 'multipart/form-data; boundary=""', "names no boundary"),
    "a very long boundary": (WHOLE, f"multipart/form-data; boundary={'x' * 999}", "broken"),
    "a boundary of other letters": (
        WHOLE,
        "multipart/form-data; boundary=\u00e9\u4eac",
        "broken",
    ),
    "another boundary": (WHOLE, "multipart/form-data; boundary=other", "broken"),
    "a charset of the form": (WHOLE, f"{KIND}; charset=utf-16", "only UTF-8"),
    "a charset of a field": (
        form(field(b"prompt", b"v", b"Content-Type: text/plain; charset=utf-7")),
        KIND,
        "only UTF-8",
    ),
    "a text that is not UTF-8": (form(field(b"prompt", b"caf\xe9")), KIND, "not UTF-8"),
    "a name that is not UTF-8": (form(field(b"caf\xe9")), KIND, "not UTF-8"),
    "the same field twice": (form(field(b"prompt"), field(b"prompt")), KIND, "twice"),
    "one field and several": (form(field(b"image"), field(b"image[]")), KIND, "twice"),
    "several and one": (form(field(b"image[]"), field(b"image")), KIND, "twice"),
    "the same header twice": (
        form(field(b"prompt", b"v", b'Content-Disposition: form-data; name="n"')),
        KIND,
        "twice",
    ),
    "no name": (form(b"Content-Disposition: form-data\r\n\r\nv"), KIND, "with a name"),
    "no name but brackets": (form(field(b"[]")), KIND, "with a name"),
    "no header": (form(b"\r\nv"), KIND, "with a name"),
    "another disposition": (
        form(b'Content-Disposition: attachment; name="prompt"\r\n\r\nv'),
        KIND,
        "with a name",
    ),
    "a form within": (form(MIXED), KIND, "within the form"),
    "an encoding": (
        form(field(b"prompt", b"dg==", b"Content-Transfer-Encoding: base64")),
        KIND,
        "content-transfer-encoding",
    ),
    "a huge header": (
        form(field(b"prompt", b"v", b"X-Note: " + b"x" * 5000)),
        KIND,
        "broken",
    ),
    "many headers": (
        form(field(b"prompt", b"v", *[b"X-%d: v" % n for n in range(9)])),
        KIND,
        "broken",
    ),
    "many fields": (form(*(field(b"f%d" % n) for n in range(300))), KIND, "more than 256"),
    "a folded header": (form(field(b"prompt", b"v", b"X-Note: a\r\n b: c")), KIND, "broken"),
    "a header of other letters": (form(field(b"prompt", b"v", b"X\xe9: a")), KIND, "broken"),
    "a quotation mark in a file's name": (form(file(b"v", b'a\\"b.txt')), KIND, "quotation"),
    "a zero in a name": (form(field(b"pro\x00mpt")), KIND, "control character"),
    "nothing at all": (b"", KIND, "breaks off"),
    "cut off in a text": (form(field(b"prompt"), end=b""), KIND, "breaks off"),
    "cut off in the last boundary": (form(field(b"prompt"), end=b"--cut-"), KIND, "breaks off"),
    "cut off in a header": (b"--cut\r\nContent-Dispo", KIND, "breaks off"),
}


@pytest.mark.parametrize(("raw", "kind", "named"), WRONG.values(), ids=WRONG)
def test_what_is_no_plain_form_is_refused_by_name(raw: bytes, kind: str, named: str) -> None:
    with pytest.raises(Malformed, match=named):
        forms.parse(raw, kind)


def test_a_form_cut_off_anywhere_is_refused() -> None:
    whole = form(field(b"prompt"), file(b"\x00\r\n--c"), field(b"image[]"), end=b"--cut--")
    for end in range(len(whole)):
        with pytest.raises(Malformed):
            forms.parse(whole[:end], KIND)
    assert set(forms.parse(whole, KIND)) == {"prompt", "file", "image"}


names = st.text(st.characters(codec="utf-8", exclude_characters='"\\\x7f', min_codepoint=32))
bare = names.filter(lambda name: name.removesuffix("[]") == name != "")
files = st.builds(
    forms.file, names, st.binary(min_size=1), st.sampled_from(["image/png", "application/x.a+b-1"])
)
values = st.text(st.characters(codec="utf-8")) | files


@given(st.dictionaries(bare, values | st.lists(values, min_size=1, max_size=3), max_size=4))
def test_what_was_written_is_read_again(told: dict[str, Json]) -> None:
    kind, raw = forms.dump(told)
    assert forms.parse(raw, kind) == told


@given(st.binary(max_size=200))
def test_no_bytes_crash(noise: bytes) -> None:
    for raw in (noise, form(noise), form(field(b"prompt", b"v", noise)), WHOLE[:40] + noise):
        try:
            told = forms.parse(raw, KIND)
        except Malformed:
            continue
        assert isinstance(told, dict)


def test_a_file_that_holds_the_boundary_of_another_form_is_whole() -> None:
    _, inner = forms.dump({"prompt": "v"})
    kind, raw = forms.dump({"file": forms.file("a", inner, "text/plain")})
    held = forms.parse(raw, kind)["file"]
    assert isinstance(held, dict)
    assert data_uri(str(held["file_data"]))[0] == inner
