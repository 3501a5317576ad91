"""Reads a policy file and the files that it names: its bases, each once, and its lists."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from service.policy.document import MOST_BYTES, Document, Loc, PolicyError, Problem
from service.policy.model import PolicyFile
from service.policy.spelling import nearest
from service.policy.wording import REFERENCE

BUNDLES: Final = Path(__file__).parents[2] / "policies"
"""Where the policies lie that ship, which ``extends`` calls by name."""
MOST_FILES: Final = 50
MOST_WORDS: Final = 10_000
"""The longest list, in texts: a condition that looks into one reads it whole."""

VARIABLE: Final = re.compile(r"\$\{([^}\n]*)\}?")
"""``${NAME}``: what the environment says in its place."""


class Reading:
    """What was read: ``layers`` bases first, ``lists`` by name, ``files`` as they were met."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.layers: list[tuple[Document, PolicyFile]] = []
        self.lists: dict[str, tuple[str, ...]] = {}
        self.files: list[Path] = []
        self.problems: list[Problem] = []
        self._environment = environment

    def read(self, path: Path) -> None:
        """Reads the file and what it names. Raises ``PolicyError``."""
        self._read(path, ())
        if self.problems:
            raise PolicyError(self.problems)

    def _read(self, path: Path, above: tuple[Path, ...]) -> None:
        self.files.append(path)
        document = Document(path)
        self.problems += _variables(document, self._environment)
        try:
            written = _parsed(document)
        except PolicyError as error:
            raise PolicyError([*self.problems, *error.problems]) from error
        for index, name in enumerate(written.extends):
            self._base(name, document, ("extends", index), (*above, path))
        for name, words in written.lists.items():
            self.lists[name] = (
                self._words(name, words, document) if isinstance(words, str) else words
            )
        self.layers.append((document, written))

    def _base(self, name: str, document: Document, loc: Loc, above: tuple[Path, ...]) -> None:
        is_path = "/" in name or name.endswith((".yaml", ".yml"))
        path = document.path.parent / name if is_path else BUNDLES / f"{name}.yaml"
        met = [each.resolve() for each in above]
        if not path.is_file():
            self.problems.append(_no_base(name, path, document, loc, is_path=is_path))
        elif path.resolve() in met:
            way = [each.name for each in above[met.index(path.resolve()) :]]
            what = f"the files extend each other in a circle: {' → '.join([*way, path.name])}"
            self.problems.append(document.problem(loc, what, "take one of them out of `extends`"))
        elif len(self.files) >= MOST_FILES:
            what, fix = f"over {MOST_FILES} files make one policy", "put several of them into one"
            self.problems.append(document.problem(loc, what, fix))
        elif path.resolve() not in [each.resolve() for each in self.files]:
            self._read(path, above)

    def _words(self, name: str, file: str, document: Document) -> tuple[str, ...]:
        """The texts of a list's file: one a line; empty lines and those after ``#`` are none."""
        path, loc = document.path.parent / file, ("lists", name)
        self.files.append(path)
        try:
            with path.open("rb") as opened:
                raw = opened.read(MOST_BYTES + 1)
            lines = [line.strip() for line in raw.decode("utf-8-sig").splitlines()]
        except OSError as error:
            fix = nearest(file, _beside(path), "write its path as seen from this file's folder")
            what = f"the file {path} cannot be read: {error.strerror}"
            self.problems.append(document.problem(loc, what, fix))
            return ()
        except UnicodeDecodeError as error:
            what = f"byte {error.start} of the file {path} is not UTF-8"
            self.problems.append(document.problem(loc, what, "save the file as UTF-8"))
            return ()
        words = tuple(dict.fromkeys(line for line in lines if line and not line.startswith("#")))
        if len(raw) > MOST_BYTES or len(words) > MOST_WORDS:
            what = f"the file {path} is over {MOST_BYTES} bytes or {MOST_WORDS} texts"
            self.problems.append(document.problem(loc, what, "split it into two lists"))
        return words


def filled(text: str, environment: Mapping[str, str]) -> str:
    """The text with what the environment says in place of each ``${NAME}``."""
    return VARIABLE.sub(lambda match: environment[match[1]], text)


def _parsed(document: Document) -> PolicyFile:
    """The document as a policy file, which needs rules of its own unless it extends another."""
    needs = not (document.has("rules") or document.has("extends"))
    fix = f"add a line `rules: …`, or `extends: [default]`; {REFERENCE}"
    missing = [document.problem((), "`rules` is missing", fix)] if needs else []
    try:
        written = document.parse(PolicyFile)
    except PolicyError as error:
        raise PolicyError([*error.problems, *missing]) from error
    if missing:
        raise PolicyError(missing)
    return written


def _variables(document: Document, environment: Mapping[str, str]) -> Iterator[Problem]:
    """Each ``${NAME}`` that stands where none may, or that the environment does not know."""
    for loc, text in document.texts():
        for match in VARIABLE.finditer(text):
            name = match[1]
            if "message" not in loc and loc != ("contact",):
                fix = "only `message` and `contact` may hold one; write the value itself"
                yield document.problem(loc, f"`{match[0]}` is not filled in here", fix)
            elif match[0] != f"${{{name}}}" or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                fix = "write it as `${NAME}`, with a name of the environment"
                yield document.problem(loc, f"`{match[0]}` is no variable", fix)
            elif not environment.get(name):
                fix = nearest(name, environment, f"set `{name}` before the start, or take it out")
                yield document.problem(loc, f"the environment has no `{name}`", fix)


def _no_base(name: str, path: Path, document: Document, loc: Loc, *, is_path: bool) -> Problem:
    known = _beside(path) if is_path else [each.stem for each in sorted(BUNDLES.glob("*.yaml"))]
    if is_path:
        what = f"there is no policy file {path}"
        otherwise = "write its path as seen from this file's folder, as in `./base.yaml`"
    else:
        what = f"no policy `{name}` ships"
        otherwise = f"use {', '.join(known)}, or a path as in `./{name}.yaml`"
    return document.problem(loc, what, nearest(name, known, otherwise))


def _beside(path: Path) -> list[str]:
    """The names of the files in the folder that the path leads to."""
    folder = path.parent
    return [each.name for each in sorted(folder.iterdir())] if folder.is_dir() else []
