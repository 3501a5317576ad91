"""The engine ``embedded``: the two OCR models, proved to be the ones that were tested."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnxruntime

from detectors.contract.detector import ModelError
from detectors.views.ocr.detect import Network, Picture, Quad, Tensor, find_lines
from detectors.views.ocr.recognise import Reading, recognise

FOLDER = Path(__file__).parents[2] / "models" / "pp_ocrv6"
"""The embedded models: PP-OCRv6 small, mended; see CARD.md there."""

Open = Callable[[bytes, int], Network]
"""Makes a network of an ONNX file's bytes, which computes on so many threads."""


@dataclass(frozen=True, slots=True)
class Models:
    """An ``OcrEngine`` of two loaded networks, and what belongs to them.

    ``alphabet`` maps the recogniser's classes to characters; class 0 is CTC's blank.
    ``digest`` names the pair of model files (SHA-256 over both), ``runtime`` what computes them
    where it is not ONNX Runtime.
    """

    detector: Network
    recogniser: Network
    alphabet: tuple[str, ...]
    digest: str
    runtime: str = ""

    @property
    def version(self) -> str:
        return f"pp_ocrv6-small+{self.digest[:12]}{self.runtime}"

    def find(self, picture: Picture) -> list[Quad]:
        return find_lines(self.detector, picture)

    def recognise(self, picture: Picture, quads: Sequence[Quad]) -> list[Reading]:
        return [recognise(self.recogniser, self.alphabet, picture, quad) for quad in quads]


def load_embedded(threads: int = 1) -> Models:
    """The models of this package, on ONNX Runtime. Raises ``ModelError``."""
    return load_models(threads=threads)


def load_models(
    folder: Path = FOLDER, threads: int = 1, *, runtime: str = "", load: Open | None = None
) -> Models:
    """Loads ``det.onnx`` and ``rec.onnx`` of ``folder``, checked against its ``SHA256SUMS``.

    ``threads`` is the number of threads inside one inference. ``load`` is another runtime's way
    to open a model, which ``runtime`` then names. Raises ``ModelError``.
    """
    sums = _read_sums(folder)
    detector, recogniser = (_checked(folder, name, sums) for name in ("det.onnx", "rec.onnx"))
    session = _session(recogniser, threads)
    characters = session.get_modelmeta().custom_metadata_map.get("character", "").split("\n")
    alphabet = ("", *characters, " ")
    classes = session.get_outputs()[0].shape[-1]
    if classes != len(alphabet):
        raise ModelError(
            f"rec.onnx in {folder}: {classes} classes but {len(alphabet)} characters in its "
            "'character' metadata; export it again with its own dictionary"
        )
    digest = hashlib.sha256("".join(sums[name] for name in sorted(sums)).encode()).hexdigest()
    if load is None:
        networks = _network(_session(detector, threads)), _network(session)
    else:
        networks = load(detector, threads), load(recogniser, threads)
    return Models(*networks, alphabet, digest, runtime)


def _read_sums(folder: Path) -> dict[str, str]:
    path = folder / "SHA256SUMS"
    try:
        lines = path.read_text(encoding="ascii").splitlines()
        return {name: digest for digest, name in (line.split() for line in lines)}
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path}: cannot be read; reinstall glassgate, or write it with sha256sum"
        ) from error


def _checked(folder: Path, name: str, sums: dict[str, str]) -> bytes:
    path = folder / name
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read; reinstall glassgate") from error
    if hashlib.sha256(data).hexdigest() != sums.get(name):
        raise ModelError(f"{path}: is not the file that SHA256SUMS names; reinstall glassgate")
    return data


def _session(data: bytes, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Pictures come in many sizes: an arena and remembered patterns would grow with each of them.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def _network(session: onnxruntime.InferenceSession) -> Network:
    def run(tensor: Tensor) -> Tensor:
        answer: Tensor = session.run(None, {"x": tensor})[0]
        return answer

    return run
