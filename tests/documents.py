"""Makes the documents that the tests send: PDF by reportlab, Office packages by hand."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from io import BytesIO

from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

A4 = (595, 842)
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"

Draw = Callable[[Canvas], None]


def pdf(*pages: Draw, size: tuple[float, float] = A4, password: str | None = None) -> bytes:
    """A PDF of so many pages, each drawn by its function."""
    out = BytesIO()
    canvas = Canvas(out, pagesize=size, encrypt=password, pageCompression=0)
    for draw in pages:
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def line(text: str, at: tuple[float, float] = (72, 700), size: float = 12) -> Draw:
    """Draws a black line of text; places are points from the lower left."""

    def draw(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", size)
        canvas.drawString(*at, text)

    return draw


def lines(*draws: Draw) -> Draw:
    """Draws several things on one page, each with the canvas as it was."""

    def draw(canvas: Canvas) -> None:
        for each in draws:
            canvas.saveState()
            each(canvas)
            canvas.restoreState()

    return draw


def picture(image: Image.Image, at: tuple[float, float, float, float]) -> Draw:
    """Draws a picture at x, y, of a width and a height in points."""

    def draw(canvas: Canvas) -> None:
        canvas.drawImage(ImageReader(image), *at)

    return draw


def package(files: Mapping[str, str | bytes]) -> bytes:
    """A zip archive of these files, with the list of types that each Office document has."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def docx(*paragraphs: str, extra: Mapping[str, str | bytes] | None = None) -> bytes:
    """A Word document of these paragraphs, each the XML of its runs or plain text."""
    runs = (
        each if each.startswith("<") else f"<w:r><w:t>{each}</w:t></w:r>" for each in paragraphs
    )
    body = "".join(f"<w:p>{each}</w:p>" for each in runs)
    whole = f'<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>'
    return package({"word/document.xml": whole, **(extra or {})})
