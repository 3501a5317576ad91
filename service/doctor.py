"""What is installed, what loads, what is missing and how to mend it."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from detectors.catalogue import CHECKS, views
from detectors.contract.detector import Detector
from detectors.views.ocr.engines.extra import EngineError
from service.policy.load import PolicyError, load
from service.settings import Settings

PACKAGES: Final = (
    "glassgate",
    "onnxruntime",
    "tokenizers",
    "numpy",
    "opencv-python-headless",
    "pillow",
    "cel-expr-python",
    "fastapi",
    "uvicorn",
    "httpx",
)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at; ``fix`` says how to mend it where it is not well."""

    name: str
    well: bool
    detail: str
    fix: str = ""

    def __str__(self) -> str:
        mark = "ok     " if self.well else "BROKEN "
        return f"{mark} {self.name:<24} {self.detail}" + (
            f"\n        {self.fix}" if self.fix else ""
        )


def examine(settings: Settings) -> Iterator[Diagnosis]:
    """Looks at everything a start needs, one after the other."""
    yield Diagnosis("python", True, platform.python_version())
    for name in PACKAGES:
        yield _package(name)
    for name, make in {**views(settings.ocr), **CHECKS}.items():
        yield _detector(name, make)
    yield _policy(settings)


def _package(name: str) -> Diagnosis:
    try:
        return Diagnosis(name, True, version(name))
    except PackageNotFoundError:
        return Diagnosis(name, False, "is not installed", "run `make install` again")


def _detector(name: str, make: Callable[[], Detector]) -> Diagnosis:
    begun = time.perf_counter()
    try:
        detector = make()
        detector.self_check()
    except EngineError as error:
        return Diagnosis(f"detector {name}", False, error.what, error.fix)
    except Exception as error:  # noqa: BLE001 - a doctor hears out whatever it is
        what = f"{type(error).__name__}: {error}"
        return Diagnosis(f"detector {name}", False, what, "reinstall glassgate: a file is damaged")
    ms = (time.perf_counter() - begun) * 1000
    return Diagnosis(
        f"detector {name}", True, f"version {detector.version}, self-check passed, {ms:.0f} ms"
    )


def _policy(settings: Settings) -> Diagnosis:
    try:
        policy = load(settings.policy)
    except PolicyError as error:
        return Diagnosis("policy", False, str(error), "mend the line that is named")
    rules = len(policy.written.rules)
    return Diagnosis("policy", True, f"{settings.policy}, {rules} rules, hash {policy.hash}")
