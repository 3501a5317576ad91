"""The engine ``paddleocr``: PaddleOCR's own modules for finding and reading lines.

With the package alone they compute the embedded models by ONNX Runtime, and nothing is downloaded.
Where ``paddlepaddle`` is installed too, PaddleOCR downloads and runs its own default models, on a
GPU if there is one.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import cv2
import numpy as np

from detectors.views.ocr.detect import (
    BOX_THRESHOLD,
    LONG_SIDE,
    PIXEL_THRESHOLD,
    UNCLIP_RATIO,
    Picture,
    Quad,
    facing,
)
from detectors.views.ocr.engines.extra import EngineError, Foreign, library, said
from detectors.views.ocr.models import FOLDER, load_models
from detectors.views.ocr.recognise import HEIGHT, LONGEST, Reading, straighten

EXTRA: Final = "paddleocr"
SMALLEST: Final = 64
"""Pixels of both sides: a smaller picture is put on a larger piece of paper, as PaddleOCR asks."""

LIMITS: Final = {
    "limit_side_len": LONG_SIDE,
    "limit_type": "max",
    "thresh": PIXEL_THRESHOLD,
    "box_thresh": BOX_THRESHOLD,
    "unclip_ratio": UNCLIP_RATIO,
}
"""Of the finder. With PaddleOCR's own, of 4000 pixels, a picture takes 17 s and 6 GB."""

FINDER, READER = "PP-OCRv6_small_det", "PP-OCRv6_small_rec"
"""What PaddleOCR calls the embedded models."""


class PaddleOcr:
    """An ``OcrEngine``. Threads take turns: PaddleOCR's modules serve one at a time."""

    def __init__(self, version: str, finder: Foreign, reader: Foreign) -> None:
        self.version = version
        self._finder, self._reader = finder, reader
        self._turn = threading.Lock()

    def find(self, picture: Picture) -> list[Quad]:
        height, width = picture.shape[:2]
        below, beside = max(0, SMALLEST - height), max(0, SMALLEST - width)
        shown = cv2.copyMakeBorder(picture, 0, below, 0, beside, cv2.BORDER_REPLICATE)
        with self._turn:
            (found,) = self._finder.predict(shown, batch_size=1)
        limit = np.array([width, height], dtype=np.float32)
        quads = (np.asarray(corners, dtype=np.float32) for corners in found["dt_polys"])
        return [facing(np.clip(quad, 0, limit)) for quad in quads]

    def recognise(self, picture: Picture, quads: Sequence[Quad]) -> list[Reading]:
        return [self._read(_squeezed(straighten(picture, quad)), quad) for quad in quads]

    def _read(self, line: Picture, quad: Quad) -> Reading:
        with self._turn:
            (read,) = self._reader.predict(line, batch_size=1)
        text = str(read["rec_text"])
        return Reading(text, float(read["rec_score"]) if text.strip() else 0.0, quad)


def load(threads: int = 1) -> PaddleOcr:
    """PaddleOCR in the way that is installed, ``threads`` in one inference. ``ModelError``."""
    os.environ.setdefault("PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK", "True")
    paddleocr = library("paddleocr", EXTRA)
    native = find_spec("paddle") is not None
    try:
        return _native(paddleocr, threads) if native else _embedded(paddleocr, threads)
    except Exception as error:  # whatever is missing: a file, a server, one more package
        raise EngineError(
            f"PaddleOCR {paddleocr.__version__} cannot load its models ({said(error)})",
            "let it reach its model server once, or uninstall paddlepaddle: without it, the "
            "embedded models are used"
            if native
            else f'run pip install "glassgate[{EXTRA}]" again',
        ) from error


def _native(paddleocr: Foreign, threads: int) -> PaddleOcr:
    setup = {"cpu_threads": threads}
    finder = paddleocr.TextDetection(**LIMITS, **setup)
    reader = paddleocr.TextRecognition(**setup)
    names = f"{finder.default_model_name}+{reader.default_model_name}"
    return PaddleOcr(f"paddleocr-{paddleocr.__version__}+{names}", finder, reader)


def _embedded(paddleocr: Foreign, threads: int) -> PaddleOcr:
    models = load_models()
    setup = {
        "engine": "onnxruntime",
        "device": "cpu",
        "engine_config": {
            "intra_op_num_threads": threads,
            "inter_op_num_threads": 1,
            "enable_cpu_mem_arena": False,
            "enable_mem_pattern": False,
        },
    }
    with TemporaryDirectory(prefix="glassgate-") as name:
        folder = Path(name)
        _write(folder / "det", "det.onnx", _FIND)
        _write(folder / "rec", "rec.onnx", _read_with(models.alphabet[1:-1]))
        finder = paddleocr.TextDetection(
            model_name=FINDER, model_dir=str(folder / "det"), **LIMITS, **setup
        )
        reader = paddleocr.TextRecognition(
            model_name=READER, model_dir=str(folder / "rec"), **setup
        )
    return PaddleOcr(f"paddleocr-{paddleocr.__version__}+{models.version}", finder, reader)


def _write(folder: Path, model: str, told: dict[str, object]) -> None:
    """A folder as PaddleOCR expects it. Its description is YAML, of which JSON is a part."""
    folder.mkdir()
    shutil.copyfile(FOLDER / model, folder / "inference.onnx")
    written = json.dumps(told, ensure_ascii=False)
    (folder / "inference.yml").write_text(written, encoding="utf-8")


_FIND: Final[dict[str, object]] = {
    "Global": {"model_name": FINDER},
    "PreProcess": {
        "transform_ops": [
            {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
            {"DetResizeForTest": {"resize_long": LONG_SIDE}},
            {
                "NormalizeImage": {
                    "mean": [0.485, 0.456, 0.406],
                    "std": [0.229, 0.224, 0.225],
                    "scale": "1./255.",
                    "order": "hwc",
                }
            },
            {"ToCHWImage": None},
        ]
    },
    "PostProcess": {"name": "DBPostProcess", "max_candidates": 1000},
}


def _read_with(alphabet: Sequence[str]) -> dict[str, object]:
    return {
        "Global": {"model_name": READER},
        "PreProcess": {
            "transform_ops": [
                {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
                {"RecResizeImg": {"image_shape": [3, HEIGHT, 320]}},
            ]
        },
        "PostProcess": {"name": "CTCLabelDecode", "character_dict": list(alphabet)},
    }


def _squeezed(line: Picture) -> Picture:
    """At the height at which it is read, and no wider than lines are read."""
    height, width = line.shape[:2]
    size = (min(LONGEST, max(1, round(width * HEIGHT / height))), HEIGHT)
    return cv2.resize(line, size)
