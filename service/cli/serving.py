"""``glassgate serve``, and ``demo`` and ``doctor`` beside it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from service import doctor as doctors
from service.demo import write_demo, write_requests
from service.serve import Ports
from service.serve import serve as run
from service.settings import Settings, SettingsError, target
from service.telemetry import lines

CHAT = "/v1/chat/completions"


def serve(
    upstream: Annotated[
        str | None, typer.Option(help="Base URL of the model's API, or `sandbox`.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port of the proxy; 0 picks one.")] = None,
    admin_host: Annotated[str | None, typer.Option(help="Address of the admin listener.")] = None,
    admin_port: Annotated[int | None, typer.Option(help="Port of the admin listener.")] = None,
    ext_proc_port: Annotated[
        int | None, typer.Option(help="Port for Envoy's ext_proc filter; none if not given.")
    ] = None,
    policy: Annotated[Path | None, typer.Option(help="The policy file.")] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes.")] = None,
    demo: Annotated[
        Path | None, typer.Option(help="Write demo pictures here and print commands to try.")
    ] = None,
) -> None:
    """Run the proxy. Each option is also an environment variable, GLASSGATE_…; flags win."""
    settings = Settings.read(
        upstream=upstream,
        host=host,
        port=port,
        admin_host=admin_host,
        admin_port=admin_port,
        ext_proc_port=ext_proc_port,
        policy=policy,
        workers=workers,
    )
    lines.configure(settings.log_level)
    requests = _written(write_requests, demo) if demo else ()

    def started(ports: Ports) -> None:
        proxy = _url(settings.host, ports.proxy)
        typer.echo(f"Glassgate  {proxy}  ->  {settings.upstream}")
        typer.echo(f"admin      {_url(settings.admin_host, ports.admin)}  /metrics /readyz")
        if ports.ext_proc is not None:
            typer.echo(f"ext_proc   {target(settings.host, ports.ext_proc)}")
        typer.echo(f"policy     {settings.policy}")
        for request in requests:
            typer.echo(f"try        curl -s {proxy}{CHAT} -d @{shlex.quote(str(request))}")
        sys.stdout.flush()

    run(settings, started)


def demo(
    folder: Annotated[Path, typer.Argument(help="Where to write the pictures.")] = Path("demo"),
) -> None:
    """Write a harmless picture and an attack picture, to try the gate with."""
    for picture in _written(write_demo, folder):
        typer.echo(str(picture))


def doctor() -> None:
    """Say what is installed, which models load, and what is missing and how to mend it."""
    healthy = True
    for finding in doctors.examine(Settings.read()):
        healthy = healthy and finding.well
        typer.echo(str(finding))
    raise typer.Exit(0 if healthy else 1)


def _url(host: str, port: int) -> str:
    return f"http://{target(host, port)}"


def _written(write: Callable[[Path], tuple[Path, Path]], folder: Path) -> tuple[Path, Path]:
    try:
        return write(folder)
    except OSError as error:
        raise SettingsError(f"{folder} cannot be written: {error.strerror}") from None
