"""What every OCR engine owes the view, of each that is installed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from difflib import SequenceMatcher
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image, ImageDraw

from detectors.contract.exchange import ImagePart, Origin, TextPart
from detectors.media.paint import mask
from detectors.views.ocr import ENGINES, Ocr
from detectors.views.ocr.detect import Picture
from detectors.views.ocr.engine import OcrEngine
from detectors.views.ocr.engines.extra import EngineError
from detectors.views.ocr.hidden import bgr
from detectors.views.ocr.models import load_embedded
from tests.pictures import INJECTION, faint, injected_photo, photo, png, receipt, written

Turn = Image.Transpose
Draw = Callable[[], Image.Image]

PACKAGES = {"openvino": "openvino", "paddleocr": "paddleocr", "tesseract": "tesserocr"}

STROKES = {
    "口": "a1 a9 i9 i1 a1",
    "日": "b1 b9 h9 h1 b1|b5 h5",
    "田": "a1 a9 i9 i1 a1|a5 i5|e1 e9",
    "中": "a3 a7 i7 i3 a3|e0 e:",
    "王": "a1 i1|b5 h5|a9 i9|e1 e9",
    "山": "a4 a9 i9 i4|e1 e9",
}
"""Lines between points, x from a to i and y from 0 to ``:``."""
CHINESE = "中山王田日口"


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> OcrEngine:
    """Skipped where it is not installed; one that is there and does not load is a failure."""
    name = request.param
    if name in PACKAGES and find_spec(PACKAGES[name]) is None:
        pytest.skip(f"{PACKAGES[name]} is not installed here")
    try:
        loaded = load_embedded() if name == "embedded" else ENGINES[name](1)
    except EngineError as error:
        if "no language data" not in error.what:
            raise
        pytest.skip(str(error))
    if name == "tesseract" and "chi_sim" not in loaded.version:
        pytest.skip("English alone misses lines: apt-get install tesseract-ocr-chi-sim")
    return loaded


@pytest.fixture(scope="module")
def ocr(engine: OcrEngine) -> Ocr:
    return Ocr(engine)


def part(data: bytes) -> ImagePart:
    return ImagePart(pointer="/0", origin=Origin.USER, data=data, media_type="image/png")


def texts(ocr: Ocr, data: bytes) -> list[TextPart]:
    return [one for one in ocr.reveal(part(data)) if isinstance(one, TextPart)]


def seen(ocr: Ocr, image: Image.Image) -> str:
    return "\n".join(one.text for one in texts(ocr, png(image)))


def bare(text: str) -> str:
    return "".join(text.lower().split())


def alike(read: str, truth: str) -> float:
    return SequenceMatcher(None, bare(read), bare(truth), autojunk=False).ratio()


def columns() -> Image.Image:
    page = Image.new("RGB", (900, 300), "white")
    for left, words in ((20, "north wind\nsouth wind"), (480, "east wind\nwest wind")):
        page.paste(written(words, (400, 300), font=40), (left, 0))
    return page


def chinese() -> Image.Image:
    page = Image.new("RGB", (600, 200), "white")
    draw = ImageDraw.Draw(page)
    for place, character in enumerate(CHINESE):
        for stroke in STROKES[character].split("|"):
            points = [
                (60 + 80 * place + 7 * (ord(at[0]) - ord("a")), 70 + 6 * (ord(at[1]) - ord("0")))
                for at in stroke.split()
            ]
            draw.line(points, "black", 6)
    return page


def see_through() -> bytes:
    page = written(INJECTION).convert("RGBA")
    page.putalpha(0)
    return png(page)


RECEIPT = (
    "CAFE MORNING STAR 2 x Flat white 7.20 1 x Almond cake 4.50 "
    "Total 11.70 Thank you for your visit"
)
PAGES: dict[str, tuple[Draw, str]] = {
    "plain": (receipt, RECEIPT),
    "a quarter left": (lambda: receipt().transpose(Turn.ROTATE_90), RECEIPT),
    "a quarter right": (lambda: receipt().transpose(Turn.ROTATE_270), RECEIPT),
    "on its head": (lambda: receipt().transpose(Turn.ROTATE_180), RECEIPT),
    "mirrored": (lambda: receipt().transpose(Turn.FLIP_LEFT_RIGHT), RECEIPT),
    "light on dark": (lambda: written(INJECTION, ink="#eee", paper="#113"), INJECTION),
    "equal luminance": (lambda: written(INJECTION, ink="#c83c3c", paper="#3c873c"), INJECTION),
    "faint": (lambda: faint(step=8), INJECTION),
    "over a photo": (injected_photo, INJECTION),
    "two columns": (columns, "north wind east wind south wind west wind"),
    "a strip": (lambda: written(f"{INJECTION} twice and again", (2400, 40), font=30), ""),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_read_in_order(ocr: Ocr, name: str) -> None:
    draw, truth = PAGES[name]
    assert alike(seen(ocr, draw()), truth or f"{INJECTION} twice and again") >= 0.9


def test_chinese_is_read_where_it_is_claimed(ocr: Ocr) -> None:
    assert alike(seen(ocr, chinese()), CHINESE) >= 0.8


def test_a_line_without_ink_is_empty(engine: OcrEngine) -> None:
    paper: Picture = np.full((60, 300, 3), 255, np.uint8)
    whole = np.array([[0, 0], [300, 0], [300, 60], [0, 60]], np.float32)
    (line,) = engine.recognise(paper, [whole])
    assert (line.text.strip(), line.score) == ("", 0.0)
    assert engine.recognise(paper, []) == []


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 40), (40, 1), (3, 200), (2000, 2), (8, 4000), (31, 33), (640, 480)]
)
def test_a_picture_without_text_reveals_nothing(ocr: Ocr, size: tuple[int, int]) -> None:
    assert ocr.reveal(part(png(Image.new("RGB", size, "gray")))) == ()


@pytest.mark.parametrize("seed", range(2))
def test_a_scene_without_text_reveals_nothing(ocr: Ocr, seed: int) -> None:
    assert ocr.reveal(part(png(photo(seed)))) == ()


def test_boxes_lie_on_the_text(engine: OcrEngine) -> None:
    page = written("first line\nsecond line", (400, 200), font=32)
    quads = engine.find(bgr(page))
    lines = engine.recognise(bgr(page), quads)
    assert [line.quad is quad for line, quad in zip(lines, quads, strict=True)] == [True, True]
    assert {bare(line.text) for line in lines} == {"firstline", "secondline"}
    ink = np.argwhere(np.asarray(page.convert("L")) < 128)[:, ::-1]
    for line in lines:
        own = ink[(ink[:, 1] < 100) == (line.quad[:, 1].mean() < 100)]
        assert (line.quad.min(axis=0) <= own.min(axis=0) + 2).all()
        assert (line.quad.max(axis=0) >= own.max(axis=0) - 2).all()
        assert (line.quad.min(axis=0) >= own.min(axis=0) - 30).all()
        assert (line.quad.max(axis=0) <= own.max(axis=0) + 30).all()
        assert 0.8 < line.score <= 1


@pytest.mark.parametrize("draw", [injected_photo, receipt, lambda: faint(step=8)])
def test_what_is_painted_over_is_no_longer_read(ocr: Ocr, draw: Draw) -> None:
    data = png(draw())
    boxes = [line.box for one in texts(ocr, data) for line in one.lines]
    assert boxes
    masked, _ = mask(data, "image/png", boxes)
    assert texts(ocr, masked) == []


@pytest.mark.parametrize(
    ("draw", "method"), [(see_through, "ocr:alpha"), (lambda: png(faint(step=2)), "ocr:faint")]
)
def test_other_looks_are_read_too(ocr: Ocr, draw: Callable[[], bytes], method: str) -> None:
    found = {one.method: one for one in texts(ocr, draw())}
    assert alike(found[method].text, INJECTION) >= 0.9


def test_many_threads_read_as_one(ocr: Ocr) -> None:
    pages = [receipt(), injected_photo(), faint(), columns()]
    alone = [seen(ocr, page) for page in pages]
    with ThreadPoolExecutor(3) as threads:
        together = list(threads.map(lambda page: seen(ocr, page), pages))
    assert together == alone


def test_it_knows_itself(engine: OcrEngine, ocr: Ocr, request: pytest.FixtureRequest) -> None:
    ocr.self_check()
    assert ocr.version == engine.version
    assert " " not in engine.version
    own = "embedded" in request.node.name
    assert (engine.version == load_embedded().version) == own
