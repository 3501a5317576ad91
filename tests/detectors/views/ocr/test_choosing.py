"""Which OCR engine reads, and what is said where it cannot."""

import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from detectors.catalogue import VIEWS, views
from detectors.views.ocr import ENGINES, Ocr
from detectors.views.ocr.detect import Tensor
from detectors.views.ocr.engines import tesseract
from detectors.views.ocr.engines.extra import EngineError, library
from detectors.views.ocr.engines.openvino import in_few_shapes
from detectors.views.ocr.engines.tesseract import inked
from service.doctor import examine
from service.settings import Settings, SettingsError

PACKAGES = {"openvino": "openvino", "paddleocr": "paddleocr", "tesseract": "tesserocr"}


def test_the_setting_names_every_engine() -> None:
    assert get_args(Settings.model_fields["ocr"].annotation) == tuple(ENGINES)
    assert Settings.read().ocr == "embedded"
    with pytest.raises(SettingsError, match="GLASSGATE_OCR: Input should be 'embedded'"):
        Settings.read(ocr="easyocr")


def test_the_views_are_the_same_whatever_reads() -> None:
    assert list(views("tesseract")) == list(VIEWS)
    made = views()["ocr"]()
    assert isinstance(made, Ocr)
    assert made.version.startswith("pp_ocrv6-small+")


@pytest.mark.parametrize(("engine", "package"), PACKAGES.items())
def test_a_missing_package_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, engine: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(EngineError) as raised:
        Ocr.load(engine)
    said = str(raised.value)
    assert said.startswith(f"ocr: the engine `{engine}` cannot use the package `{package}` (")
    assert said.endswith(f'; run pip install "glassgate[{engine}]"')


def test_the_doctor_names_engine_and_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tesserocr", None)
    (found,) = (
        each for each in examine(Settings.read(ocr="tesseract")) if each.name == "detector ocr"
    )
    assert not found.well
    assert "the engine `tesseract`" in found.detail
    assert found.fix == 'run pip install "glassgate[tesseract]"'


def test_missing_languages_are_named_with_their_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    try:
        library("tesserocr", "tesseract")
    except EngineError as error:
        pytest.skip(str(error))
    monkeypatch.setenv(tesseract.DATA, str(tmp_path))
    with pytest.raises(EngineError, match=r"no language data; run apt-get install tesseract-ocr"):
        tesseract.load()
    (tmp_path / "eng.traineddata").write_bytes(b"no data")
    with pytest.raises(EngineError, match="Tesseract cannot load eng of "):
        tesseract.load()


@pytest.mark.parametrize(
    ("ink", "paper"),
    [((0, 0, 0), (255, 255, 255)), ((250, 250, 250), (9, 9, 30)), ((60, 60, 200), (60, 135, 60))],
)
def test_tesseract_is_shown_dark_letters_on_light_paper(
    ink: tuple[int, int, int], paper: tuple[int, int, int]
) -> None:
    line = np.full((30, 200, 3), paper, np.uint8)
    line[8:22, 20:180:8] = ink
    shown = inked(line)
    assert shown.shape == (60, 287)
    assert np.median(shown) > 220
    assert shown[30].min() < 60


def test_openvino_is_asked_with_few_shapes() -> None:
    asked: list[tuple[int, ...]] = []

    def network(tensor: Tensor) -> Tensor:
        asked.append(tensor.shape[2:])
        return tensor[:, :1]

    for height, width in ((1, 1), (64, 65), (640, 480), (700, 960), (48, 320), (48, 1056)):
        tensor = np.random.default_rng(1).random((1, 3, height, width), dtype=np.float32)
        assert np.array_equal(in_few_shapes(network)(tensor), tensor[:, :1])
    assert asked == [(64, 64), (64, 128), (640, 512), (704, 960), (48, 320), (48, 1536)]
