"""Makes ``detectors/models/pp_ocrv6`` from the OCR models inside the PyPI wheel ``rapidocr``.

The models as published hold denormal weights (255,961 of the detector's 2.45 million), which
cost some CPUs three times the time. Set to zero, the outputs stay bit for bit the same;
``tests/detectors/views/test_ocr_models.py`` holds them to that.

    python -m training.mend_ocr [FOLDER]

FOLDER holds the published ``.onnx`` files; by default it is that of the installed ``rapidocr``.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

SMALLEST = 1.2e-38
"""Just above the smallest normal float32 (1.1755e-38): below it a weight is denormal."""

TARGET = Path(__file__).parents[1] / "detectors" / "models" / "pp_ocrv6"
MODELS = {"det.onnx": "PP-OCRv6_det_small.onnx", "rec.onnx": "PP-OCRv6_rec_small.onnx"}


def mend(model: onnx.ModelProto) -> int:
    """Sets every denormal float32 weight to zero, in place. Returns how many there were."""
    mended = 0
    for tensor in model.graph.initializer:
        weights = numpy_helper.to_array(tensor)
        if weights.dtype != np.float32:
            continue
        denormal = (np.abs(weights) < SMALLEST) & (weights != 0)
        if denormal.any():
            cleaned = np.where(denormal, np.float32(0), weights)
            tensor.CopyFrom(numpy_helper.from_array(cleaned, tensor.name))
            mended += int(denormal.sum())
    return mended


def published() -> Path:
    """The folder of the models inside the installed ``rapidocr``, without importing it."""
    spec = importlib.util.find_spec("rapidocr")
    if spec is None or spec.origin is None:
        raise SystemExit("rapidocr is not installed: pip install --no-deps rapidocr==3.10.0")
    return Path(spec.origin).parent / "models"


def main() -> None:
    """Writes the two mended models and their SHA256SUMS."""
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else published()
    TARGET.mkdir(parents=True, exist_ok=True)
    sums = []
    for name, original in MODELS.items():
        model = onnx.load(source / original)
        print(f"{name}: {mend(model)} denormal weights set to zero")
        data = model.SerializeToString(deterministic=True)
        (TARGET / name).write_bytes(data)
        sums.append(f"{hashlib.sha256(data).hexdigest()}  {name}\n")
    (TARGET / "SHA256SUMS").write_text("".join(sums), encoding="ascii")


if __name__ == "__main__":
    main()
