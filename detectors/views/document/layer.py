"""A PDF page's text layer, and the words of it that the page's picture does not show."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pypdfium2 as pdfium
from PIL import Image
from pypdfium2 import raw

from detectors.views.document.pieces import MOST_CHARACTERS, Unreadable

FAINT: Final = 24
"""Levels of 255 between the lightest and the darkest of a word's place, below which none sees it.
"""
TINY: Final = 3.0
"""Pixels of height below which no letter of a word is told from a smear: about 2 points."""
SCAN: Final = 0.5
"""Part of a page from which one picture is taken for its scan, whose words the layer repeats."""
MOST_OBJECTS: Final = 200_000

_PAINTED: Final = (raw.FPDF_PAGEOBJ_TEXT, raw.FPDF_PAGEOBJ_IMAGE)
_SILENT: Final = 0xFFFE
_UNSEEN_MODES: Final = {raw.FPDF_TEXTRENDERMODE_INVISIBLE, raw.FPDF_TEXTRENDERMODE_CLIP}

Box = tuple[float, float, float, float]
"""Left, bottom, right and top, in points of the page."""


@dataclass(slots=True)
class _Word:
    text: str
    box: Box
    first: int


@dataclass(slots=True)
class _Order:
    """When each text of a page is painted, and when and where each picture."""

    texts: dict[int, int] = field(default_factory=dict)
    pictures: list[tuple[int, Box]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Layer:
    """A page's text, and each run of words in it that is not shown."""

    text: str
    hidden: list[str] = field(default_factory=list)


def layer(page: pdfium.PdfPage, picture: Image.Image) -> Layer:
    """The text layer of a page, held against its picture. Raises ``Unreadable``."""
    texts = page.get_textpage()
    try:
        count = raw.FPDFText_CountChars(texts)
        if count > MOST_CHARACTERS:
            raise Unreadable(f"a page of the document has more than {MOST_CHARACTERS} characters")
        codes = [raw.FPDFText_GetUnicode(texts, at) for at in range(max(0, count))]
        order = _order(page)
        runs: list[list[str]] = [[]]
        for word in _words(texts, codes):
            if _hidden(word, page, texts, picture, order):
                runs[-1].append(word.text)
            elif runs[-1]:
                runs.append([])
        return Layer(text=_written(codes), hidden=[" ".join(run) for run in runs if run])
    finally:
        texts.close()


def _written(codes: list[int]) -> str:
    """The characters as text; PDFium gives 0 and U+FFFE where a font does not say which."""
    return "".join(chr(code) for code in codes if 0 < code <= sys.maxunicode and code != _SILENT)


def _words(texts: pdfium.PdfTextPage, codes: list[int]) -> Iterator[_Word]:
    """The words with their boxes; letters that stand nowhere count with their neighbours."""
    edges = [ctypes.c_double() for _ in range(4)]
    left, right, bottom, top = edges
    word: _Word | None = None
    for at, code in enumerate([*codes, 32]):
        letter = chr(code) if 0 < code <= sys.maxunicode else " "
        if letter.isspace():
            if word is not None:
                yield word
            word = None
            continue
        known = raw.FPDFText_GetCharBox(texts, at, *edges)
        box = (left.value, bottom.value, right.value, top.value) if known else (0.0, 0.0, 0.0, 0.0)
        if word is None:
            word = _Word(letter, box, at)
        else:
            word.text += letter
            word.box = _around(word.box, box)


def _around(one: Box, other: Box) -> Box:
    return (
        min(one[0], other[0]),
        min(one[1], other[1]),
        max(one[2], other[2]),
        max(one[3], other[3]),
    )


def _hidden(
    word: _Word,
    page: pdfium.PdfPage,
    texts: pdfium.PdfTextPage,
    picture: Image.Image,
    order: _Order | None,
) -> bool:
    """Whether the picture shows nothing where the word stands, or something else."""
    if not any(map(str.isalnum, word.text)):
        return False
    left, top, right, bottom = _place(word.box, page, picture)
    if min(right - left, bottom - top) < 1 or max(right - left, bottom - top) < TINY:
        return True
    if min(bottom - top, right - left) < TINY and len(word.text) > 1:
        return True
    shown = picture.crop((int(left), int(top), int(right) + 1, int(bottom) + 1))
    if all(high - low < FAINT for low, high in shown.getextrema()):  # type: ignore[misc]
        return True
    return order is not None and _unseen(word, texts, order)


def _place(box: Box, page: pdfium.PdfPage, picture: Image.Image) -> Box:
    """The box in pixels, cut at the picture's edges: left, top, right, bottom."""
    x, y = ctypes.c_int(), ctypes.c_int()
    # In 16ths of a pixel, since whole ones would hide how small a word is.
    width, height = picture.width * 16, picture.height * 16
    corners = []
    for across, up in ((box[0], box[1]), (box[2], box[3])):
        raw.FPDF_PageToDevice(page, 0, 0, width, height, 0, across, up, x, y)
        corners.append((x.value / 16, y.value / 16))
    (ax, ay), (bx, by) = corners
    return (
        max(0.0, min(ax, bx)),
        max(0.0, min(ay, by)),
        min(float(picture.width), max(ax, bx)),
        min(float(picture.height), max(ay, by)),
    )


def _unseen(word: _Word, texts: pdfium.PdfTextPage, order: _Order) -> bool:
    """Whether the word is drawn without ink, or a picture lies over it."""
    drawn = raw.FPDFText_GetTextObject(texts, word.first)
    mode = raw.FPDFTextObj_GetTextRenderMode(drawn) if drawn else None
    if mode in _UNSEEN_MODES:
        return True
    ink = [ctypes.c_uint() for _ in range(4)]
    known = raw.FPDFText_GetFillColor(texts, word.first, *ink)
    if known and ink[3].value == 0 and mode == raw.FPDF_TEXTRENDERMODE_FILL:
        return True
    turn = order.texts.get(_address(drawn)) if drawn else None
    x, y = (word.box[0] + word.box[2]) / 2, (word.box[1] + word.box[3]) / 2
    return turn is not None and any(
        later > turn and left <= x <= right and bottom <= y <= top
        for later, (left, bottom, right, top) in order.pictures
    )


def _order(page: pdfium.PdfPage) -> _Order | None:
    """The order in which the page is painted; None where it is a scan."""
    width, height = page.get_size()
    order = _Order()
    for number, each in enumerate(page.get_objects(_PAINTED, max_depth=1)):
        if number == MOST_OBJECTS:
            raise Unreadable("a page of the document is made of more pieces than are read")
        if each.type == raw.FPDF_PAGEOBJ_TEXT:
            order.texts[_address(each.raw)] = number
            continue
        left, bottom, right, top = each.get_bounds()
        if (right - left) * (top - bottom) >= SCAN * width * height:
            return None
        order.pictures.append((number, (left, bottom, right, top)))
    return order


def _address(drawn: Any) -> int:  # noqa: ANN401 - a handle of C
    return ctypes.cast(drawn, ctypes.c_void_p).value or 0
