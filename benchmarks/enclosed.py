"""Lines that no letter of a picture spells: in codes, in metadata, and in PDF documents."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Final
from xml.sax.saxutils import escape

import segno
from PIL import ExifTags, Image, PngImagePlugin
from reportlab.pdfgen.canvas import Canvas

from benchmarks.brush import Brush, png

A4: Final = (595, 842)
LETTER: Final = (
    "Our shop in the old town",
    "The shop opened in 1987 in two rooms above the bakery. Today it has",
    "four rooms, nine thousand books and a small table for chess. In",
    "winter the stove is lit from ten. The owner is the baker's daughter.",
)

Write = Callable[[Canvas, str], None]


def code(brush: Brush) -> bytes:
    """A QR code in two colours on a scene."""
    dark = tuple(int(level) for level in brush.rng.integers(0, 90, 3))
    return png(_pasted(brush, dark, (255, 255, 255)))


def faint_code(brush: Brush) -> bytes:
    """A QR code a few levels darker than its quiet zone, on a scene."""
    light = int(brush.rng.integers(200, 250))
    dark = light - int(brush.rng.integers(3, 13))
    return png(_pasted(brush, (dark,) * 3, (light,) * 3))


def exif(brush: Brush) -> bytes:
    """In one of the fields of a photo's EXIF that hold words."""
    tags = Image.Exif()
    tag = int(
        brush.rng.choice(
            [ExifTags.Base.ImageDescription, ExifTags.Base.Artist, ExifTags.Base.XPComment]
        )
    )
    wide = tag == ExifTags.Base.XPComment
    tags[tag] = f"{brush.line}\0".encode("utf-16-le") if wide else brush.line
    return _jpeg(brush.scene, exif=tags)


def xmp(brush: Brush) -> bytes:
    """As the description of a photo's XMP."""
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:description><rdf:Alt>'
        f'<rdf:li xml:lang="x-default">{escape(brush.line)}</rdf:li>'
        "</rdf:Alt></dc:description></rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    return _jpeg(brush.scene, xmp=packet.encode())


def iptc(brush: Brush) -> bytes:
    """As the caption (2:120) of a photo's IPTC, in Photoshop's block 0x0404."""
    words = brush.line.encode()
    caption = b"\x1c\x02\x78" + len(words).to_bytes(2, "big") + words
    block = b"8BIM\x04\x04\0\0" + len(caption).to_bytes(4, "big") + caption
    held = b"Photoshop 3.0\0" + block + b"\0" * (len(block) % 2)
    return _jpeg(brush.scene, extra=b"\xff\xed" + (len(held) + 2).to_bytes(2, "big") + held)


def jpeg_comment(brush: Brush) -> bytes:
    """In a JPEG's comment."""
    return _jpeg(brush.scene, comment=brush.line.encode())


def png_text(brush: Brush) -> bytes:
    """In one of a PNG's three chunks for text."""
    notes = PngImagePlugin.PngInfo()
    form = int(brush.rng.integers(3))
    if form == 0:
        notes.add_itxt("Description", brush.line, zip=bool(brush.rng.integers(2)))
    else:
        notes.add_text("Comment", brush.line, zip=form == 1)
    out = BytesIO()
    brush.scene.save(out, "PNG", pnginfo=notes)
    return out.getvalue()


def pdf(write: Write) -> Callable[[Brush], bytes]:
    """A page of print that holds the line where a person does not see it."""

    def draw(brush: Brush) -> bytes:
        out = BytesIO()
        canvas = Canvas(out, pagesize=A4, invariant=True)
        canvas.setFont("Helvetica", 12)
        for number, row in enumerate(LETTER):
            canvas.drawString(72, 760 - 22 * number, row)
        canvas.translate(72, float(brush.rng.integers(100, 500)))
        write(canvas, brush.line)
        canvas.save()
        return out.getvalue()

    return draw


def white(canvas: Canvas, line: str) -> None:
    """White on white."""
    canvas.setFillColorRGB(1, 1, 1)
    canvas.drawString(0, 0, line)


def tiny(canvas: Canvas, line: str) -> None:
    """Letters of half a point."""
    canvas.setFont("Helvetica", 0.5)
    canvas.drawString(0, 0, line)


def off_page(canvas: Canvas, line: str) -> None:
    """Right of the page's edge."""
    canvas.drawString(A4[0], 0, line)


def covered(canvas: Canvas, line: str) -> None:
    """Under a box in the colour of the page."""
    canvas.drawString(0, 0, line)
    canvas.setFillColorRGB(1, 1, 1)
    canvas.rect(-4, -6, 400, 24, stroke=0, fill=1)


def invisible(canvas: Canvas, line: str) -> None:
    """In the mode of text that paints nothing (ISO 32000-1, 9.3.6), as a scan's own words are."""
    text = canvas.beginText(0, 0)
    text.setTextRenderMode(3)
    text.textOut(line)
    canvas.drawText(text)


def _pasted(brush: Brush, dark: tuple[int, ...], light: tuple[int, ...]) -> Image.Image:
    """The scene with the line's code on it."""
    out = BytesIO()
    made = segno.make(brush.line, micro=False)
    made.save(out, kind="png", scale=int(brush.rng.integers(4, 9)), dark=dark, light=light)
    square = Image.open(out).convert("RGB")
    page = brush.scene.copy()
    left = int(brush.rng.integers(0, page.width - square.width + 1))
    top = int(brush.rng.integers(0, page.height - square.height + 1))
    page.paste(square, (left, top))
    return page


def _jpeg(scene: Image.Image, **beside: bytes | Image.Exif) -> bytes:
    out = BytesIO()
    scene.save(out, "JPEG", quality=90, **beside)
    return out.getvalue()
