"""CEL conditions: the variables they may name, compiled and type-checked when a policy loads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from cel_expr_python import cel

from detectors.contract.labels import LABELS
from service.policy.spelling import nearest

EXCHANGE_VARIABLES: Final[Mapping[str, str]] = {
    "complete": "bool",
    "gaps": "list<string>",
    "images": "int",
    "dialect": "string",
    "model": "string",
    "stream": "bool",
}
PART_VARIABLES: Final[Mapping[str, str]] = {
    "origin": "string",
    "method": "string",
    "joined": "bool",
    "characters": "int",
}
THRESHOLD: Final = "threshold."
"""A threshold ``harm`` of the policy file is the variable ``threshold.harm``."""

LIST_OF: Final = "the variables are listed in docs/policies.md"
FUNCTIONS: Final = (
    *("size", "exists", "exists_one", "all", "filter", "map", "contains", "startsWith"),
    *("endsWith", "matches", "double", "int", "string", "has"),
)

Values: TypeAlias = cel.Activation
"""Values of variables, as the CEL runtime keeps them."""

_TYPES: Final = {
    "bool": cel.Type.BOOL,
    "int": cel.Type.INT,
    "double": cel.Type.DOUBLE,
    "string": cel.Type.STRING,
    "list<string>": cel.Type.List(cel.Type.STRING),
}
_EMPTY: Final[Mapping[str, object]] = {
    **dict.fromkeys(LABELS, 0.0),
    "complete": True,
    "gaps": [],
    "images": 0,
    "dialect": "",
    "model": "",
    "stream": False,
    "origin": "",
    "method": "",
    "joined": False,
    "characters": 0,
}
_ERROR: Final = re.compile(
    r"ERROR: <input>:(?P<line>\d+):(?P<column>\d+): (?P<what>.*)\n(?P<shown>(?: \| .*(?:\n|$))*)"
)
_LITERAL_OR_NAME: Final = re.compile(
    r"//.*|'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)"
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

    def __init__(self, program: cel.Expression, names: frozenset[str]) -> None:
        self._program = program
        self.names = names
        self.labels = tuple(label for label in LABELS if label in names)
        self.thresholds = frozenset(
            name.removeprefix(THRESHOLD) for name in names if name.startswith(THRESHOLD)
        )

    def holds(self, values: Values) -> bool | None:
        """Whether it holds for these values; None if it could not be evaluated."""
        value = self._program.eval(values).value()
        return value if isinstance(value, bool) else None


class Language:
    """CEL with the variables of one policy: Glassgate's own, and its thresholds."""

    def __init__(self, thresholds: Mapping[str, float]) -> None:
        self._thresholds = {f"{THRESHOLD}{name}": value for name, value in thresholds.items()}
        doubles = dict.fromkeys((*LABELS, *self._thresholds), "double")
        self._exchange = {**doubles, **EXCHANGE_VARIABLES}
        self._part = {**self._exchange, **PART_VARIABLES}
        self._for_exchange, self._for_parts = _env(self._exchange), _env(self._part)

    def values(self, values: Mapping[str, object]) -> Values:
        """The values of all variables, the thresholds added, ready for ``Condition.holds``."""
        return self._for_parts.Activation({**values, **self._thresholds})

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
        found = _LITERAL_OR_NAME.finditer(expression)
        names = frozenset(match["name"] for match in found if match["name"]) & variables.keys()
        condition = Condition(program, names)
        if condition.holds(self.values(_EMPTY)) is None:
            fault = program.eval(self.values(_EMPTY)).value()
            what = f"cannot be evaluated on an exchange that holds nothing: {fault}"
            fix = "guard it, as in `size(gaps) > 0 && gaps[0] == 'audio'`"
            raise ConditionError([_whole(expression, what, fix)])
        return condition


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
    if name == THRESHOLD.removesuffix("."):
        return "name one of the policy's thresholds, as in `threshold.harm`"
    if name.startswith(THRESHOLD):
        otherwise = f"add `{name.removeprefix(THRESHOLD)}` to the policy's `thresholds`"
        known = [each for each in variables if each.startswith(THRESHOLD)]
        bare = {each.removeprefix(THRESHOLD): each for each in known}
        found = nearest(name.removeprefix(THRESHOLD), bare, otherwise)
        return found.replace("`", f"`{THRESHOLD}", 1) if found != otherwise else otherwise
    return nearest(name, [*variables, *FUNCTIONS], LIST_OF)
