"""Loads the two OCR models and proves that they are the ones that were tested."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import onnxruntime

from detectors.contract.detector import ModelError

FOLDER = Path(__file__).parents[2] / "models" / "pp_ocrv6"
"""The embedded models: PP-OCRv6 small, mended; see CARD.md there."""


@dataclass(frozen=True, slots=True)
class Models:
    """Two loaded sessions, which any thread may run, and what belongs to them.

    ``alphabet`` maps the recogniser's classes to characters; class 0 is CTC's blank.
    ``digest`` names the pair of model files (SHA-256 over both).
    """

    detector: onnxruntime.InferenceSession
    recogniser: onnxruntime.InferenceSession
    alphabet: tuple[str, ...]
    digest: str


def load_models(folder: Path = FOLDER, threads: int = 1) -> Models:
    """Loads ``det.onnx`` and ``rec.onnx`` of ``folder``, checked against its ``SHA256SUMS``.

    ``threads`` is the number of threads inside one inference. Raises ``ModelError``.
    """
    sums = _read_sums(folder)
    detector = _session(folder, "det.onnx", sums, threads)
    recogniser = _session(folder, "rec.onnx", sums, threads)
    characters = recogniser.get_modelmeta().custom_metadata_map.get("character", "").split("\n")
    alphabet = ("", *characters, " ")
    classes = recogniser.get_outputs()[0].shape[-1]
    if classes != len(alphabet):
        raise ModelError(
            f"rec.onnx in {folder}: {classes} classes but {len(alphabet)} characters in its "
            "'character' metadata; export it again with its own dictionary"
        )
    digest = hashlib.sha256("".join(sums[name] for name in sorted(sums)).encode()).hexdigest()
    return Models(detector, recogniser, alphabet, digest)


def _read_sums(folder: Path) -> dict[str, str]:
    path = folder / "SHA256SUMS"
    try:
        lines = path.read_text(encoding="ascii").splitlines()
        return {name: digest for digest, name in (line.split() for line in lines)}
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path}: cannot be read; reinstall glassgate, or write it with sha256sum"
        ) from error


def _session(
    folder: Path, name: str, sums: dict[str, str], threads: int
) -> onnxruntime.InferenceSession:
    path = folder / name
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read; reinstall glassgate") from error
    if hashlib.sha256(data).hexdigest() != sums.get(name):
        raise ModelError(f"{path}: is not the file that SHA256SUMS names; reinstall glassgate")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Pictures come in many sizes: an arena and remembered patterns would grow with each of them.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
