"""Holds a policy against recorded decisions, and counts what it would have decided otherwise."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final, TypeAlias

from service.policy.compile import compile_policy
from service.policy.engine import Policy
from service.policy.model import Action
from service.policy.resolve import Resolved
from service.rehearsal.alike import Alike, Key
from service.store.database import StoreError
from service.store.reader import Span, read
from service.store.record import Record, RecordError
from service.store.replay import replayable

EXAMPLES: Final = 5
SMALL: Final = 32 << 20
"""Bytes of records, about 30,000 of them, that one process has read before others have started."""
MOST_KINDS: Final = 200_000
"""Kinds of records whose decision is remembered."""

Verdict: TypeAlias = tuple[Action, tuple[str, ...], tuple[str, ...]]
"""A decision's action, rules and shadow rules."""


@dataclass(slots=True)
class Found:
    """How many decisions, and when and by which id the first of them were."""

    count: int = 0
    examples: list[tuple[float, str]] = field(default_factory=list)

    def add(self, record: Record) -> None:
        self.count += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append((record.time, record.id))

    def join(self, other: Found) -> None:
        self.count += other.count
        self.examples = sorted([*self.examples, *other.examples])[:EXAMPLES]


@dataclass(slots=True)
class Change:
    """Decisions that went from one action to another: all, and by the rules that it comes from."""

    all: Found = field(default_factory=Found)
    rules: dict[str, Found] = field(default_factory=dict)

    def join(self, other: Change) -> None:
        self.all.join(other.all)
        for name, found in other.rules.items():
            self.rules.setdefault(name, Found()).join(found)


@dataclass(slots=True)
class Tally:
    """What a backtest counted.

    ``first`` and ``last`` are the times of the records, in seconds since 1970. ``changes`` are by
    (action as it was, action as it would be). ``held`` gives for each rule how often it held, and
    how often it would, enforced or in shadow.
    """

    records: int = 0
    first: float = 0.0
    last: float = 0.0
    changes: dict[tuple[str, str], Change] = field(default_factory=dict)
    held: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def changed(self) -> int:
        return sum(change.all.count for change in self.changes.values())

    def add(self, record: Record, verdict: Verdict) -> None:
        """Counts a record and what is decided of it now."""
        self.first = min(self.first, record.time) if self.records else record.time
        self.last = max(self.last, record.time)
        self.records += 1
        action, rules, shadow = verdict
        for name in (*record.rules, *record.shadow):
            was, would = self.held.get(name, (0, 0))
            self.held[name] = was + 1, would
        for name in (*rules, *shadow):
            was, would = self.held.get(name, (0, 0))
            self.held[name] = was, would + 1
        if action.value == record.action:
            return
        change = self.changes.setdefault((record.action, action.value), Change())
        change.all.add(record)
        stricter = action.strictness > Action(record.action).strictness
        here, there = (rules, record.rules) if stricter else (record.rules, rules)
        causes = [name for name in here if name not in there] or here
        for name in causes:
            change.rules.setdefault(name, Found()).add(record)

    def join(self, other: Tally) -> None:
        """Adds what another process counted."""
        if other.records:
            self.first = min(self.first, other.first) if self.records else other.first
            self.last = max(self.last, other.last)
        self.records += other.records
        for actions, change in other.changes.items():
            self.changes.setdefault(actions, Change()).join(change)
        for name, (was, would) in other.held.items():
            before = self.held.get(name, (0, 0))
            self.held[name] = before[0] + was, before[1] + would


def decider(policy: Policy) -> Callable[[Record], Verdict]:
    """Decides records as the policy would have decided the calls."""
    alike = Alike(policy.written)
    known: dict[Key, Verdict] = {}

    def decide(record: Record) -> Verdict:
        decision = policy.decide(*replayable(record), record.id)
        return decision.action, decision.rules, decision.shadow

    def recall(record: Record) -> Verdict:
        key = alike.key(record)
        verdict = known.get(key)
        if verdict is None:
            if len(known) >= MOST_KINDS:
                known.clear()
            verdict = known[key] = decide(record)
        return verdict

    return recall if alike.exact else decide


def count(records: Iterable[Record], policy: Policy) -> Tally:
    """Holds the policy against the records. Raises ``StoreError`` at one that is broken."""
    decide = decider(policy)
    tally = Tally()
    try:
        for record in records:
            try:
                tally.add(record, decide(record))
            except (KeyError, ValueError, TypeError):
                raise StoreError(
                    f"the record of {record.id} names what this Glassgate does not know; read it "
                    "with the one that wrote it"
                ) from None
    except RecordError as error:
        raise StoreError(f"{error}; give an audit database that Glassgate wrote") from None
    return tally


def backtest(source: str, span: Span, resolved: Resolved, processes: int | None = None) -> Tally:
    """Holds the policy against all records of the source, as ``service.store.reader.read`` has it.

    ``processes`` are as many as there are cores, and one where starting others would not pay.
    Raises ``StoreError``, ``PolicyError``.
    """
    policy = compile_policy(resolved)
    processes = processes or _processes(source)
    if processes == 1:
        return count(read(source, span), policy)
    said = resolved.model_dump_json()
    tally = Tally()
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        shares = [replace(span, share=(number, processes)) for number in range(processes)]
        for part in pool.map(partial(_count_share, source, said), shares):
            tally.join(part)
    return tally


def _count_share(source: str, said: str, span: Span) -> Tally:
    return count(read(source, span), compile_policy(Resolved.model_validate_json(said)))


def _processes(source: str) -> int:
    path = Path(source)
    if path.is_file() and path.stat().st_size < SMALL:
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
