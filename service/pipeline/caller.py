"""Who calls: what a policy may know of it. The gateway before this one names the tenant."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from service.policy.model import Caller

KEY_HEADERS: Final = ("authorization", "x-api-key", "x-goog-api-key", "api-key")
"""Headers in which the dialects carry an API key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callers:
    """How callers are told apart.

    ``tenant_header`` (lower case) is believed as it comes: a gateway before this one must set it,
    or take it away. ``groups`` is the SHA-256 of an API key, in hexadecimal, → its group.
    """

    tenant_header: str = ""
    groups: Mapping[str, str] = field(default_factory=dict)

    def of(self, path: str, headers: Sequence[tuple[str, str]], named: Collection[str]) -> Caller:
        """The caller with these headers; of them the policy sees those that it ``named``."""
        sent = {name.lower(): value for name, value in headers}
        return Caller(
            tenant=sent.get(self.tenant_header, "") if self.tenant_header else "",
            key_group=self._group(sent) if self.groups else "",
            path=path.partition("?")[0],
            headers={name: sent[name] for name in named if name in sent},
        )

    def _group(self, sent: Mapping[str, str]) -> str:
        for header in KEY_HEADERS:
            key = sent.get(header, "").removeprefix("Bearer ").strip()
            if key:
                return self.groups.get(hashlib.sha256(key.encode()).hexdigest(), "")
        return ""
