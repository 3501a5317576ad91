"""Loads a file of own checks, or says all that is wrong with it, where, and how to mend it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from detectors.checks.huggingface import ModelSetup, SequenceClassifier
from detectors.checks.judge import Judge, JudgeSetup, Rule, Said
from detectors.checks.label_map import NONE, LabelMap
from detectors.contract.detector import Check
from service.own_checks.fits import misfits
from service.own_checks.model import ChecksFile, OwnJudge, OwnModel
from service.policy.document import REFERENCE as POLICY_REFERENCE
from service.policy.document import Document, PolicyError, Problem

REFERENCE: Final = "the fields are described in docs/checks.md"


class ChecksError(PolicyError):
    """A file of own checks is wrong; all that is wrong with it is listed at once."""


def load(path: Path | None, environ: Mapping[str, str] = os.environ) -> tuple[Check, ...]:
    """The checks of the file, models first; none where no file is named.

    Raises:
        ChecksError: the file is wrong.
        ModelError: a model cannot be loaded, or does not fit what the file says of it.
    """
    setups = read(path, environ) if path is not None else ()
    return tuple(
        SequenceClassifier.load(setup) if isinstance(setup, ModelSetup) else Judge(setup)
        for setup in setups
    )


def read(path: Path, environ: Mapping[str, str]) -> tuple[ModelSetup | JudgeSetup, ...]:
    """What the file says, with nothing loaded and nobody asked. Raises ``ChecksError``."""
    try:
        document = Document(path)
        written = document.parse(ChecksFile)
    except PolicyError as error:
        raise ChecksError(_referred(each) for each in error.problems) from None
    problems = [document.problem(*misfit) for misfit in misfits(written, path.parent, environ)]
    if problems:
        raise ChecksError(problems)
    models = [_model(each, path.parent) for each in written.models]
    return (*models, *(_judge(each, environ) for each in written.judges))


def _referred(problem: Problem) -> Problem:
    """The problem as one of this file: its fields are described on a page of their own."""
    return replace(problem, fix=problem.fix.replace(POLICY_REFERENCE, REFERENCE))


def _model(written: OwnModel, folder: Path) -> ModelSetup:
    return ModelSetup(
        name=written.id,
        model=str(folder / written.folder) if written.folder else str(written.model),
        labels=_label_map(written.labels),
        origins=frozenset(written.origins),
        activation=written.activation,
        window=written.window,
        overlap=written.overlap,
        batch=written.batch,
        most_windows=written.most_windows,
        device=written.device,
        revision=written.revision,
        remote_code=written.remote_code,
    )


def _judge(written: OwnJudge, environ: Mapping[str, str]) -> JudgeSetup:
    return JudgeSetup(
        name=written.id,
        url=written.url.rstrip("/"),
        model=written.model,
        prompt=tuple(Said(role=each.role, content=each.content) for each in written.prompt),
        answer=written.answer,
        categories=_label_map(written.categories),
        origins=frozenset(written.origins),
        policies=tuple(
            Rule(labels=_labels(each.labels), text=each.text) for each in written.policies
        ),
        request=written.request,
        deadline_s=written.deadline_s,
        concurrency=written.concurrency,
        answer_limit=written.answer_limit,
        failures=written.failures,
        rest_s=written.rest_s,
        piece=written.piece,
        most_pieces=written.most_pieces,
        probe=written.probe,
        key=environ[written.api_key_env] if written.api_key_env else None,
    )


def _label_map(written: Mapping[str, tuple[str, ...]]) -> LabelMap:
    return LabelMap({name: _labels(labels) for name, labels in written.items()})


def _labels(written: tuple[str, ...]) -> tuple[str, ...]:
    return () if written == (NONE,) else written
