"""Who calls: what a policy may know of it. The gateway before this one names the tenant."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from service.errors import AmbiguousKey
from service.policy.model import Caller

KEY_HEADERS: Final = frozenset({"authorization", "x-api-key", "x-goog-api-key", "api-key"})
"""Headers in which the APIs of the dialects take a key: OpenAI, Anthropic, Google, Azure."""
KEY_PARAMETERS: Final = frozenset({"key", "$key", "access_token", "api-key"})
"""Fields of the query in which they do: Google's system parameters, and Azure's."""
_SCHEME: Final = "bearer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Callers:
    """How callers are told apart.

    ``tenant_header`` (lower case) is believed as it comes: a gateway before this one must set it,
    or take it away. ``groups`` is the SHA-256 of an API key, in hexadecimal, → its group.
    """

    tenant_header: str = ""
    groups: Mapping[str, str] = field(default_factory=dict)

    def of(self, path: str, headers: Sequence[tuple[str, str]], named: Collection[str]) -> Caller:
        """The caller with these headers; of them the policy sees those that it ``named``.

        Raises ``AmbiguousKey``: which key counts is up to the model's server, so nobody may send
        another beside that of a group, and have the rules of that one.
        """
        sent = {name.lower(): value for name, value in headers}
        bare, _, query = path.partition("?")
        return Caller(
            tenant=sent.get(self.tenant_header, "") if self.tenant_header else "",
            key_group=self._group(headers, query) if self.groups else "",
            path=bare,
            headers={name: sent[name] for name in named if name in sent},
        )

    def _group(self, headers: Sequence[tuple[str, str]], query: str) -> str:
        """The group of the key that was sent; empty if it is of none, or there is no key."""
        places: dict[str, str] = {}
        for place, said, takes_key in _said(headers, query):
            digests = {hashlib.sha256(word.encode()).hexdigest() for word in _words(said)}
            found = {self.groups[digest] for digest in digests if digest in self.groups}
            unknown = {""} if takes_key and said.strip().lower() not in {"", _SCHEME} else set()
            for group in sorted(found or unknown):
                places.setdefault(group, place)
        if len(places) > 1:
            where = " and ".join(dict.fromkeys(places.values()))
            raise AmbiguousKey(
                f"API keys for which different rules are in force were sent, in {where}; send one"
            )
        return next(iter(places), "")


def _said(headers: Sequence[tuple[str, str]], query: str) -> Iterator[tuple[str, str, bool]]:
    """All that a key may stand in: where, what stands there, and whether that is its place."""
    for name, value in headers:
        known = name.lower() in KEY_HEADERS
        yield f"`{name.lower()}`" if known else "another header", value, known
    for name, value in parse_qsl(query):
        known = name.lower() in KEY_PARAMETERS
        yield f"`?{name.lower()}=`" if known else "the query", value, known


def _words(said: str) -> Iterator[str]:
    """All in a value that may be a key, whatever stands before it, as in ``Bearer sk-1``."""
    yield said.strip()
    yield from re.split(r"[\s,;]+", said)
    yield from re.split(r"[\s,;:=?&'\"]+", said)
    scheme, _, rest = said.strip().partition(" ")
    if scheme.lower() == "basic":
        with suppress(ValueError):
            yield from b64decode(rest).decode("latin-1").split(":")
