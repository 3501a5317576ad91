"""Reading a YAML file strictly, so that whatever is wrong with it is named with its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from service.policy.wording import REFERENCE, Names, in_words, own

__all__ = ["REFERENCE", "Document", "PolicyError", "Problem"]

MOST_BYTES: Final = 1 << 20
DEEPEST: Final = 20

Loc = Sequence[int | str]
Model = TypeVar("Model", bound=BaseModel)


class _Mark(Protocol):
    """A place in a file, as PyYAML marks it: line and column count from 0."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong in a file: where (line and column count from 1), what, and how to mend it.

    ``shown`` is a line of an expression and a caret under it, where the place is inside one.
    """

    path: Path
    line: int
    column: int
    what: str
    fix: str
    shown: str = ""

    def __str__(self) -> str:
        lines = [f"{self.path}:{self.line}:{self.column}: {self.what}"]
        lines += [f"    {line}" for line in self.shown.splitlines()]
        lines.append(f"    Fix: {self.fix}")
        return "\n".join(lines)


def _place(problem: Problem) -> tuple[str, int, int]:
    return str(problem.path), problem.line, problem.column


class PolicyError(Exception):
    """A file of policy or of its cases is wrong; all that is wrong with it is listed at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=_place))
        super().__init__("\n".join(str(each) for each in self.problems))


