"""A suite: rows to examine, and what each of them is known to be."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from detectors.contract.labels import LABELS

HARMLESS: Final = "harmless"
ROLES: Final = ("user", "tool", "system", "assistant")
FIELDS: Final = frozenset({"id", "text", "image", "role", "label", "source"})


class SuiteError(Exception):
    """A row that cannot be used; the message names the file, the line and the fix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One request to examine.

    ``labels`` are those that it is known to carry, empty for a harmless one, and None where nothing
    is known of it. ``role`` is whose text it is; ``image`` a picture beside it. A row of
    ``assistant`` is an answer, and its picture stood in the request.
    """

    id: str
    text: str = ""
    image: Path | None = None
    role: str = "user"
    labels: frozenset[str] | None = None
    source: str = ""


def read_suite(path: Path, images: Path | None = None) -> list[Row]:
    """The rows of a ``.jsonl`` file; pictures are looked for in ``images``, or beside the file.

    Raises:
        SuiteError: the file cannot be read, or a row cannot be used.
    """
    rows: dict[str, Row] = {}
    for place, written in _objects(path):
        row = _row(written, images or path.parent, place)
        if row.id in rows:
            raise SuiteError(f"{place}: an earlier row has the id {row.id!r} too")
        rows[row.id] = row
    if not rows:
        raise SuiteError(f"{path}: it holds no rows")
    return list(rows.values())


def _objects(path: Path) -> Iterator[tuple[str, Mapping[str, object]]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteError(f"{path} cannot be read: {error}") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            written = json.loads(line)
        except json.JSONDecodeError as error:
            raise SuiteError(f"{place}: it is not JSON: {error.msg}") from None
        if not isinstance(written, dict):
            raise SuiteError(f"{place}: an object is expected, one a line")
        yield place, written


def _row(written: Mapping[str, object], images: Path, place: str) -> Row:
    if unknown := sorted(written.keys() - FIELDS):
        raise SuiteError(f"{place}: fields not known: {', '.join(unknown)}; known: {_fields()}")
    values = {name: _text(written, name, place) for name in FIELDS - {"label"}}
    if not values["id"]:
        raise SuiteError(f"{place}: `id` is missing: give each row its own")
    if not values["text"] and not values["image"]:
        raise SuiteError(f"{place}: give the row a `text`, an `image` or both")
    if values["image"] and not (images / values["image"]).is_file():
        raise SuiteError(f"{place}: there is no picture {values['image']} in {images}")
    role = values["role"] or "user"
    if role not in ROLES:
        raise SuiteError(f"{place}: `role` is {role!r}; it must be one of {', '.join(ROLES)}")
    return Row(
        id=values["id"],
        text=values["text"],
        image=images / values["image"] if values["image"] else None,
        role=role,
        labels=_labels(written.get("label"), place),
        source=values["source"],
    )


def _text(written: Mapping[str, object], name: str, place: str) -> str:
    value = written.get(name, "")
    if not isinstance(value, str):
        raise SuiteError(f"{place}: `{name}` must be a string")
    return value


def _labels(value: object, place: str) -> frozenset[str] | None:
    if value is None:
        return None
    names = value if isinstance(value, list) else [value]
    known = {HARMLESS, *LABELS}
    if wrong := [name for name in names if not isinstance(name, str) or name not in known]:
        raise SuiteError(
            f"{place}: `label` {wrong[0]!r} is not known; use {HARMLESS} or {', '.join(LABELS)}"
        )
    labels = frozenset(names) - {HARMLESS}
    if labels and HARMLESS in names:
        raise SuiteError(f"{place}: `label` says {HARMLESS} and {', '.join(sorted(labels))}")
    return labels


def _fields() -> str:
    return ", ".join(sorted(FIELDS))
