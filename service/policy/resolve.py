"""Makes one document of a policy file and all that it names."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from pydantic import BaseModel, ConfigDict, PrivateAttr

from service.policy.allow_list import AllowList
from service.policy.document import Document, Loc, PolicyError, Problem
from service.policy.layers import Stack, loosened
from service.policy.listed import HOSTS, Lists, listed
from service.policy.model import Mode, PolicyFile, Rule, Scope
from service.policy.reading import Reading, filled
from service.policy.sources import Sources
from service.policy.spelling import nearest

Layers: TypeAlias = Sequence[tuple[Document, PolicyFile]]

_LAST_SAYS: Final = ("mode", "rollout", "refusal", "contact", "streaming", "fail_open", "capture")
"""Fields of which the last file that writes them has its way."""
_PLACED: Final = frozenset({"fail_open", "capture"})
"""Those of them that may not fit where the policy is to be in force."""


class Resolved(BaseModel):
    """A policy as one document, whole: it can be sent to another process as JSON.

    ``policy`` extends and overrides nothing any more, and its thresholds are numbers; each scope
    in it holds all the rules and thresholds that are in force there. ``files`` are all that was
    read, the policy's own first. ``places`` maps each rule to the file and line that wrote it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    policy: PolicyFile
    files: tuple[Path, ...]
    places: dict[str, str]
    _sources: tuple[Sources, ...] = PrivateAttr(default=())
    _problems: tuple[Problem, ...] = PrivateAttr(default=())
    _unused: tuple[Problem, ...] = PrivateAttr(default=())

    @property
    def sources(self) -> tuple[Sources, ...]:
        """Those of the policy, then of each scope; none where it came from another process."""
        return self._sources

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the layers; none in what ``resolve`` returns."""
        return self._problems

    @property
    def unused(self) -> tuple[Problem, ...]:
        """What is written and named by nothing; worth saying where nothing else is wrong."""
        return self._unused


@dataclass(frozen=True, slots=True, kw_only=True)
class _Laid:
    """A scope, where it was written, and what it makes of the policy."""

    scope: Scope
    document: Document
    loc: Loc
    stack: Stack


def resolve(path: Path, environment: Mapping[str, str] = os.environ) -> Resolved:
    """The file with all that it names. Raises ``PolicyError`` that lists all that is wrong."""
    resolved = merge(path, environment)
    if resolved.problems:
        raise PolicyError(resolved.problems)
    return resolved


def merge(path: Path, environment: Mapping[str, str] = os.environ) -> Resolved:
    """As ``resolve``, but what is wrong with the layers is listed in ``problems``.

    Raises ``PolicyError`` where a file cannot be read as one of policy at all.
    """
    reading = Reading(environment)
    reading.read(path)
    layers = reading.layers
    stack = Stack(Sources(layers[-1][0]))
    for document, written in layers:
        stack.lay(written, document)
        for name in _PLACED & written.model_fields_set:
            stack.sources.note((name,), document, (name,))
    scopes = list(_scopes(layers, stack))
    problems = [*stack.problems, *(problem for each in scopes for problem in each.stack.problems)]
    problems += _wrong_scopes(
        scopes, stack, {name for _, each in layers for name in each.may_loosen}
    )
    problems += _unknown(layers, {*stack.rules, *stack.thresholds})
    allowed = AllowList(layers, reading.lists)
    problems += allowed.problems
    hosts = list(_link_hosts(layers, reading.lists))
    problems += [problem for _, problem in hosts if problem is not None]
    resolved = Resolved(
        policy=_whole(layers, stack, scopes, reading.lists, environment).model_copy(
            update={
                "allow": allowed.entries,
                "link_hosts": tuple(dict.fromkeys(one for each, _ in hosts for one in each)),
            }
        ),
        files=tuple(reading.files),
        places={name: stack.sources.place(("rules", name)) for name in stack.rules},
    )
    resolved._sources = (stack.sources, *(each.stack.sources for each in scopes))  # noqa: SLF001
    resolved._problems = tuple(dict.fromkeys(problems))  # noqa: SLF001
    resolved._unused = tuple(_unused(layers))  # noqa: SLF001
    return resolved


def _scopes(layers: Layers, stack: Stack) -> Iterator[_Laid]:
    """Every scope, the last file's first: the first that matches has its way."""
    for document, written in reversed(layers):
        for index, scope in enumerate(written.select):
            over, loc = stack.copy(), ("select", index)
            over.lay(scope, document, loc)
            yield _Laid(scope=scope, document=document, loc=loc, stack=over)


