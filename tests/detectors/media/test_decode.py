import base64
import contextlib
import struct
import time
import zlib
from io import BytesIO

import pytest
from PIL import Image

from detectors.media.decode import Limits, MediaError, data_uri, decode, transparent, upright
from detectors.media.formats import FORMATS
from tests.pictures import encoded, jpeg, photo, png

PLAIN = photo(size=(96, 64))
FORMS = tuple(FORMATS)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(width: int, height: int) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def jpeg_of(width: int, height: int) -> bytes:
    data = jpeg(PLAIN)
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def gif_of(width: int, height: int) -> bytes:
    data = encoded(PLAIN, "GIF")
    return data[:6] + struct.pack("<HH", width, height) + data[10:]


def webp_of(width: int, height: int) -> bytes:
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + canvas
    return b"RIFF" + struct.pack("<I", len(body)) + body


def bmp_of(width: int, height: int, packed: int = 0) -> bytes:
    data = encoded(PLAIN, "BMP")
    return data[:18] + struct.pack("<iiHHI", width, height, 1, 24, packed) + data[34:]


def animation(form: str, frames: int) -> bytes:
    out = BytesIO()
    more = [photo(seed, (96, 64)) for seed in range(1, frames)]
    PLAIN.save(out, form, save_all=True, append_images=more, duration=50)
    return out.getvalue()


SHORT = Limits(max_frames=2)
HOSTILE = [
    ("nothing", b"", Limits(), "an empty file is not accepted"),
    ("text", b"hello, I am a picture", Limits(), "this kind of file is not accepted"),
    ("svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", Limits(), "SVG or other markup"),
    ("svg with a prologue", b"\xef\xbb\xbf <?xml version='1.0'?><svg/>", Limits(), "SVG"),
    ("pdf before jpeg", b"%PDF-1.7\n" + jpeg(PLAIN), Limits(), "a PDF document"),
    ("zip", b"PK\x03\x04" + png(PLAIN), Limits(), "a ZIP archive"),
    (
        "bmp of os/2",
        b"BM" + bytes(60),
        Limits(),
        "this kind of BMP is not accepted: send PNG, JPEG",
    ),
    ("bigtiff", b"II+\0\x08\0\0\0" + bytes(64), Limits(), "BigTIFF is not accepted"),
    ("bmp over 4 GP", bmp_of(65535, 65535), Limits(), "claims 65535x65535 pixels"),
    ("bmp in run lengths", bmp_of(9, 9, 1), Limits(), "BMP is truncated or broken"),
    ("bmp magic alone", encoded(PLAIN, "BMP")[:16], Limits(), "no pixels"),
    ("tiff magic alone", b"II*\0", Limits(), "TIFF is truncated"),
    ("avif magic alone", b"\0\0\0\x18ftypavif", Limits(), "AVIF is truncated"),
    ("tiff pages", animation("TIFF", 3), SHORT, "more than 2 frames"),
    ("animated avif", animation("AVIF", 2), Limits(), "not a still picture"),
    ("heic pictures", animation("HEIF", 3), SHORT, "more than 2 frames"),
    ("ico", encoded(PLAIN, "ICO"), Limits(), "ICO is not accepted"),
    ("heic", b"\0\0\0\x18ftypheic" + bytes(64), Limits(), "HEIF is truncated"),
    ("video", b"\0\0\0\x18ftypisom" + bytes(64), Limits(), "a video is not accepted"),
    ("other riff", b"RIFF\x10\0\0\0WAVEfmt " + bytes(8), Limits(), "this kind of file"),
    ("png over 4 GP", png_of(65535, 65535), Limits(), "claims 65535x65535 pixels"),
    ("jpeg over 4 GP", jpeg_of(65535, 65535), Limits(), "claims 65535x65535 pixels"),
    ("gif over 4 GP", gif_of(65535, 65535), Limits(), "claims 65535x65535 pixels"),
    ("webp over 4 GP", webp_of(65535, 65535), Limits(), "claims 65535x65535 pixels"),
    ("png of huge width", png_of(0x7FFFFFFF, 1), Limits(), "claims 2147483647x1 pixels"),
    ("no width", png_of(0, 9), Limits(), "no pixels"),
    ("no pixel data", png_of(9, 9), Limits(), "truncated or broken"),
    ("png magic alone", b"\x89PNG\r\n\x1a\n", Limits(), "PNG is truncated"),
    ("jpeg magic alone", b"\xff\xd8\xff", Limits(), "JPEG is truncated"),
    ("gif magic alone", b"GIF89a", Limits(), "GIF is truncated"),
    ("webp magic alone", b"RIFF\x04\0\0\0WEBP", Limits(), "no pixels"),
    ("jpeg magic before png", b"\xff\xd8\xff" + png(PLAIN), Limits(), "JPEG is truncated"),
    ("many bytes", png(PLAIN), Limits(max_bytes=100), "bytes, the limit is 100"),
    ("many pixels", png(PLAIN), Limits(max_pixels=100), "claims 96x64 pixels, the limit is 100"),
    ("gif frames", animation("GIF", 3), SHORT, "more than 2 frames"),
    ("png frames", animation("PNG", 3), SHORT, "more than 2 frames"),
    ("webp frames", animation("WEBP", 3), SHORT, "more than 2 frames"),
    ("a format left out", png(PLAIN), Limits(formats=frozenset({"JPEG"})), "PNG is not accepted"),
]


