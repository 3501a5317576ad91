"""The embedded models are the published ones, mended: their answers are held to the originals'."""

import importlib.util
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from detectors.contract.detector import ModelError
from detectors.views.ocr.models import FOLDER, load_models

ORIGINALS = {"det.onnx": "PP-OCRv6_det_small.onnx", "rec.onnx": "PP-OCRv6_rec_small.onnx"}


def published(name: str) -> Path:
    spec = importlib.util.find_spec("rapidocr")
    assert spec is not None, "the tests need rapidocr: pip install --no-deps rapidocr==3.10.0"
    assert spec.origin is not None
    return Path(spec.origin).parent / "models" / ORIGINALS[name]


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("det.onnx", (1, 3, 320, 480)),
        ("det.onnx", (1, 3, 640, 352)),
        ("rec.onnx", (1, 3, 48, 160)),
        ("rec.onnx", (1, 3, 48, 640)),
    ],
)
def test_a_model_path_that_diverged_from_its_reference(name: str, shape: tuple[int, ...]) -> None:
    tensor = np.random.default_rng(7).normal(size=shape).astype(np.float32)
    mended, original = session(FOLDER / name), session(published(name))
    for answer, expected in zip(
        mended.run(None, {"x": tensor}), original.run(None, {"x": tensor}), strict=True
    ):
        assert answer.tobytes() == expected.tobytes()


@pytest.mark.parametrize("name", ORIGINALS)
def test_the_mend_changed_weights_and_nothing_else(name: str) -> None:
    mended = np.frombuffer((FOLDER / name).read_bytes(), dtype=np.uint8)
    original = np.frombuffer(published(name).read_bytes(), dtype=np.uint8)
    changed = mended != original
    assert mended.size == original.size
    assert changed.any()
    assert not mended[changed].any()


def test_the_alphabet_is_the_recognisers_own() -> None:
    models = load_models()
    assert len(models.alphabet) == 18_710
    assert models.alphabet[0] == ""
    assert models.alphabet[-1] == " "
    assert set("abcXYZ019!?") <= set(models.alphabet)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"SHA256SUMS: cannot be read; reinstall"):
        load_models(tmp_path)


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    shutil.copy(FOLDER / "SHA256SUMS", tmp_path)
    with pytest.raises(ModelError, match=r"det\.onnx: cannot be read"):
        load_models(tmp_path)


def test_a_model_that_was_tampered_with_is_refused(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    data = bytearray((tmp_path / "rec.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "rec.onnx").write_bytes(data)
    with pytest.raises(ModelError, match=r"rec\.onnx: is not the file that SHA256SUMS names"):
        load_models(tmp_path)