def _wrong_scopes(
    scopes: Iterable[_Laid], base: Stack, may_loosen: Collection[str]
) -> Iterator[Problem]:
    seen: set[str] = set()
    for each in scopes:
        scope, document = each.scope, each.document
        if scope.id in seen:
            what = f"an earlier scope has the id `{scope.id}` too"
            yield document.problem((*each.loc, "id"), what, "give each scope its own id")
        seen.add(scope.id)
        if not (scope.tenants or scope.key_groups or scope.models or scope.paths):
            what = "says of nobody whom it is for"
            fix = "write `tenants`, `key_groups`, `models` or `paths`, as in `tenants: [acme-*]`"
            yield document.problem(each.loc, what, fix)
        if not each.stack.problems:
            for name, key, what in loosened(base, each.stack):
                if name not in may_loosen:
                    where = _in_scope(each, key)
                    fix = f"make it as strict as outside, or list `{name}` under `may_loosen`"
                    yield document.problem(where, what, fix)


def _in_scope(each: _Laid, key: tuple[str, ...]) -> Loc:
    """Where the scope writes what the key names."""
    if key[0] == "disable":
        return (*each.loc, "disable", each.scope.disable.index(key[1]))
    document, loc = each.stack.sources.find(key)
    return loc if document is each.document and loc[: len(each.loc)] == each.loc else each.loc


def _unknown(layers: Layers, known: Collection[str]) -> Iterator[Problem]:
    for document, written in layers:
        for index, name in enumerate(written.may_loosen):
            if name not in known:
                what = f"there is no rule and no threshold `{name}`"
                fix = nearest(name, known, "name a rule or a threshold of the policy")
                yield document.problem(("may_loosen", index), what, fix)


def _link_hosts(layers: Layers, lists: Lists) -> Iterator[tuple[tuple[str, ...], Problem | None]]:
    """The hosts that each file names, and what is wrong with the list that it names instead."""
    for document, written in layers:
        hosts, wrong = listed(written.link_hosts, lists, HOSTS)
        at = ("link_hosts",)
        yield hosts, None if wrong is None else document.problem(at, *wrong)


def _unused(layers: Layers) -> Iterator[Problem]:
    every = [each for _, written in layers for each in (written, *written.select)]
    whens = [rule.when for layer in every for rule in (*layer.rules, *layer.override)]
    used = set(re.findall(r"\bthreshold\s*\.\s*(\w+)", "\n".join(whens)))
    for document, written in layers:
        places: list[tuple[Loc, Collection[str]]] = [((), written.thresholds)]
        places += [(("select", at), scope.thresholds) for at, scope in enumerate(written.select)]
        for at, names in places:
            for name in names:
                if name not in used:
                    take_out = f"take it out, or compare with `threshold.{name}` in a rule"
                    fix = nearest(name, used, take_out)
                    yield document.problem(
                        (*at, "thresholds", name), "no rule uses this threshold", fix
                    )


def _whole(
    layers: Layers,
    stack: Stack,
    scopes: Sequence[_Laid],
    lists: Mapping[str, tuple[str, ...]],
    environment: Mapping[str, str],
) -> PolicyFile:
    """What all layers say together, as one file would."""
    last: dict[str, object] = {
        name: getattr(written, name)
        for _, written in layers
        for name in _LAST_SAYS
        if name in written.model_fields_set
    }
    if isinstance(contact := last.get("contact"), str):
        last["contact"] = filled(contact, environment)
    shadow = last.get("mode") is Mode.SHADOW
    done = {"sensitivity": None, "override": (), "disable": ()}
    own = layers[-1][1]
    return PolicyFile(version=own.version, description=own.description).model_copy(
        update={
            **last,
            "headers": tuple(dict.fromkeys(name for _, each in layers for name in each.headers)),
            "lists": dict(lists),
            "thresholds": stack.thresholds,
            "rules": _rules(stack, environment, shadow=shadow),
            "select": tuple(
                each.scope.model_copy(
                    update={
                        **done,
                        "thresholds": each.stack.thresholds,
                        "rules": _rules(each.stack, environment, shadow=shadow),
                    }
                )
                for each in scopes
            ),
        }
    )


def _rules(stack: Stack, environment: Mapping[str, str], *, shadow: bool) -> tuple[Rule, ...]:
    """The rules as they are in force: their messages filled in, and only counted in shadow."""
    return tuple(_in_force(rule, environment, shadow=shadow) for rule in stack.rules.values())


def _in_force(rule: Rule, environment: Mapping[str, str], *, shadow: bool) -> Rule:
    said = rule.message
    if isinstance(said, str):
        said = filled(said, environment)
    elif said is not None:
        said = {language: filled(text, environment) for language, text in said.items()}
    mode = Mode.SHADOW if shadow else rule.mode
    return rule.model_copy(update={"message": said, "mode": mode})