@pytest.mark.parametrize(
    ("data", "limits", "message"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE]
)
def test_a_hostile_file_is_refused_by_name(data: bytes, limits: Limits, message: str) -> None:
    with pytest.raises(MediaError, match=message):
        decode(data, limits)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
def test_a_truncated_file_is_refused(form: str, part: float) -> None:
    data = encoded(PLAIN, form)
    with pytest.raises(MediaError, match="truncated"):
        decode(data[: int(len(data) * part)], Limits())


@pytest.mark.parametrize("form", FORMS)
def test_a_broken_middle_is_refused_or_decoded_but_never_anything_else(form: str) -> None:
    data = encoded(PLAIN, form)
    for at in range(12, len(data), max(1, len(data) // 150)):
        broken = data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
        with contextlib.suppress(MediaError):
            assert decode(broken, Limits()).width > 0


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n" + chunk(b"tEXt", b"") * 1_000_000,
        b"\xff\xd8" + b"\xff\xfe\x00\x02" * 3_000_000,
        webp_of(9, 9) + b"JUNK\0\0\0\0" * 1_000_000,
        encoded(PLAIN, "GIF")[:-1] + b"\x21\xfe\0" * 3_000_000,
        encoded(PLAIN, "GIF")[:-1] + b"\x21\xfe" + b"\x01a" * 3_000_000,
    ],
    ids=["png chunks", "jpeg segments", "webp chunks", "gif extensions", "gif blocks"],
)
def test_a_file_in_millions_of_pieces_is_refused_at_once(data: bytes) -> None:
    started = time.thread_time()
    with pytest.raises(MediaError, match="truncated or broken"):
        decode(data, Limits())
    assert time.thread_time() - started < 1


@pytest.mark.parametrize("form", FORMS)
def test_each_format_decodes_to_its_pixels(form: str) -> None:
    assert decode(encoded(PLAIN, form), Limits()).size == (96, 64)


def test_a_refusal_tells_nothing_of_the_bytes() -> None:
    with pytest.raises(MediaError) as caught:
        decode(b"my-secret-password", Limits())
    assert "secret" not in str(caught.value)


def test_an_upright_picture_is_returned_as_it_is() -> None:
    image = decode(png(PLAIN), Limits())
    assert upright(image) is image


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (PLAIN, False),
        (PLAIN.convert("RGBA"), False),
        (Image.new("RGBA", (4, 4), (0, 0, 0, 254)), True),
        (Image.new("LA", (4, 4), (0, 0)), True),
    ],
)
def test_transparent(image: Image.Image, expected: bool) -> None:
    assert transparent(image) is expected


BODY = base64.b64encode(b"\xfb\xefbytes!").decode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"data:image/png;base64,{BODY}", (b"\xfb\xefbytes!", "image/png")),
        (f"DATA:Image/PNG;BASE64,{BODY}", (b"\xfb\xefbytes!", "image/png")),
        (f"data:image/svg+xml;charset=utf-8;base64,{BODY}", (b"\xfb\xefbytes!", "image/svg+xml")),
    ],
)
def test_a_data_uri_gives_bytes_and_type(text: str, expected: tuple[bytes, str]) -> None:
    assert data_uri(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must begin with data:"),
        ("https://pictures.example/a.png", "must begin with data:"),
        (f" data:image/png;base64,{BODY}", "must begin with data:"),
        (f"data:;base64,{BODY}", "must begin with data:"),
        ("data:image/png,hello", "must begin with data:"),
        ("data:image/png;base64,", "holds no bytes"),
        ("data:image/png;base64,====", "strict base64"),
        ("data:image/png;base64,-_8=", "strict base64"),
        ("data:image/png;base64,QUJD\nREVG", "strict base64"),
        ("data:image/png;base64,QUJD REVG", "strict base64"),
        ("data:image/png;base64,QUJDRA", "strict base64"),
        ("data:image/png;base64,QUJDRA==tail", "strict base64"),
        ("data:image/png;base64,QUJDé", "strict base64"),
    ],
)
def test_a_broken_data_uri_is_refused(text: str, message: str) -> None:
    with pytest.raises(MediaError, match=message):
        data_uri(text)