class _Loader(yaml.SafeLoader):
    """The core schema of YAML 1.2: ``on``, ``no`` and dates are words, not booleans or times."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|false)$", "tf"),
    ("int", r"^[-+]?[0-9]{1,18}$", "-+0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
    ("null", r"^(?:~|null|)$", ("~", "n", "")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), [*_first])


class Document:
    """A YAML file as data, with the place of each value."""

    def __init__(self, path: Path) -> None:
        """Reads the file. Raises ``PolicyError``."""
        self.path = path
        text = _text(path)
        try:
            wrong = list(_tricks(path, text))
            root = None if wrong else yaml.compose(text, _Loader)
            if root is not None:
                wrong = list(_duplicates(path, root))
            elif not wrong:
                wrong = [_at(path, None, "the file is empty", REFERENCE)]
            if root is None or wrong:
                raise PolicyError(wrong)
            self._root = root
            self._lines = text.splitlines()
            self._data = _Loader("").construct_document(root)
        except yaml.MarkedYAMLError as error:
            what = f"not YAML: {error.problem or error.context or 'syntax error'}"
            fix = (
                "quote a text that holds `: ` or ` #`, or begins with a sign such as `!` or `*`; "
                "check the indentation here and above"
            )
            raise PolicyError([_at(path, error.problem_mark, what, fix)]) from error
        except yaml.reader.ReaderError as error:
            before = text[: error.position].split("\n")
            mark = yaml.Mark("", 0, len(before) - 1, len(before[-1]), None, 0)
            what = f"not YAML: the character U+{error.character:04X}"
            raise PolicyError([_at(path, mark, what, "take it out")]) from error

    def parse(self, model: type[Model]) -> Model:
        """The content as ``model``. Raises ``PolicyError`` that lists every wrong field."""
        try:
            return model.model_validate(self._data)
        except ValidationError as error:
            names = Names(model)
            raise PolicyError([self._wrong(each, names) for each in own(error)]) from error

    def problem(self, loc: Loc, what: str, fix: str) -> Problem:
        """A problem with the value that ``loc`` leads to."""
        _, node, names = self._find(loc)
        return _at(self.path, node.start_mark, _said(names, what), fix)

    def inside(self, loc: Loc, place: tuple[int, int], what: str, fix: str, shown: str) -> Problem:
        """A problem inside the text at ``loc``; ``place`` is (line, column) in it, from 1."""
        _, node, names = self._find(loc)
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        style = getattr(node, "style", None)
        if style in {"|", ">"} and node.value:
            line, column = self._in_block(line, place, folded=style == ">")
        elif node.start_mark.line == node.end_mark.line:
            column += place[1] - 1 + (style in {"'", '"'})
        what = _said(names, what)
        return Problem(path=self.path, line=line, column=column, what=what, fix=fix, shown=shown)

    def _in_block(self, head: int, place: tuple[int, int], *, folded: bool) -> tuple[int, int]:
        """Line and column in the file of a place in the block that begins under line ``head``."""
        block = self._lines[head:]
        indent = next((len(line) - len(line.lstrip()) for line in block if line.strip()), 0)
        line, column = place
        while folded and line < len(block) and column > len(block[line - 1]) - indent:
            column -= len(block[line - 1]) - indent + 1
            line += 1
        return head + line, indent + column

    def _find(self, loc: Loc) -> tuple[yaml.Node | None, yaml.Node, str]:
        """Key node, value node, and the way there in words, as far as the file goes."""
        key, node, names = None, self._root, list[str]()
        for step in loc:
            if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
                key, node = None, node.value[step]
                name = _item_id(node)
                names[-1:] = (
                    [f"{names[-1].removesuffix('s')} {name}" if name else f"{names[-1]}[{step}]"]
                    if names
                    else [f"[{step}]"]
                )
            elif isinstance(node, yaml.MappingNode):
                pair = next((each for each in node.value if each[0].value == str(step)), None)
                if pair is not None:
                    key, node = pair
                    names.append(str(step))
        return key, node, ", ".join(names)

    def has(self, field: str) -> bool:
        """Whether the file writes this field."""
        return isinstance(self._data, dict) and field in self._data

    def texts(self) -> Iterator[tuple[tuple[int | str, ...], str]]:
        """Every value that is one text, number or word, as it is written, and the way there."""
        return _scalars(self._root, ())

    def _wrong(self, error: ErrorDetails, known: Names) -> Problem:
        key, node, names = self._find(error["loc"])
        what, fix = in_words(error, known)
        at_key = error["type"] == "extra_forbidden" or error["loc"][-1:] == ("[key]",)
        if error["type"] == "extra_forbidden":
            names = self._find(error["loc"][:-1])[2]
        mark = (key if at_key and key is not None else node).start_mark
        return _at(self.path, mark, _said(names, what), fix)


def _scalars(
    node: yaml.Node, loc: tuple[int | str, ...]
) -> Iterator[tuple[tuple[int | str, ...], str]]:
    if isinstance(node, yaml.ScalarNode):
        yield loc, node.value
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _scalars(value, (*loc, key.value))
    else:
        for index, item in enumerate(node.value):
            yield from _scalars(item, (*loc, index))


def _at(path: Path, mark: _Mark | None, what: str, fix: str) -> Problem:
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    return Problem(path=path, line=line, column=column, what=what, fix=fix)


def _said(names: str, what: str) -> str:
    return f"{names}: {what}" if names else what


def _item_id(node: yaml.Node) -> str | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    found = (value.value for key, value in pairs if key.value == "id")
    return next((each for each in found if isinstance(each, str)), None)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            what, fix = f"larger than {MOST_BYTES} bytes", "split it, or take out what is unused"
            raise PolicyError([_at(path, None, what, fix)])
        return raw.decode("utf-8-sig")
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
        raise PolicyError([_at(path, None, what, "check the path and its rights")]) from error
    except UnicodeDecodeError as error:
        what = f"byte {error.start} is not UTF-8"
        raise PolicyError([_at(path, None, what, "save the file as UTF-8")]) from error


def _tricks(path: Path, text: str) -> Iterator[Problem]:
    """Anchors, aliases, tags and depth: no policy needs them, and each has been an attack."""
    depth = 0
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            yield _at(path, event.start_mark, "anchors and aliases are refused", "write it out")
        if tag := getattr(event, "tag", None):
            what, fix = f"the tag {tag} is refused", "take it out; values have plain types"
            yield _at(path, event.start_mark, what, fix)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            yield _at(path, event.start_mark, f"nested over {DEEPEST} deep", REFERENCE)
            return


def _duplicates(path: Path, node: yaml.Node) -> Iterator[Problem]:
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            mark = key.start_mark
            if not isinstance(key, yaml.ScalarNode):
                yield _at(path, mark, "a key must be a word", REFERENCE)
            elif key.value in seen:
                what = f"`{key.value}` stands twice, first on line {seen[key.value]}"
                yield _at(path, mark, what, "keep one of the two")
            else:
                seen[key.value] = mark.line + 1
            yield from _duplicates(path, value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _duplicates(path, item)
