"""The engine ``openvino``: the embedded models, computed by OpenVINO."""

from __future__ import annotations

import threading
from typing import Final

import numpy as np

from detectors.views.ocr.detect import Network, Tensor
from detectors.views.ocr.engines.extra import EngineError, library, said
from detectors.views.ocr.models import Models, load_models
from detectors.views.ocr.recognise import HEIGHT

STREAMS: Final = 2
"""Inferences at once, as many as a worker inspects unless it is told otherwise."""

STEP, WIDE, WIDE_STEP = 64, 1024, 512
"""Sides of inputs are filled up to multiples of ``STEP`` pixels, and beyond ``WIDE`` of the larger:
for each new shape OpenVINO makes and keeps kernels, which takes up to seconds."""


def load(threads: int = 1) -> Models:
    """The embedded models, with ``threads`` inside one inference. Raises ``ModelError``."""
    openvino = library("openvino", "openvino")
    core = openvino.Core()

    def network(data: bytes, threads: int) -> Network:
        compiled = core.compile_model(
            core.read_model(data),
            "CPU",
            {
                "NUM_STREAMS": STREAMS,
                "INFERENCE_NUM_THREADS": STREAMS * threads,
                "INFERENCE_PRECISION_HINT": "f32",
                "ENABLE_CPU_PINNING": False,  # else all workers share the first cores
            },
        )
        own = threading.local()  # a request serves one thread

        def run(tensor: Tensor) -> Tensor:
            if not hasattr(own, "request"):
                own.request = compiled.create_infer_request()
            answer: Tensor = own.request.infer({0: tensor})[0]
            return answer

        return in_few_shapes(run)

    release = openvino.__version__.partition("-")[0]
    try:
        return load_models(threads=threads, runtime=f"+openvino-{release}", load=network)
    except RuntimeError as error:
        raise EngineError(
            f"OpenVINO {release} cannot load the models ({said(error)})",
            "use another release of openvino, or GLASSGATE_OCR=embedded",
        ) from error


def in_few_shapes(network: Network) -> Network:
    """The network, asked with inputs that are filled up at their right and lower edges.

    An answer that has a height, as the detector's map, is cut back to its input's.
    """

    def run(tensor: Tensor) -> Tensor:
        height, width = tensor.shape[2:]
        filled = np.zeros((*tensor.shape[:2], _side(height), _side(width)), dtype=np.float32)
        filled[:, :, :height, :width] = tensor
        answer = network(filled)
        return answer[:, :, :height, :width] if answer.ndim == tensor.ndim else answer

    return run


def _side(side: int) -> int:
    if side == HEIGHT:  # of a line, always the same
        return side
    step = STEP if side <= WIDE else WIDE_STEP
    return -(-side // step) * step
