"""``glassgate check``, ``look``, ``eval``: what the gate makes of one request, and of many."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from service.evaluation.figures import by_label, by_source, suggest
from service.evaluation.page import page
from service.evaluation.run import Outcome, run
from service.evaluation.suite import read_suite
from service.evaluation.table import table, thresholds
from service.looking.page import page as looked_page
from service.looking.report import report as looked_report
from service.looking.sight import look as look_at
from service.settings import Settings, SettingsError
from service.trial import EXIT, Trial, as_json


class Role(StrEnum):
    """Whose text ``check --prompt`` is."""

    USER = "user"
    TOOL = "tool"
    SYSTEM = "system"
    ASSISTANT = "assistant"


def check(
    prompt: Annotated[str, typer.Option(help="The text beside the pictures.")] = "",
    image: Annotated[list[Path] | None, typer.Option(help="A picture; may be repeated.")] = None,
    role: Annotated[Role, typer.Option(help="Whose text the prompt is.")] = Role.USER,
    policy: Annotated[Path | None, typer.Option(help="The policy file.")] = None,
) -> None:
    """Inspect one prompt with its pictures and print the verdict as JSON.

    Exit status: 0 forward, 10 rewrite, 20 refuse, 2 bad use.
    """
    if not prompt and not image:
        raise SettingsError("nothing to check: give --prompt, --image or both")
    examined, trace = Trial(Settings.read(policy=policy)).examine(prompt, image or [], role.value)
    typer.echo(as_json(examined, trace))
    raise typer.Exit(EXIT[examined.decision.action])


def look(
    image: Annotated[Path, typer.Argument(help="The picture.")],
    prompt: Annotated[str, typer.Option(help="The text beside it.")] = "",
    policy: Annotated[Path | None, typer.Option(help="The policy file.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with the pictures here.")] = None,
) -> None:
    """Show what the gate saw in a picture, what it decided and why, and what it would send.

    The page holds the picture and its words. Exit status: 0 forward, 10 rewrite, 20 refuse, 2 bad
    use.
    """
    looked = look_at(Trial(Settings.read(policy=policy)), image, prompt)
    if html:
        _write(html, looked_page(looked))
    typer.echo(looked_report(looked))
    raise typer.Exit(EXIT[looked.examined.decision.action])


def evaluate(
    suite: Annotated[Path, typer.Argument(help="Rows to examine, a JSON object a line.")],
    images: Annotated[Path | None, typer.Option(help="Where the rows' pictures are.")] = None,
    policy: Annotated[Path | None, typer.Option(help="The policy file.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write each row's outcome here.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with curves here.")] = None,
    texts: Annotated[bool, typer.Option(help="Show the worst rows' texts on the page.")] = False,
    suggest_thresholds: Annotated[
        bool, typer.Option("--suggest-thresholds", help="Print thresholds as YAML.")
    ] = False,
    max_fpr: Annotated[
        str, typer.Option(help="False positives that a suggested threshold may give.")
    ] = "1%",
) -> None:
    """Examine a suite of rows and print what was found, per label and per source.

    A row: {"id", "text", "image", "role", "label", "source"}; all but id and one of text and image
    may be left out. `label` is `harmless`, or the labels that are expected.
    """
    most = _rate(max_fpr)
    rows = read_suite(suite, images)
    settings = Settings.read(policy=policy).model_copy(update={"cache": 0})
    outcomes: list[Outcome] = []
    with typer.progressbar(length=len(rows), label=suite.name, file=sys.stderr) as bar:
        for outcome in run(Trial(settings), rows, settings.threads):
            outcomes.append(outcome)
            bar.update(1)
    report = [*table("label", by_label(outcomes)), "", *table("source", by_source(outcomes))]
    if suggest_thresholds:
        report = thresholds(suggest(outcomes, most), most)
    typer.echo("\n".join(report))
    if out:
        _write(out, "".join(json.dumps(outcome.as_json()) + "\n" for outcome in outcomes))
    if html:
        _write(html, page(f"Evaluation of {suite.name}", outcomes, texts=texts))


def _rate(written: str) -> float:
    """A share, written as ``0.5%`` or as ``0.005``."""
    try:
        value = float(written.removesuffix("%")) / (100 if written.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise SettingsError(f"--max-fpr {written!r} is no share; write it as 0.5% or 0.005")
    return value


def _write(path: Path, content: str) -> None:
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}") from None
