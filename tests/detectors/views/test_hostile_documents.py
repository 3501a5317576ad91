"""More than a hundred files made to break a reader: each is read, or soon said to be unreadable."""

from __future__ import annotations

import io
import random
import time
import zipfile
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from detectors.contract.exchange import DocumentPart, Exchange, Message, Origin, Role, Stage
from detectors.inspect import Inspector
from detectors.views.document.kinds import DocumentError
from detectors.views.document.pieces import MOST_CHARACTERS
from detectors.views.document.view import MOST_BYTES, Document
from tests.documents import WORD, docx, line, package, pdf
from tests.pictures import photo, png

LONGEST_S = 60.0
"""Far beyond the limits of a reader, on a machine that is busy with other things."""


def raw_pdf(*objects: bytes, pages: bytes = b"/Kids[3 0 R]/Count 1") -> bytes:
    """A PDF of a catalogue, its pages, and these objects from number 3 on."""
    head = (b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages" + pages + b">>")
    body = b"".join(
        b"%d 0 obj" % number + each + b"endobj\n"
        for number, each in enumerate((*head, *objects), 1)
    )
    return b"%PDF-1.7\n" + body + b"trailer<</Root 1 0 R/Size %d>>\n%%%%EOF\n" % (len(objects) + 3)


def page(content: bytes, box: bytes = b"[0 0 300 300]", more: bytes = b"") -> bytes:
    stream = b"<</Length %d%s>>stream\n" % (len(content), more) + content + b"\nendstream "
    return raw_pdf(b"<</Type/Page/Parent 2 0 R/MediaBox" + box + b"/Contents 4 0 R>>", stream)


def flate(content: bytes, times: int = 1) -> bytes:
    for _ in range(times):
        content = zlib.compress(content, 9)
    return page(content, more=b"/Filter[" + b"/FlateDecode" * times + b"]")


def xml(body: str, head: str = "") -> bytes:
    return package({"word/document.xml": f'{head}<w:document xmlns:w="{WORD}">{body}</w:document>'})


def claiming(size: int) -> bytes:
    """A package whose file says that it is of another size than it is."""
    data = bytearray(docx("words"))
    at = data.index(b"PK\1\2", data.index(b"PK\1\2") + 1)
    data[at + 24 : at + 28] = size.to_bytes(4, "little")
    return bytes(data)


def twice_named() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", "<a/>")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("word/document.xml", "<b/>")
    return out.getvalue()


def locked_package() -> bytes:
    data = bytearray(docx("words"))
    for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        start = data.rindex(mark)
        data[start + at] |= 1
    return bytes(data)


LAUGHS = '<!DOCTYPE l [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {one} "&{before};&{before};">' for before, one in pairwise("abcdefghij")
)
OUTSIDE = '<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
WHOLE_PDF = pdf(line("Plain words on a page"))
WHOLE_DOCX = docx("Plain words", "on a page")

