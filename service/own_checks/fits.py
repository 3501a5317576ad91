"""What does not fit together in a file of own checks."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from detectors.catalogue import CHECKS, VIEWS
from detectors.checks.judge import PLACES
from detectors.checks.label_map import NONE
from detectors.checks.verdict import AnswerForm
from detectors.contract.labels import LABELS
from detectors.views import faces
from service.own_checks.model import ChecksFile, OwnJudge, OwnModel
from service.policy.spelling import nearest

BOUNDS: Final = {
    "window": (8, 100_000),
    "overlap": (0, 50_000),
    "batch": (1, 1024),
    "most_windows": (1, 100_000),
    "deadline_s": (0.05, 600),
    "concurrency": (1, 1024),
    "answer_limit": (256, 1 << 24),
    "failures": (1, 10_000),
    "rest_s": (0, 86_400),
    "piece": (100, 10_000_000),
    "most_pieces": (1, 10_000),
}
"""The least and the most that may be written in a field."""
OURS: Final = ("model", "messages", "stream", "n")
"""Fields of a request that are not the operator's to set."""

Misfit = tuple[tuple[int | str, ...], str, str]

_DEVICE: Final = re.compile(r"cpu|mps|cuda(:\d{1,2})?")
_HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_PLACE: Final = re.compile(r"\{([a-z_]+)\}")


def misfits(file: ChecksFile, folder: Path, environ: Mapping[str, str]) -> Iterator[Misfit]:
    """All that does not fit: (where, what, fix). ``folder`` is the one that the file is in."""
    if not file.models and not file.judges:
        yield (), "it lists no check", "write `models:` or `judges:`, or do not name the file"
    known = {*CHECKS, *VIEWS, faces.METHOD}  # the last is a view where its extra is installed
    lists: dict[str, Sequence[OwnModel | OwnJudge]] = {"models": file.models, "judges": file.judges}
    for kind, written in lists.items():
        for index, check in enumerate(written):
            if check.id in known:
                yield (kind, index, "id"), "another check has this name", "give it one of its own"
            known.add(check.id)
            of_one = (
                _of_model(check, folder)
                if isinstance(check, OwnModel)
                else _of_judge(check, environ)
            )
            for where, what, fix in (*_out_of_bounds(check), *of_one):
                yield (kind, index, *where), what, fix


def _out_of_bounds(check: OwnModel | OwnJudge) -> Iterator[Misfit]:
    for name, (least, most) in BOUNDS.items():
        value = getattr(check, name, least)
        if not least <= value <= most:
            fix = f"write a number from {least} to {most}"
            yield (name,), f"{value:g} is out of bounds", fix


def _labels(field: str, written: Mapping[str, tuple[str, ...]]) -> Iterator[Misfit]:
    for name, labels in written.items():
        yield from _unknown((field, name), labels)
    if written and all(labels == (NONE,) for labels in written.values()):
        yield (field,), f"all is `{NONE}`: it would find nothing", "name a label for one at least"


def _unknown(where: tuple[int | str, ...], labels: tuple[str, ...]) -> Iterator[Misfit]:
    for label in labels:
        if label == NONE and len(labels) > 1:
            yield where, f"`{NONE}` stands beside a label", "keep one of the two"
        elif label not in {*LABELS, NONE}:
            fix = nearest(label, [*LABELS, NONE], f"use {', '.join(LABELS)} or {NONE}")
            yield where, f"`{label}` is not a label", fix


