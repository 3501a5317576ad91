"""What is not part of this package: an engine's own, or why it is not there."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final, TypeAlias

from detectors.contract.detector import ModelError

Foreign: TypeAlias = Any
"""What belongs to an engine's package, which may not be there."""

SHORT: Final = 200


class EngineError(ModelError):
    """A package, a file or a program that an engine needs is not there; ``fix`` brings it."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(f"ocr: {what}; {fix}")
        self.what = what
        self.fix = fix


def library(name: str, extra: str) -> Foreign:
    """The module, imported now. Raises ``EngineError``, which names the extra that brings it."""
    try:
        return import_module(name)
    except Exception as error:
        raise EngineError(
            f"the engine `{extra}` cannot use the package `{name}` ({said(error)})",
            f'run pip install "glassgate[{extra}]"',
        ) from error


def said(error: Exception) -> str:
    """The first words of a library's error."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:SHORT]
