"""What is wrong with a field, in the words of someone who writes YAML."""

from __future__ import annotations

import re
from typing import Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from service.policy.fields import DETECTOR, HEADER, HOST, NAME, SHA256, TAG
from service.policy.model import KEBAB
from service.policy.spelling import nearest

REFERENCE: Final = "the fields are described in docs/policies.md"

_TABLE: Final = ("must be a table of fields", "write lines of `name: value` under it")
_PLAIN: Final = {
    "string_type": ("must be text", "put it in quotes"),
    "tuple_type": ("must be a list", "write it in brackets, as in `[a, b]`, or with dashes"),
    "dict_type": _TABLE,
    "model_type": _TABLE,
    "union_tag_not_found": ("`kind` is missing", "name the edit, as in `kind: mask_text`"),
    "float_type": ("must be a number", "write a number, as in `0.5`"),
    "int_type": ("must be a whole number", "write a number without a point, as in `200`"),
    "too_short": ("must not be empty", "write at least one, or take the field out"),
    "string_too_short": ("must not be empty", "write something, or take the field out"),
}
_NAMING: Final = {
    KEBAB: "use lower-case words joined by hyphens, as in `no-names`",
    HEADER: "use lower-case words joined by hyphens, as in `x-team`",
    HOST: "write a host in lower case, as in `docs.example.com`, or `*.example.com` for all below",
    DETECTOR: "use the name of a view or a check, as in `classifier`",
    NAME: "use lower-case letters, digits and underscores, as in `harm_in_pictures`",
    SHA256: "write the 64 digits that `sha256sum FILE` prints",
    TAG: "use letters, digits and . : _ - without spaces, as in `LLM01:2025`",
}
"""How names are written, by the pattern that they must follow."""
_BOUNDS: Final = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}


class Names:
    """The names of fields: those of the table that something is wrong in, and all others."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._model = model
        schema = model.model_json_schema()
        tables = [schema, *schema.get("$defs", {}).values()]
        self._all = tuple({name: None for table in tables for name in table.get("properties", {})})

    def here(self, loc: tuple[int | str, ...]) -> tuple[str, ...]:
        """The fields of the table that ``loc`` stands in, first; then those of all tables."""
        model: type[BaseModel] | None = self._model
        for step in loc[:-1]:
            field = model.model_fields.get(str(step)) if model is not None else None
            if field is not None:
                model = _table(field.annotation)
        own = tuple(model.model_fields) if model is not None else ()
        return (*own, *(name for name in self._all if name not in own))


def own(error: ValidationError) -> list[ErrorDetails]:
    """The errors, without the lists that pydantic calls too short because an item is wrong."""
    errors = error.errors()
    inside = {each["loc"][:end] for each in errors for end in range(len(each["loc"]))}
    return [each for each in errors if each["type"] != "too_short" or each["loc"] not in inside]


def in_words(error: ErrorDetails, known: Names) -> tuple[str, str]:
    """What is wrong, and the fix."""
    kind, given, context = error["type"], error["input"], error.get("ctx", {})
    name = str(error["loc"][-1]) if error["loc"] else ""
    match kind:
        case "value_error":
            what, fix = context["error"].args
            said = str(what), str(fix)
        case "missing":
            said = f"`{name}` is missing", f"add a line `{name}: …`; {REFERENCE}"
        case "extra_forbidden":
            others = [field for field in known.here(error["loc"]) if field != name]
            said = f"`{name}` is not a field here", nearest(name, others, REFERENCE)
        case "literal_error" | "enum" | "union_tag_invalid":
            given = context.get("tag", given)
            expected = str(context.get("expected", context.get("expected_tags", "")))
            fix = nearest(str(given), re.findall(r"'([^']*)'", expected), f"write {expected}")
            said = f"`{_short(given)}` is not {expected}", fix
        case "string_pattern_mismatch":
            pattern = str(context["pattern"])
            what = "no SHA-256" if pattern == SHA256 else "not written as a name"
            said = f"`{_short(given)}` is {what}", _NAMING.get(pattern, REFERENCE)
        case "string_too_long":
            most = context["max_length"]
            said = f"is longer than {most} characters", f"say it in at most {most}"
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            said = _bound(kind, context)
        case _:
            said = _PLAIN.get(kind, (error["msg"][:1].lower() + error["msg"][1:], REFERENCE))
    return said


def _bound(kind: str, context: dict[str, object]) -> tuple[str, str]:
    key, words = _BOUNDS[kind]
    bound = context[key]
    if bound in {0.0, 1.0} and key != "gt":
        return "must be between 0 and 1", "write a number from 0 to 1"
    return f"must be {words} {bound}", f"write a number that is {words} {bound}"


def _short(given: object) -> str:
    text = str(given)
    return text if len(text) <= 80 else f"{text[:80]}…"  # noqa: PLR2004 - one line of a terminal


def _table(annotation: object) -> type[BaseModel] | None:
    """The table that a field holds, or holds a list of; None if it holds none or several."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = [table for each in get_args(annotation) if (table := _table(each)) is not None]
    return found[0] if len(found) == 1 else None
