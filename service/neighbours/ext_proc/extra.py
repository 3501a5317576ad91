"""Whether the extra is installed that ``ext_proc`` needs."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from service.settings import SettingsError

EXTRA: Final = 'pip install "glassgate[envoy]"'
MODULES: Final = ("grpc", "grpc_health.v1.health", "envoy.service.ext_proc.v3")


def need() -> None:
    """Raises ``SettingsError``, which says what is missing and what brings it."""
    for name in MODULES:
        try:
            import_module(name)
        except ImportError as error:
            raise SettingsError(
                "GLASSGATE_EXT_PROC_PORT (or --ext-proc-port) needs the extra `envoy`: "
                f"{name} cannot be imported ({error}); run {EXTRA}"
            ) from None