def _of_model(written: OwnModel, folder: Path) -> Iterator[Misfit]:
    yield from _labels("labels", written.labels)
    if (written.model is None) == (written.folder is None):
        fix = "write its id on the hub as `model`, or its path as `folder`"
        yield (), "one of `model` and `folder` is needed, and not both", fix
    elif written.folder is not None and not (folder / written.folder).is_dir():
        fix = "write its path as seen from this file's folder, or in full"
        yield ("folder",), "there is no such folder", fix
    elif written.model is not None and not _HUB_ID.fullmatch(written.model):
        fix = "write `owner/name`, or name a folder with `folder`"
        yield ("model",), "this is no id on the Hugging Face hub", fix
    if written.revision is not None and written.folder is not None:
        fix = "take it out: a folder is told from others by its content"
        yield ("revision",), "a folder has no revision", fix
    pinned = written.folder is not None or _COMMIT.fullmatch(written.revision or "")
    if written.remote_code and not pinned:
        fix = "read the code, and pin what you read: `revision:` with the commit's 40 digits"
        yield ("remote_code",), "code that may change would run here", fix
    if written.overlap * 2 > written.window:
        fix = "make it at most half of `window`"
        yield ("overlap",), f"{written.overlap} of {written.window} tokens overlap", fix
    if not _DEVICE.fullmatch(written.device):
        yield ("device",), f"`{written.device}` is no device", "write cpu, cuda, cuda:0 or mps"


def _of_judge(written: OwnJudge, environ: Mapping[str, str]) -> Iterator[Misfit]:
    yield from _labels("categories", written.categories)
    for index, policy in enumerate(written.policies):
        yield from _unknown(("policies", index, "labels"), policy.labels)
    yield from _of_form(written)
    yield from _of_url(written)
    key = environ.get(written.api_key_env or "", "")
    if written.api_key_env is not None and not (key.isascii() and key.isprintable() and key):
        fix = "set it before the start; this field names the variable, it does not hold the key"
        yield ("api_key_env",), "the variable it names holds no key", fix
    for name in OURS:
        if name in written.request:
            fix = "take it out: Glassgate sets it"
            yield ("request", name), f"`{name}` is not to be set here", fix
    yield from _of_prompt(written)


def _of_form(written: OwnJudge) -> Iterator[Misfit]:
    by_policy = written.answer is AnswerForm.YES_NO
    needed, other = ("policies", "categories") if by_policy else ("categories", "policies")
    if not getattr(written, needed):
        yield (), f"`{needed}` is missing", f"`answer: {written.answer}` needs it"
    if getattr(written, other):
        fix = f"take it out, or choose another `answer` than `{written.answer}`"
        yield (other,), f"`{other}` is not used by this form of answer", fix


def _of_prompt(written: OwnJudge) -> Iterator[Misfit]:
    named = set(_PLACE.findall(json.dumps(written.request)))
    for index, message in enumerate(written.prompt):
        for name in _PLACE.findall(message.content):
            named.add(name)
            if name not in PLACES:
                fix = nearest(name, PLACES, "use {text}, {mark} or {policy}")
                yield ("prompt", index, "content"), f"`{{{name}}}` stands for nothing", fix
    if not any("{text}" in message.content for message in written.prompt):
        fix = "write {text} where the text to judge belongs"
        yield ("prompt",), "the text is not in the prompt", fix
    if written.policies and "policy" not in named:
        fix = "write {policy} where the policy belongs"
        yield ("prompt",), "the policy is not in the prompt", fix
    if not written.policies and "policy" in named:
        yield ("prompt",), "it asks for a policy, and there is none", "list `policies`"


def _of_url(written: OwnJudge) -> Iterator[Misfit]:
    try:
        url = urlsplit(written.url)
        host = url.hostname or ""
        _ = url.port
    except ValueError:
        host = ""
    if not host or url.scheme not in {"http", "https"}:
        yield ("url",), "this is no URL of a server", "write one such as `https://host/v1`"
    elif url.username is not None or url.password is not None or url.query or url.fragment:
        fix = "leave user, password, query and fragment out; a key goes by `api_key_env`"
        yield ("url",), "it must be a base URL and hold no secret", fix
    elif url.path.rstrip("/").endswith("/chat/completions"):
        yield ("url",), "`/chat/completions` is added here", "write what stands before it"
    elif url.scheme == "http" and not written.insecure and not _is_loopback(host):
        fix = "use https; in a network that you trust, say `insecure: true`"
        yield ("url",), "texts would travel unencrypted", fix


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
