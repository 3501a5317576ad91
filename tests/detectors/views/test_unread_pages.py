"""Pages of documents that show print which cannot be read."""

from __future__ import annotations

import pytest
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from detectors.contract.exchange import DocumentPart, Exchange, Message, Origin, Role, Stage
from detectors.contract.finding import Gap
from detectors.inspect import Inspector
from detectors.views.document.view import Document
from detectors.views.ocr import Ocr
from tests.documents import Draw, line, pdf
from tests.pictures import receipt, unknown_script


@pytest.fixture(scope="module")
def inspector() -> Inspector:
    return Inspector([Document(), Ocr.load()], [])


def strange(canvas: Canvas) -> None:
    canvas.drawImage(ImageReader(unknown_script(lines=8)), 50, 300, 490, 430)


def scanned(canvas: Canvas) -> None:
    canvas.drawImage(ImageReader(receipt()), 60, 200, 400, 533)


@pytest.mark.parametrize(
    ("pages", "gap"),
    [((line("Plain words"), scanned), None), ((line("Plain words"), strange), "unread_text")],
    ids=["read", "unread"],
)
def test_a_page_whose_print_is_not_read_is_a_gap_of_the_document(
    inspector: Inspector, pages: tuple[Draw, ...], gap: str | None
) -> None:
    part = DocumentPart(pointer="/d", origin=Origin.USER, data=pdf(*pages), media_type="")
    messages = (Message(role=Role.USER, parts=(part,)),)
    asked = Exchange(dialect="d", model="m", stage=Stage.REQUEST, messages=messages)
    coverage = inspector.inspect(asked, 60).coverage
    reason = "lines of text that could not be read"
    assert coverage.gaps == ((Gap(part="/d", kind=gap, reason=reason),) if gap else ())
    assert coverage.inspected == (0 if gap else 1)