UNREADABLE: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "nothing": (lambda: b"", "", "is empty"),
    "too many bytes": (lambda: b"a" * (MOST_BYTES + 1), "", "bytes, the limit is"),
    "too many characters": (lambda: b"a" * (MOST_CHARACTERS + 1), "", "more than 600000 char"),
    "a picture": (lambda: png(photo(1, (8, 8))), "", "is a picture: send it as one"),
    "old Office": (lambda: b"\xd0\xcf\x11\xe0" + b"\0" * 600, "", "of before 2007"),
    "rich text": (lambda: b"{\\rtf1 words}", "", "rich text"),
    "gzip": (lambda: b"\x1f\x8b\x08" + b"\0" * 30, "", "a compressed file"),
    "an archive": (lambda: zip_of({"a.txt": "words"}), "", "no DOCX, PPTX or XLSX"),
    "random bytes": (lambda: random.Random(1).randbytes(900), "", "no kind that is read"),
    "a NUL in a text": (lambda: b"words\0words", "", "control characters"),
    "Latin-1": (lambda: "Grüße".encode("latin-1"), "", "no kind that is read"),
    "half of UTF-16": (lambda: b"\xff\xfea", "", "no kind that is read"),
    "a text that claims to be a PDF": (lambda: b"words", "application/pdf", "are plain text"),
    "HTML that claims to be a PDF": (lambda: b"<html>a", "application/pdf", "are HTML"),
    "a PDF that claims to be text": (lambda: WHOLE_PDF, "text/plain", "are a PDF"),
    "a DOCX that claims to be a PDF": (lambda: WHOLE_DOCX, "application/pdf", "an Office doc"),
    "a PDF behind other bytes": (lambda: b"words\n" + WHOLE_PDF, "", "other bytes before it"),
    "a PDF behind HTML": (lambda: b"<html><!--" + WHOLE_PDF, "", "other bytes before it"),
    "encrypted": (lambda: pdf(line("a"), password="secret"), "", "is encrypted"),
    "no more than a head": (lambda: b"%PDF-1.7\n", "", "truncated or broken"),
    "10,000 pages": (
        lambda: raw_pdf(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
            pages=b"/Kids[" + b"3 0 R " * 10_000 + b"]/Count 10000",
        ),
        "",
        "pages, the limit is 50",
    ),
    "a million letters": (
        lambda: with_font(b"BT/F 1 Tf 9 9 Td " + (b"(" + b"word " * 6_000 + b")Tj ") * 30 + b"ET"),
        "",
        "more than 600000 characters",
    ),
    "a billion laughs": (lambda: xml("&j;", LAUGHS + "]>"), "", "declares a DTD"),
    "an entity from outside": (lambda: xml("&x;", OUTSIDE), "", "declares a DTD"),
    "XML nested 100,000 deep": (lambda: xml("<w:p>" * 100_000), "", "deeper than any is"),
    "XML that is none": (lambda: xml("<w:p>"), "", "no XML"),
    "a zip bomb": (
        lambda: package({"word/document.xml": b" " * 200_000_000}),
        "",
        "unpacks to more",
    ),
    "a zip bomb in pictures": (
        lambda: docx("a", extra={f"word/media/{n}.png": b"\0" * 30_000_000 for n in range(6)}),
        "",
        "unpacks to more",
    ),
    "10,000 files": (
        lambda: package({f"word/{n}.xml": "<a/>" for n in range(10_000)}),
        "",
        "too many files",
    ),
    "two files of one name": (twice_named, "", "two of one name"),
    "a locked package": (locked_package, "", "is encrypted"),
    "words in their hundred thousands": (
        lambda: docx(*["word after word " * 20] * 2_000),
        "",
        "more than 600000 characters",
    ),
    "500 pictures": (
        lambda: docx("a", extra={f"word/media/{n}.png": b"\x89PNG\r\n\x1a\n" for n in range(500)}),
        "",
        "more pictures and files than are read",
    ),
    "a loop without end": (
        lambda: b"<a b=" * 400_000,
        "",
        "seconds|more than 600000|more memory",
    ),
}


