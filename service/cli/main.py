"""The ``glassgate`` command."""

from __future__ import annotations

import typer

from detectors.contract.detector import DetectorError
from service.cli import policies
from service.cli.checking import check, evaluate, look
from service.cli.payload import payload
from service.cli.serving import demo, doctor, serve
from service.evaluation.suite import SuiteError
from service.policy.load import PolicyError
from service.serve import StartError
from service.settings import SettingsError
from service.store.database import StoreError
from service.trial import TrialError

BAD_USE = 2
MENDABLE = (
    SettingsError,
    PolicyError,
    StartError,
    StoreError,
    SuiteError,
    TrialError,
    DetectorError,
)

app = typer.Typer(
    help="Glassgate: the gate sees what the model sees.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(serve)
app.command()(check)
app.command()(look)
app.command(name="eval")(evaluate)
app.command()(demo)
app.command()(doctor)
app.command()(payload)
app.add_typer(policies.app, name="policy")


def main() -> None:
    """Runs the command line; what a person can mend is one line and exit status 2."""
    try:
        app()
    except MENDABLE as error:
        typer.echo(f"glassgate: {error}", err=True)
        raise SystemExit(BAD_USE) from None


if __name__ == "__main__":
    main()
