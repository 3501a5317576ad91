"""CEL conditions: the variables they may name, compiled and type-checked when a policy loads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from cel_expr_python import cel

from detectors.contract.exchange import Origin
from detectors.contract.labels import LABELS
from service.policy.spelling import nearest

EXCHANGE_VARIABLES: Final[Mapping[str, str]] = {
    "complete": "bool",
    "gaps": "list<string>",
    "failed": "list<string>",
    "texts": "int",
    "images": "int",
    "images_shown": "int",
    "documents": "int",
    "tool_calls": "int",
    "opaque": "int",
    "methods": "list<string>",
    "has_faces": "bool",
    "faces_known": "bool",
    "has_gps": "bool",
    "dialect": "string",
    "model": "string",
    "stream": "bool",
    "tenant": "string",
    "key_group": "string",
    "path": "string",
    "headers": "map<string, string>",
}
PART_VARIABLES: Final[Mapping[str, str]] = {
    "origin": "string",
    "method": "string",
    "joined": "bool",
    "thinking": "bool",
    "characters": "int",
}
SCORE: Final = "score."
"""The highest score of a label in the parts of one origin is ``score.third_party.harm``."""
ORIGIN_SCORES: Final[Mapping[str, tuple[Origin, str]]] = {
    f"{SCORE}{origin}.{label}": (origin, label) for origin in Origin for label in LABELS
}
THRESHOLD: Final = "threshold."
"""A threshold ``harm`` of the policy file is the variable ``threshold.harm``."""
LIST: Final = "lists."
"""A list ``teams`` of the policy file is the variable ``lists.teams``."""

LIST_OF: Final = "the variables are listed in docs/policies.md"
FUNCTIONS: Final = (
    *("size", "exists", "exists_one", "all", "filter", "map", "contains", "startsWith"),
    *("endsWith", "matches", "double", "int", "string", "has"),
)
MOST_TOGETHER: Final = 50
"""Conditions evaluated as one expression, which must stay far below what CEL parses."""

Values: TypeAlias = cel.Activation
"""Values of variables, as the CEL runtime keeps them."""

_TYPES: Final = {
    "bool": cel.Type.BOOL,
    "int": cel.Type.INT,
    "double": cel.Type.DOUBLE,
    "string": cel.Type.STRING,
    "list<string>": cel.Type.List(cel.Type.STRING),
    "map<string, string>": cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
}
_EMPTY_OF: Final[Mapping[str, object]] = {
    "bool": False,
    "int": 0,
    "double": 0.0,
    "string": "",
    "list<string>": [],
    "map<string, string>": {},
}
_ERROR: Final = re.compile(
    r"ERROR: <input>:(?P<line>\d+):(?P<column>\d+): (?P<what>.*)\n(?P<shown>(?: \| .*(?:\n|$))*)"
)
QUOTED: Final = re.compile(
    "|".join(
        (
            "//.*",
            *(rf"{mark}(?:\\(?s:.)|(?!{mark})[^\\])*{mark}" for mark in ("'''", '"""', "'", '"')),
        )
    )
)
"""A comment, or a literal of text; a raw one may not end in a backslash, so that it is no other."""
_LITERAL_OR_NAME: Final = re.compile(
    rf"{QUOTED.pattern}|(?P<name>[A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong in a condition; ``line`` and ``column`` count from 1 inside it."""

    line: int
    column: int
    what: str
    fix: str
    shown: str


class ConditionError(Exception):
    """A condition does not compile, or cannot be evaluated."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(fault.what for fault in self.faults))


class Condition:
    """A compiled condition, and the variables, labels and thresholds that it names."""

    def __init__(self, expression: str, program: cel.Expression, names: frozenset[str]) -> None:
        self.expression = expression
        self._program = program
        self.names = names
        scored = {ORIGIN_SCORES[name][1] for name in names & ORIGIN_SCORES.keys()}
        self.labels = tuple(label for label in LABELS if label in names | scored)
        self.thresholds = frozenset(
            name.removeprefix(THRESHOLD) for name in names if name.startswith(THRESHOLD)
        )

    def holds(self, values: Values) -> bool | None:
        """Whether it holds for these values; None if it could not be evaluated."""
        value = self._program.eval(values).value()
        return value if isinstance(value, bool) else None


class Together:
    """Conditions that are held against the same values, evaluated as one expression."""

    def __init__(self, conditions: Sequence[Condition], program: cel.Expression) -> None:
        self._conditions = conditions
        self._program = program

    def hold(self, values: Values) -> Sequence[bool | None]:
        """Whether each holds, in order. One that cannot be evaluated does not spoil the others."""
        found = self._program.eval(values).plain_value()
        if isinstance(found, list):
            return found
        return [condition.holds(values) for condition in self._conditions]


class Language:
    """CEL with the variables of one policy: Glassgate's own, its thresholds, lists and headers."""

    def __init__(
        self,
        thresholds: Mapping[str, float],
        lists: Mapping[str, Sequence[str]] | None = None,
        headers: Sequence[str] = (),
    ) -> None:
        words = {f"{LIST}{name}": list(texts) for name, texts in (lists or {}).items()}
        numbers = {f"{THRESHOLD}{name}": value for name, value in thresholds.items()}
        self.constants: dict[str, object] = {**numbers, **words}
        doubles = dict.fromkeys((*LABELS, *ORIGIN_SCORES, *numbers), "double")
        self._headers = tuple(headers)
        self._exchange = {**doubles, **dict.fromkeys(words, "list<string>"), **EXCHANGE_VARIABLES}
        self._part = {**self._exchange, **PART_VARIABLES}
        self._for_exchange, self._for_parts = _env(self._exchange), _env(self._part)
        empty = {name: _EMPTY_OF[type_] for name, type_ in self._part.items()}
        empty |= {"complete": True, "headers": dict.fromkeys(headers, "")}
        self._empty = self._for_parts.Activation({**empty, **self.constants})
        self._needed: set[str] = set()
        self._fixed: dict[str, object] = {}
        self.origin_scores: list[str] = []

    def values(self, values: Mapping[str, object]) -> Values:
        """The values of variables, the thresholds and lists added, ready for ``holds``.

        Only those that a condition needs: each value costs time.
        """
        given = {name: values[name] for name in self._needed if name in values}
        return self._for_parts.Activation({**given, **self._fixed})

    def compile(self, expression: str, *, of_parts: bool) -> Condition:
        """Compiles a condition, type-checks it and tries it on an exchange that holds nothing.

        ``of_parts``: whether it is evaluated for each part, so that it may name a part's variables.
        Raises ``ConditionError``.
        """
        variables = self._part if of_parts else self._exchange
        try:
            program = (self._for_parts if of_parts else self._for_exchange).compile(expression)
        except RuntimeError as error:
            raise ConditionError(_faults(str(error), expression, variables)) from error
        if program.return_type() != cel.Type.BOOL:
            what = f"a condition must be true or false, and this is {program.return_type().name()}"
            raise ConditionError([_whole(expression, what, "compare it, as in `harm >= 0.5`")])
        condition = Condition(expression, program, _names(expression, variables))
        if condition.holds(self._empty) is None:
            fault = str(program.eval(self._empty).value())
            raise ConditionError([self._not_evaluated(expression, fault)])
        needed = _steps(expression) & variables.keys()
        self._fixed |= {name: self.constants[name] for name in needed & self.constants.keys()}
        self._needed |= needed - self.constants.keys()
        self.origin_scores = [name for name in self._needed if name in ORIGIN_SCORES]
        return condition

    def together(self, conditions: Sequence[Condition]) -> Together:
        """The conditions of parts or of exchanges as one."""
        expression = ",".join(f"(\n{condition.expression}\n)" for condition in conditions)
        return Together(conditions, self._for_parts.compile(f"[{expression}]"))

    def _not_evaluated(self, expression: str, fault: str) -> Fault:
        if match := re.search(r'Key not found in map : "(.*)"', fault):
            what = f"the policy names no header `{match[1]}`"
            otherwise = f"add it, as in `headers: [{match[1]}]`"
            return _whole(expression, what, nearest(match[1], self._headers, otherwise))
        what = f"cannot be evaluated on an exchange that holds nothing: {fault}"
        return _whole(expression, what, "guard it, as in `size(gaps) > 0 && gaps[0] == 'audio'`")


def _names(expression: str, variables: Mapping[str, str]) -> frozenset[str]:
    """The variables that are named outside of literals and comments."""
    found = (match["name"] for match in _LITERAL_OR_NAME.finditer(expression))
    return frozenset(_steps("\n".join(name for name in found if name)) & variables.keys())


def _steps(text: str) -> set[str]:
    """Every name in a text, and of those with dots every beginning; also those in literals."""
    found: set[str] = set()
    for match in re.finditer(r"[A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*", text):
        steps = re.findall(r"\w+", match[0])
        found |= {".".join(steps[:size]) for size in range(1, len(steps) + 1)}
    return found


def _env(variables: Mapping[str, str]) -> cel.Env:
    return cel.NewEnv(variables={name: _TYPES[type_] for name, type_ in variables.items()})


def _whole(expression: str, what: str, fix: str) -> Fault:
    return Fault(line=1, column=1, what=what, fix=fix, shown=expression)


def _faults(message: str, expression: str, variables: Mapping[str, str]) -> list[Fault]:
    """CEL's message as faults. After a syntax error the rest is noise, so that stands alone."""
    faults = []
    for match in _ERROR.finditer(message.removesuffix(" [INVALID_ARGUMENT]") + "\n"):
        what = match["what"].partition(" expecting {")[0].removesuffix(" (in container '')")
        faults.append(
            Fault(
                line=int(match["line"]),
                column=int(match["column"]),
                what=what,
                fix=_fix(what, expression, variables),
                shown=re.sub("^ ", "", match["shown"], flags=re.MULTILINE).rstrip(),
            )
        )
    first = next((each for each in faults if each.what.startswith("Syntax error")), None)
    return [first] if first else faults or [_whole(expression, message, LIST_OF)]


def _fix(what: str, expression: str, variables: Mapping[str, str]) -> str:
    if match := re.fullmatch(r"undeclared reference to '(.*)'", what):
        return _unknown(match[1], variables)
    if "no matching overload" in what:
        if "(double, int)" in what or "(int, double)" in what:
            return "scores are written with a point (1.0), counts without (1)"
        return "compare things of one type; the variables' types are in docs/policies.md"
    words = set(re.findall(r"\w+|=+", expression))
    if words & {"and", "or", "not", "AND", "OR", "NOT"}:
        return "CEL writes && for and, || for or, ! for not"
    if "=" in words and not re.search(r"[<>!]=", expression):
        return "CEL compares with =="
    return "conditions are CEL; docs/policies.md shows how they are written"


def _unknown(name: str, variables: Mapping[str, str]) -> str:
    if name in PART_VARIABLES:
        return f"`{name}` is a part's: say with `on` which parts the rule is evaluated for"
    for prefix, field, example in (
        (THRESHOLD, "thresholds", "name one of the policy's thresholds, as in `threshold.harm`"),
        (LIST, "lists", "name one of the policy's lists, as in `lists.teams`"),
    ):
        if name == prefix.removesuffix("."):
            return example
        if name.startswith(prefix):
            bare = name.removeprefix(prefix)
            otherwise = f"add `{bare}` to the policy's `{field}`"
            known = [each.removeprefix(prefix) for each in variables if each.startswith(prefix)]
            found = nearest(bare, known, otherwise)
            return found.replace("`", f"`{prefix}", 1) if found != otherwise else otherwise
    if name == SCORE.removesuffix("."):
        return "name an origin and a label, as in `score.third_party.harm`"
    if name.startswith(SCORE):
        return nearest(name, ORIGIN_SCORES, LIST_OF)
    own = [each for each in variables if each not in ORIGIN_SCORES]
    return nearest(name, [*own, *FUNCTIONS], LIST_OF)
