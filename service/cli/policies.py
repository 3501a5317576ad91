"""``glassgate policy``: what a policy says, what it would do, and how it differs from another."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from detectors.catalogue import CHECKS, VIEWS
from service.app import examiner
from service.own_checks.load import load as own_checks
from service.policy.allow import expired
from service.policy.case_file import Case
from service.policy.cases import Outcome, files, run, untested
from service.policy.compile import compile_policy
from service.policy.diff import diff as differences
from service.policy.document import PolicyError
from service.policy.engine import Policy
from service.policy.explain import drawn
from service.policy.explain import explain as explained
from service.policy.load import load
from service.policy.model import Decision
from service.policy.resolve import merge, resolve
from service.policy.schema import schema as written_schema
from service.rehearsal import report
from service.rehearsal.asking import Asker, provider_of
from service.rehearsal.backtest import backtest as replayed
from service.rehearsal.watching import changes
from service.settings import Settings, SettingsError
from service.store.database import StoreError
from service.store.reader import Span
from service.trial import TrialError

SECONDS: Final = {"m": 60, "h": 3600, "d": 86400, "w": 604800}
DIFFERS: Final = 1
INTERRUPTED: Final = 128 + signal.SIGINT
"""The exit status by which shells tell that Ctrl-C ended a command."""

app = typer.Typer(
    help="Try a policy before it is in force. Exit status: 0 fine, 1 differs or fails, 2 bad use.",
    no_args_is_help=True,
)

PolicyFile = Annotated[Path | None, typer.Option(help="The policy file.")]


@app.command()
def validate(
    policies: Annotated[
        list[Path] | None, typer.Argument(help="Policy files; without any, the one in force.")
    ] = None,
) -> None:
    """Say that a policy is fine, or all that is wrong with it, where, and how to mend it."""
    wrong: list[PolicyError] = []
    settings = Settings.read()
    detectors = {*VIEWS, *CHECKS, *(check.name for check in own_checks(settings.checks))}
    for path in policies or [settings.policy]:
        try:
            resolved = merge(path)
            policy = compile_policy(resolved, detectors)
        except PolicyError as error:
            wrong.append(error)
            continue
        counted = [_some(len(policy.written.rules), "rule")]
        if policy.written.select:
            counted.append(_some(len(policy.written.select), "scope"))
        if len(resolved.files) > 1:
            counted.append(f"with {', '.join(each.name for each in resolved.files[1:])}")
        typer.echo(f"{path}: fine, {policy.hash}, {', '.join(counted)}")
        for entry in expired(policy.written.allow, datetime.now(UTC).date()):
            said = f"allow {entry.id} of {entry.owner} expired on {entry.expires}"
            typer.echo(f"{path}: {said}: renew it, or take it out", err=True)
    if wrong:
        raise PolicyError([problem for error in wrong for problem in error.problems])


@app.command(name="test")
def run_cases(
    cases: Annotated[
        list[Path] | None,
        typer.Argument(help="Case files or folders; without any, `cases` beside the policy."),
    ] = None,
    policy: PolicyFile = None,
    watch: Annotated[bool, typer.Option("--watch", help="Run again at each change.")] = False,
) -> None:
    """Run the cases beside policies, and show where a decision is not the one expected."""
    settings = Settings.read(policy=policy)
    places = cases or [settings.policy.parent / "cases"]
    if not watch:
        raise typer.Exit(_tested(_case_files(places), Asking(settings)))
    # An exception could be swallowed wherever it is raised, such as in a callback of a library's.
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    asking = Asking(settings)
    for _ in changes(lambda: _read_by(places)):
        try:
            _tested(_case_files(places), asking)
        except (PolicyError, TrialError) as error:
            typer.echo(f"glassgate: {error}", err=True)
        typer.echo("watching for changes; Ctrl-C ends", err=True)


@app.command()
def explain(
    request: Annotated[Path, typer.Argument(help="A request's body as JSON; `-` reads stdin.")],
    policy: PolicyFile = None,
    path: Annotated[
        str | None, typer.Option(help="The path it is sent to; told by its fields if left out.")
    ] = None,
) -> None:
    """Show as a tree which conditions hold for a request, and by how much."""
    raw = _bytes(request)
    provider = provider_of(raw, path)
    asker = Asking(Settings.read(policy=policy)).asker
    in_force = asker.examiner.policy
    typer.echo(drawn(explained(in_force, *asker.seen(raw, provider, in_force))))


@app.command()
def schema() -> None:
    """Print the JSON Schema of a policy file, for editors."""
    typer.echo(written_schema(), nl=False)


@app.command()
def diff(
    before: Annotated[Path, typer.Argument(help="A policy file.")],
    after: Annotated[Path, typer.Argument(help="Another.")],
) -> None:
    """Say in words what changes from one policy to another."""
    policies = [load(path).written for path in (before, after)]
    said = differences(*policies)
    typer.echo("\n".join(said) if said else "Both say the same.")
    raise typer.Exit(DIFFERS if said else 0)


@app.command()
def backtest(
    policy: Annotated[Path, typer.Argument(help="The policy to try.")],
    against: Annotated[
        str, typer.Option(help="An audit database's URL or file, or a file of exported records.")
    ],
    since: Annotated[
        str | None, typer.Option(help="As `7d` (m, h, d, w), or a date: `2026-01-31`.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report as a page here.")] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Processes; as many as cores if left out.")
    ] = None,
) -> None:
    """Hold a policy against recorded decisions, and report what it would decide otherwise."""
    span = Span(since=moment(since) if since else None, tenant=tenant)
    resolved = resolve(policy)
    try:
        tally = replayed(against, span, resolved, processes)
    except StoreError as error:
        raise SettingsError(str(error)) from None
    title = f"{policy} against {Path(against).name if '://' not in against else 'the database'}"
    typer.echo(report.text(title, tally))
    if html:
        _write(html, report.page(title, tally))
    raise typer.Exit(DIFFERS if tally.changed else 0)


class Asking:
    """The detectors, loaded where the first request is asked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._asker: Asker | None = None

    @property
    def asker(self) -> Asker:
        if self._asker is None:
            self._asker = Asker(examiner(self._settings))
        return self._asker

    def ask(self, case: Case, policy: Policy) -> Decision:
        return self.asker.ask(case, policy)


