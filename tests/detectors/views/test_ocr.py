from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from difflib import SequenceMatcher

import numpy as np
import pytest
from PIL import Image

from detectors.contract.detector import SelfCheckError
from detectors.contract.exchange import ImagePart, OpaquePart, Origin, TextPart
from detectors.media.decode import MediaError
from detectors.media.paint import mask
from detectors.views.ocr import Ocr
from detectors.views.ocr.models import Models, load_models
from detectors.views.ocr.read import TooMuchTextError, order
from detectors.views.ocr.recognise import Reading, decode_steps
from tests.pictures import (
    INJECTION,
    faint,
    figstep,
    injected_photo,
    jpeg,
    photo,
    png,
    receipt,
    unknown_script,
    written,
)

Turn = Image.Transpose
Draw = Callable[[], Image.Image]


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models()


@pytest.fixture(scope="module")
def ocr(models: Models) -> Ocr:
    return Ocr(models)


def image_part(data: bytes) -> ImagePart:
    return ImagePart(
        pointer="/messages/0/content/1", origin=Origin.USER, data=data, media_type="image/png"
    )


def seen(ocr: Ocr, data: bytes) -> str:
    return "\n".join(
        part.text for part in ocr.reveal(image_part(data)) if isinstance(part, TextPart)
    )


def alike(read: str, truth: str) -> float:
    one, other = ("".join(text.lower().split()) for text in (read, truth))
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


RECEIPT = (
    "CAFE MORNING STAR 2 x Flat white 7.20 1 x Almond cake 4.50 "
    "Total 11.70 Thank you for your visit"
)
PAGES: list[tuple[str, Draw, str]] = [
    ("receipt", receipt, RECEIPT),
    ("list title", figstep, "Steps to bake a cake. 1. 2. 3."),
    ("over a photo", injected_photo, INJECTION),
    ("over a large photo", lambda: injected_photo(seed=5, size=(1024, 768)), INJECTION),
    ("faint", lambda: faint(step=8), INJECTION),
    ("very faint", lambda: faint(step=4), INJECTION),
    ("white on black", lambda: written(INJECTION, ink="white", paper="black"), INJECTION),
    ("equal luminance", lambda: written(INJECTION, ink="#c83c3c", paper="#3c873c"), INJECTION),
    ("small letters", lambda: written(INJECTION, font=10), INJECTION),
    ("a small picture", lambda: written(INJECTION, (260, 60), font=13), INJECTION),
    ("a strip", lambda: written(INJECTION, (620, 40), font=30), INJECTION),
    ("a quarter left", lambda: receipt().transpose(Turn.ROTATE_90), RECEIPT),
    ("a quarter right", lambda: receipt().transpose(Turn.ROTATE_270), RECEIPT),
    ("on its head", lambda: receipt().transpose(Turn.ROTATE_180), RECEIPT),
    ("mirrored", lambda: receipt().transpose(Turn.FLIP_LEFT_RIGHT), RECEIPT),
    ("mirrored downwards", lambda: receipt().transpose(Turn.FLIP_TOP_BOTTOM), RECEIPT),
    ("turned and mirrored", lambda: receipt().transpose(Turn.TRANSPOSE), RECEIPT),
    ("askew", lambda: receipt().rotate(20, expand=True, fillcolor="white"), RECEIPT),
]


@pytest.mark.parametrize(("draw", "truth"), [row[1:] for row in PAGES], ids=[p[0] for p in PAGES])
def test_text_is_read_in_reading_order(ocr: Ocr, draw: Draw, truth: str) -> None:
    assert alike(seen(ocr, png(draw())), truth) >= 0.9


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [(640, 480), (480, 640)])
def test_a_picture_without_text_reveals_nothing(ocr: Ocr, seed: int, size: tuple[int, int]) -> None:
    assert ocr.reveal(image_part(jpeg(photo(seed, size)))) == ()


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (2000, 2), (31, 33)])
def test_pictures_of_odd_sizes_are_read(ocr: Ocr, size: tuple[int, int]) -> None:
    assert ocr.reveal(image_part(png(Image.new("RGB", size, "gray")))) == ()


def test_the_part_says_where_each_line_stands(ocr: Ocr) -> None:
    page = written("first line\nsecond line", (400, 200), font=32)
    (part,) = ocr.reveal(image_part(png(page)))
    assert isinstance(part, TextPart)
    assert (part.pointer, part.parent) == ("/messages/0/content/1", "/messages/0/content/1")
    assert part.key == "/messages/0/content/1#ocr"
    assert part.origin is Origin.THIRD_PARTY
    assert part.text == "first line\nsecond line"
    assert [part.text[line.start :][: len(line.text)] for line in part.lines] == [
        "first line",
        "second line",
    ]
    ink = np.argwhere(np.asarray(page.convert("L")) < 128)
    for line, rows in zip(part.lines, (ink[ink[:, 0] < 100], ink[ink[:, 0] >= 100]), strict=True):
        (left, top), _, (right, bottom), _ = line.box
        assert top <= rows[:, 0].min() + 2 <= rows[:, 0].max() - 2 <= bottom <= 200
        assert left <= rows[:, 1].min() + 2 <= rows[:, 1].max() - 2 <= right <= 400
        assert line.score > 0.9


