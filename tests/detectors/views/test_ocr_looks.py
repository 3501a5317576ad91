"""Text that only another look shows: transparency, faint print, later frames, careless scaling."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont, ImageOps

from benchmarks.reading import likeness
from detectors.contract.exchange import ImagePart, Origin, TextPart
from detectors.media.paint import mask
from detectors.views.ocr import Ocr
from detectors.views.ocr.hidden import UNSENT, bgr, looks
from detectors.views.ocr.looks import frames
from detectors.views.ocr.looks.alpha import alpha_looks
from detectors.views.ocr.looks.faint import faint_looks, faint_run
from detectors.views.ocr.looks.frames import frame_looks
from detectors.views.ocr.looks.look import longest_run
from detectors.views.ocr.looks.scaled import scaled_looks
from detectors.views.ocr.looks.texture import texture_looks
from tests.pictures import INJECTION, faint, photo, pinned, png, receipt, written

Draw = Callable[[], bytes]


@pytest.fixture(scope="module")
def ocr() -> Ocr:
    return Ocr.load()


def texts(ocr: Ocr, part: ImagePart) -> dict[str | None, TextPart]:
    return {one.method: one for one in ocr.reveal(part) if isinstance(one, TextPart)}


def stencil(text: str = INJECTION, size: tuple[int, int] = (640, 480)) -> np.ndarray:
    return 255 - np.asarray(written(text, size).convert("L"))


def white_on_nothing() -> bytes:
    layer = np.full((480, 640, 4), 255, np.uint8)
    layer[:, :, 3] = stencil()
    return png(Image.fromarray(layer))


def page_under_alpha() -> bytes:
    page = written(INJECTION).convert("RGBA")
    page.putalpha(0)
    return png(page)


def animation(*pages: Image.Image, form: str = "GIF") -> bytes:
    out = BytesIO()
    pages[0].save(out, form, save_all=True, append_images=pages[1:], duration=50)
    return out.getvalue()


def faint_under_alpha() -> bytes:
    page = faint(step=4).convert("RGBA")
    page.putalpha(0)
    return png(page)


def on_its_head() -> bytes:
    layer = np.full((480, 640, 4), 255, np.uint8)
    layer[:, :, 3] = stencil()[::-1, ::-1]
    return png(Image.fromarray(layer))


def blue_on_black() -> bytes:
    return png(written(INJECTION, ink=(0, 0, 5), paper="black", font=22))


def small_and_faint() -> bytes:
    return png(written(INJECTION, ink=(115, 125, 135), paper=(120, 130, 140), font=11))


def under_a_receipt() -> bytes:
    page = ImageOps.expand(receipt(), (0, 0, 0, 40), "white")
    place = (8, page.height - 32)
    ImageDraw.Draw(page).text(place, INJECTION, (253, 253, 253), ImageFont.load_default(15))
    return png(page)


def checkered() -> bytes:
    down, across = np.mgrid[0:480, 0:640]
    levels = 128 + 40 * ((down + across) % 2 * 2 - 1) * (stencil() > 127)
    return png(Image.fromarray(levels.astype(np.uint8)).convert("RGB"))


def halftone() -> bytes:
    levels = np.asarray(photo(1).convert("L")) * 0.5 + 64 - stencil() / 255 * 60
    return png(Image.fromarray(levels.astype(np.uint8)).convert("1").convert("RGB"))


def salted() -> bytes:
    share = 0.15 + stencil() / 255 * 0.6
    dark = np.random.default_rng(1).random(share.shape) < share
    return png(Image.fromarray(np.where(dark, 20, 235).astype(np.uint8)).convert("RGB"))


def word_by_word() -> bytes:
    words = [written(word, font=40) for word in INJECTION.split()]
    return animation(photo(1), *words, form="PNG")


def typed() -> bytes:
    pages = [written(INJECTION[:length], (640, 120)) for length in range(2, len(INJECTION) + 1, 3)]
    return animation(photo(1, (640, 120)), *pages, written(INJECTION, (640, 120)))


def in_a_frame(form: str) -> Draw:
    return lambda: animation(photo(1), photo(1), written(INJECTION), photo(1), form=form)


def scaled(factor: float, kernel: int) -> bytes:
    """The line stands only in the pixels that the kernel looks at."""
    small = (640, 480)
    large = (round(640 * factor), round(480 * factor))
    shift = stencil() / 255.0 * 90
    down, across = (
        cv2.resize(np.eye(n), (n, m), interpolation=kernel)
        for m, n in zip(small[::-1], large[::-1], strict=True)
    )
    left, right = (np.linalg.solve(one @ one.T, one).T for one in (down, across))
    scene = cv2.resize(np.asarray(photo(2)), large, interpolation=cv2.INTER_CUBIC) * 0.5
    hidden = np.clip(scene + (left @ shift @ right.T)[:, :, None], 0, 255)
    return png(Image.fromarray(hidden.astype(np.uint8)))


HIDDEN: list[tuple[str, Draw]] = [
    ("ocr:alpha", white_on_nothing),
    ("ocr:alpha", page_under_alpha),
    ("ocr:faint", lambda: png(faint(step=2))),
    ("ocr:faint", blue_on_black),
    ("ocr:faint", small_and_faint),
    ("ocr:faint", lambda: png(faint(step=2).rotate(180))),
    ("ocr:faint", under_a_receipt),
    ("ocr:alpha", faint_under_alpha),
    ("ocr:alpha", on_its_head),
    ("ocr:texture", checkered),
    ("ocr:texture", halftone),
    ("ocr:texture", salted),
    ("ocr:frame", word_by_word),
    ("ocr:frame", typed),
    ("ocr:frame", lambda: animation(photo(1), faint(step=250), faint(step=3), form="PNG")),
    ("ocr:frame", in_a_frame("GIF")),
    ("ocr:frame", in_a_frame("PNG")),
    ("ocr:frame", in_a_frame("WEBP")),
    ("ocr:frame", in_a_frame("TIFF")),
    ("ocr:frame", in_a_frame("HEIF")),
]


@pytest.mark.parametrize(("method", "draw"), HIDDEN)
def test_what_a_plain_reading_misses_another_look_shows(ocr: Ocr, method: str, draw: Draw) -> None:
    read = texts(ocr, pinned(draw()))
    assert likeness(INJECTION, read[method].text) > 0.9
    assert read[method].key == f"/0#{method}"
    assert read[method].origin is Origin.THIRD_PARTY


@pytest.mark.parametrize(
    "draw",
    [
        lambda: png(receipt()),
        lambda: png(photo(3)),
        lambda: png(photo(4, (1600, 1200))),
        lambda: png(receipt().convert("RGBA")),
        lambda: animation(receipt(), receipt(), receipt()),
        lambda: animation(photo(1), photo(2), photo(3)),
        lambda: png(receipt().resize((1440, 1920))),
    ],
)
def test_a_harmless_picture_shows_no_more_another_way(ocr: Ocr, draw: Draw) -> None:
    assert set(texts(ocr, pinned(draw()))) <= {"ocr"}


@pytest.mark.parametrize(("step", "method"), [(4, "ocr:faint"), (10, "ocr:faint"), (40, "ocr")])
def test_what_a_person_hardly_sees_is_told_apart_though_it_is_read(
    ocr: Ocr, step: int, method: str
) -> None:
    read = texts(ocr, pinned(png(faint(step=step))))
    assert set(read) == {method}
    assert likeness(INJECTION, read[method].text) > 0.9


def test_a_faint_line_stands_where_it_is_painted_over(ocr: Ocr) -> None:
    part = pinned(png(faint(step=2)))
    boxes = [line.box for line in texts(ocr, part)["ocr:faint"].lines]
    data, media_type = mask(part.data, part.media_type, boxes)
    assert texts(ocr, replace(part, data=data, media_type=media_type)) == {}


@pytest.mark.parametrize(("factor", "kernel"), [(4, cv2.INTER_NEAREST), (3.37, cv2.INTER_NEAREST)])
def test_what_is_hidden_in_a_careless_scaling_is_shown_at_its_size(
    factor: float, kernel: int
) -> None:
    original = bgr(Image.open(BytesIO(scaled(factor, kernel))).convert("RGB"))
    found = list(scaled_looks(original))
    assert found
    levels = cv2.cvtColor(found[0].picture, cv2.COLOR_BGR2GRAY).astype(int)
    ink = stencil(size=(levels.shape[1], levels.shape[0])) > 200
    assert levels[ink].mean() > levels[~ink].mean() + 30


def test_alpha_looks_come_once_each() -> None:
    page = bgr(written(INJECTION))
    assert list(alpha_looks(written(INJECTION).convert("RGBA"), page)) == []
    layer = np.zeros((480, 640, 4), np.uint8)
    layer[:, :, 3] = stencil()
    black = Image.fromarray(layer)
    assert list(alpha_looks(black, page)) == []
    assert (
        len(list(alpha_looks(Image.open(BytesIO(white_on_nothing())), np.full_like(page, 255))))
        == 1
    )


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (2000, 2), (31, 33), (700, 20)])
def test_pictures_of_odd_sizes_have_no_other_look(size: tuple[int, int]) -> None:
    part = pinned(png(Image.new("RGB", size, "gray")))
    assert list(looks(part, bgr(Image.new("RGB", size, "gray")))) == []


def test_the_gates_stay_shut_before_plain_print_and_scenes() -> None:
    for page in (receipt(), photo(5), written(INJECTION)):
        assert list(faint_looks(bgr(page))) == []
        assert list(texture_looks(bgr(page))) == []
        assert list(scaled_looks(bgr(page))) == []
    assert faint_run(np.zeros((32, 32), np.uint8)) == 0


@pytest.mark.parametrize(
    ("marks", "run"), [("", 0), ("110111", 3), ("1", 1), ("000", 0), ("0011", 2)]
)
def test_a_run_is_the_longest_row_or_column_of_marks(marks: str, run: int) -> None:
    row = np.array([[mark == "1" for mark in marks]])
    assert longest_run(row) == longest_run(row.T) == run


def test_a_long_animation_costs_no_more_than_a_few_looks() -> None:
    pages = [written(f"page number {number}", (320, 240)) for number in range(90)]
    found = list(frame_looks(animation(*pages), bgr(pages[0])))
    assert len(found) == frames.MOST_LOOKS


def test_a_frame_that_is_broken_ends_the_search() -> None:
    data = animation(photo(1), photo(2), written(INJECTION))
    found = list(frame_looks(data[: len(data) // 2], bgr(photo(1))))
    assert len(found) <= 2


def test_an_original_that_cannot_be_decoded_is_passed_over(ocr: Ocr) -> None:
    part = replace(pinned(png(receipt())), original=b"GIF89a")
    assert set(texts(ocr, part)) == {"ocr"}


def test_what_is_not_sent_is_told_apart() -> None:
    assert {"ocr:alpha", "ocr:frame", "ocr:scaled"} == UNSENT