def moment(since: str, now: float | None = None) -> float:
    """Seconds since 1970 of so long ago, or of a date or time in UTC. Raises ``SettingsError``."""
    if match := re.fullmatch(r"(\d{1,6})([mhdw])", since):
        return (time.time() if now is None else now) - int(match[1]) * SECONDS[match[2]]
    try:
        found = datetime.fromisoformat(since)
    except ValueError:
        what = f"--since {since!r} is no time; write it as 7d, 12h or 2026-01-31"
        raise SettingsError(what) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _tested(paths: Sequence[Path], asking: Asking) -> int:
    outcomes = [outcome for path in paths for outcome in run(path, asking.ask)]
    failed = [outcome for outcome in outcomes if not outcome.passed]
    for outcome in failed:
        typer.echo(str(outcome))
    _report_untested(outcomes)
    passed = len(outcomes) - len(failed)
    typer.echo(f"{passed} passed, {len(failed)} failed")
    return DIFFERS if failed else 0


def _report_untested(outcomes: Sequence[Outcome]) -> None:
    for path, rules in untested(outcomes):
        if rules:
            typer.echo(f"{path}: no case expects {', '.join(rules)}")


def _case_files(places: Sequence[Path]) -> list[Path]:
    return [path for place in places for path in (files(place) if place.is_dir() else [place])]


def _read_by(places: Sequence[Path]) -> list[Path]:
    """The files whose change is worth another run: all beside the cases, and one folder up."""
    folders = {place if place.is_dir() else place.parent for place in places}
    folders |= {folder.resolve().parent for folder in folders}
    return [path for folder in folders for path in folder.glob("*") if path.is_file()]


def _bytes(path: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None


def _write(path: Path, content: str) -> None:
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}") from None


def _some(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