def zip_of(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def with_font(content: bytes) -> bytes:
    return raw_pdf(
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents 4 0 R/Resources<</Font<</F"
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>",
        b"<</Length %d>>stream\n" % len(content) + content + b"\nendstream ",
    )


ODD: dict[str, bytes] = {
    "10,000,000 pages, it says": raw_pdf(
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>", pages=b"/Kids[3 0 R]/Count 10000000"
    ),
    "a package of another size than it says": claiming(2**31),
    "a page without size": page(b"", b"[0 0 0 0]"),
    "a page as large as can be": page(b"0 0 9 9 re f", b"[0 0 2147483647 2147483647]"),
    "a page of odd numbers": page(b"0 0 9 9 re f", b"[-1e38 -1e38 1e38 1e38]"),
    "a page like a thread": page(b"0 0 9 9 re f", b"[0 0 1 14400]"),
    "a page that is its own parent": raw_pdf(b"<</Type/Pages/Kids[3 0 R]/Count 1/Parent 3 0 R>>"),
    "pages that hold each other": raw_pdf(
        b"<</Type/Pages/Kids[4 0 R]/Count 1>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
    ),
    "content in itself": raw_pdf(
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R/Resources<</XObject<</X "
        b"4 0 R>>>>>>",
        b"<</Type/XObject/Subtype/Form/BBox[0 0 99 99]/Resources<</XObject<</X 4 0 R>>>>/Length 4>>"
        b"stream\n/X Do\nendstream ",
    ),
    "states saved without end": flate(b"q " * 3_000_000),
    "a stream of 200 MB": flate(b" " * 200_000_000),
    "a stream packed thrice": flate(b" " * 50_000_000, 3),
    "strokes by the hundred thousand": flate(b"0 0 m 300 300 l S " * 100_000),
    "arrays nested deep": raw_pdf(b"[" * 100_000 + b"]" * 100_000),
    "a picture of 4 gigapixels": raw_pdf(
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R/Resources<</XObject<</X "
        b"5 0 R>>>>>>",
        b"<</Length 23>>stream\n99 0 0 99 0 0 cm /X Do \nendstream ",
        b"<</Type/XObject/Subtype/Image/Width 65535/Height 65535/ColorSpace/DeviceRGB"
        b"/BitsPerComponent 8/Length 1>>stream\n0\nendstream ",
    ),
    "a cross-reference into nowhere": WHOLE_PDF.replace(b"startxref\n", b"startxref\n9"),
    "divs in divs": b"<div>" * 60_000,
    "tags that never close": b"<p style='display:none'>" * 20_000,
    "comments that never close": b"<p><!--" * 20_000,
    "end tags of nothing": b"<p></b>" * 50_000,
    "only brackets": b"<p>" + b"<" * 100_000,
}
CUT_PDF = {
    f"a PDF cut at {at}": WHOLE_PDF[:at] for at in range(9, len(WHOLE_PDF), len(WHOLE_PDF) // 20)
}
CUT_DOCX = {
    f"a DOCX cut at {at}": WHOLE_DOCX[:at]
    for at in range(4, len(WHOLE_DOCX), len(WHOLE_DOCX) // 20)
}


def flipped(data: bytes, seed: int) -> bytes:
    """The file with 20 of its bytes, behind the first 8, thrown anew."""
    sample, out = random.Random(seed), bytearray(data)
    for _ in range(20):
        out[sample.randrange(8, len(out))] = sample.randrange(256)
    return bytes(out)


THROWN = {
    f"{name} thrown {seed}": flipped(data, seed)
    for name, data in (("a PDF", WHOLE_PDF), ("a DOCX", WHOLE_DOCX))
    for seed in range(15)
}
STRANGE = {**ODD, **CUT_PDF, **CUT_DOCX, **THROWN}


def outcome(data: bytes, media_type: str = "") -> tuple[str, float]:
    """What was said of the document (nothing if it was read), and how long it took."""
    part = DocumentPart(pointer="/d", origin=Origin.USER, data=data, media_type=media_type)
    begun = time.perf_counter()
    try:
        Document().reveal(part)
    except DocumentError as error:
        return str(error), time.perf_counter() - begun
    return "", time.perf_counter() - begun


@pytest.fixture(scope="module")
def outcomes() -> dict[str, tuple[str, float]]:
    """Of all strange files, two at a time, as in a worker."""
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(STRANGE, pool.map(outcome, STRANGE.values()), strict=True))


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_whole_is_said_to_be(name: str) -> None:
    make, media_type, reason = UNREADABLE[name]
    said, took = outcome(make(), media_type)
    assert any(each in said for each in reason.split("|")), said
    assert took < LONGEST_S


@pytest.mark.parametrize("name", STRANGE)
def test_no_file_breaks_or_holds_up_the_reader(
    name: str, outcomes: dict[str, tuple[str, float]]
) -> None:
    said, took = outcomes[name]
    assert said == "" or "document" in said
    assert took < LONGEST_S
    if name in CUT_DOCX:
        assert "truncated or broken" in said


def test_there_are_more_than_a_hundred() -> None:
    assert len(UNREADABLE) + len(STRANGE) > 100


def test_an_unreadable_document_is_a_gap() -> None:
    part = DocumentPart(pointer="/d", origin=Origin.USER, data=b"%PDF-1.7", media_type="")
    exchange = Exchange(
        dialect="d",
        model="m",
        stage=Stage.REQUEST,
        messages=(Message(role=Role.USER, parts=(part,)),),
    )
    coverage = Inspector([Document()], []).inspect(exchange, 60).coverage
    assert (coverage.seen, coverage.inspected) == (1, 0)
    (gap,) = coverage.gaps
    assert gap.kind == "failed"
    assert gap.reason == "document: the document is truncated or broken: it cannot be opened"