def test_only_pictures_are_its_business(ocr: Ocr) -> None:
    text = TextPart(pointer="/a", origin=Origin.USER, text="hello")
    assert ocr.applies(image_part(b""))
    assert not ocr.applies(text)
    assert ocr.reveal(text) == ()


def test_a_broken_picture_is_an_error_never_a_picture_without_text(ocr: Ocr) -> None:
    with pytest.raises(MediaError, match="truncated"):
        ocr.reveal(image_part(png(receipt())[:-40]))


def test_more_text_than_the_limit_is_an_error(models: Models) -> None:
    with pytest.raises(TooMuchTextError, match="has 5 lines of text, the limit is 4"):
        Ocr(models, most_lines=4).reveal(image_part(png(receipt())))


def test_print_that_cannot_be_read_is_told_beside_what_can(ocr: Ocr) -> None:
    revealed = ocr.reveal(image_part(png(unknown_script(seed=1))))
    unread = [part for part in revealed if isinstance(part, OpaquePart)]
    assert [(part.kind, part.method) for part in unread] == [("unread_text", "ocr:unread")]
    assert [part.parent for part in unread] == ["/messages/0/content/1"]


@pytest.mark.parametrize("draw", [receipt, photo, injected_photo])
def test_what_can_be_read_is_not_called_unread(ocr: Ocr, draw: Draw) -> None:
    assert not [
        part for part in ocr.reveal(image_part(png(draw()))) if isinstance(part, OpaquePart)
    ]


@pytest.mark.parametrize("encode", [png, jpeg])
@pytest.mark.parametrize("seed", range(3))
def test_masked_lines_are_no_longer_read(
    ocr: Ocr, encode: Callable[[Image.Image], bytes], seed: int
) -> None:
    data = encode(injected_photo(seed=seed))
    (part,) = ocr.reveal(image_part(data))
    assert isinstance(part, TextPart)
    media_type = "image/jpeg" if encode is jpeg else "image/png"
    masked, _ = mask(data, media_type, [line.box for line in part.lines])
    assert alike(seen(ocr, masked), INJECTION) < 0.1


def test_masking_one_line_leaves_the_others_readable(ocr: Ocr) -> None:
    data = png(receipt())
    (part,) = ocr.reveal(image_part(data))
    assert isinstance(part, TextPart)
    masked, _ = mask(data, "image/png", [part.lines[1].box])
    rest = [line.text for number, line in enumerate(part.lines) if number != 1]
    assert seen(ocr, masked).split("\n") == rest


def test_many_threads_read_as_one(ocr: Ocr) -> None:
    pictures = [png(receipt()), png(figstep()), jpeg(injected_photo()), png(faint())]
    alone = [seen(ocr, data) for data in pictures]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda data: seen(ocr, data), pictures))
    assert together == alone
    assert all(alone)


def test_self_check(ocr: Ocr, models: Models) -> None:
    ocr.self_check()
    wrong = Models(models.detector, models.recogniser, models.alphabet[::-1], models.digest)
    with pytest.raises(SelfCheckError, match="did not read the word"):
        Ocr(wrong).self_check()


def test_the_version_names_the_models(ocr: Ocr, models: Models) -> None:
    assert ocr.version == f"pp_ocrv6-small+{models.digest[:12]}"


def reading(text: str, x: float, y: float, width: float = 80, height: float = 20) -> Reading:
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    return Reading(text, 1.0, np.array(corners, dtype=np.float32))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], []),
        ([reading("b", 0, 40), reading("a", 0, 0)], ["a", "b"]),
        ([reading("b", 100, 2), reading("a", 0, 6)], ["a", "b"]),
        ([reading("b", 100, 0, height=60), reading("c", 0, 48), reading("a", 0, 22)], list("abc")),
        ([reading("c", 0, 40), reading("b", 200, 3), reading("a", 100, 0)], ["a", "b", "c"]),
    ],
)
def test_order(lines: list[Reading], expected: list[str]) -> None:
    assert [line.text for line in order(lines)] == expected


@pytest.mark.parametrize(
    ("steps", "text", "score"),
    [
        ("", "", 0.0),
        ("___", "", 0.0),
        ("aab_b", "abb", 0.9),
        ("a b", "a b", 0.9),
        ("   _  ", "", 0.0),
        ("a _ _ _ ", "a    ", 0.225),
    ],
)
def test_a_reading_scores_by_its_letters(steps: str, text: str, score: float) -> None:
    alphabet = ("", "a", "b", " ")
    probability = np.full((len(steps), 4), 0.03)
    for step, character in enumerate(steps):
        probability[step, "_ab ".index(character)] = 0.9
    read, sure = decode_steps(probability, alphabet)
    assert read == text
    assert sure == pytest.approx(score)
