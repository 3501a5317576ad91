"""Writes records off the way of requests: a bounded queue, and one thread that empties it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy.exc import DataError, IntegrityError

from service.store.capture import Payload, Vault
from service.store.database import Database, kind
from service.store.record import Record
from service.store.retention import BATCH as PRUNED
from service.store.retention import FOREVER, Retention, prune

_PRUNE_S: Final = 60.0
_AGAIN_S: Final = (0.1, 0.2, 0.5, 1.0)  # after a failure, then the last for ever
_SAY_S: Final = 60.0
_NEVER: Final = (DataError, IntegrityError, TypeError, ValueError, OverflowError)
"""Faults of what is written, which trying again does not mend."""

_log = structlog.get_logger("glassgate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What may wait, and for how long.

    ``records`` and ``payload`` (bytes) bound the queue; more is dropped. A batch is written when
    it has ``batch`` records, or after ``wait_s`` seconds.
    """

    records: int = 10_000
    payload: int = 64 * 1024 * 1024
    batch: int = 500
    wait_s: float = 0.25


ORDINARY: Final = Limits()


@dataclass(frozen=True, slots=True)
class _Entry:
    record: Record
    payload: Payload | None


def uncounted(_: int) -> None:
    """Where nobody counts."""


class Writer:
    """Keeps what it is offered. No fault of the database reaches the one who offers.

    A batch that cannot be written is tried again until it can be. What does not fit in the queue
    meanwhile is dropped and counted, and once a minute the log says so.
    """

    def __init__(
        self,
        database: Database,
        *,
        limits: Limits = ORDINARY,
        retention: Retention = FOREVER,
        vault: Vault | None = None,
        dropped: Callable[[int], None] = uncounted,
    ) -> None:
        """Begins its thread. ``dropped`` is told of each record that is not kept."""
        self._database = database
        self._limits = limits
        self._retention = retention
        self._vault = vault
        self._gap = _Gap(dropped)
        self._waiting: deque[_Entry] = deque()
        self._bytes = 0
        self._under_way = 0
        self._changed = threading.Condition()
        self._ends: float | None = None
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    @property
    def full(self) -> bool:
        """Whether the next record would be dropped: what an operator may refuse requests for."""
        return len(self._waiting) >= self._limits.records

    def offer(self, record: Record, payload: Payload | None = None) -> bool:
        """Whether the record will be written; at once. Its payload is kept if there is room."""
        if payload is not None and self._vault is None:
            raise ValueError("payload is kept with a key only")
        with self._changed:
            taken = self._ends is None and not self.full
            if taken:
                if payload is not None and self._bytes + len(payload.data) > self._limits.payload:
                    payload = None
                    self._gap.lost_payload()
                self._bytes += len(payload.data) if payload is not None else 0
                self._waiting.append(_Entry(record, payload))
                if len(self._waiting) in {1, self._limits.batch}:
                    self._changed.notify()
        if not taken:
            self._gap.lost(1)
        return taken

    def close(self, within_s: float = 5.0) -> int:
        """Writes what waits, for so many seconds at most; says how many records were lost."""
        with self._changed:
            self._ends = time.monotonic() + within_s
            self._changed.notify()
        self._thread.join(within_s + 0.5)
        with self._changed:
            lost = len(self._waiting) + self._under_way
            self._waiting.clear()
        if lost:
            self._gap.lost(lost, at_once=True)
        if not self._thread.is_alive():
            self._database.close()
        return lost

    def _run(self) -> None:
        prune_at = time.monotonic() + _PRUNE_S / 10
        while True:
            batch = self._gather(prune_at)
            if batch and not self._keep(batch):
                return
            if self._ends is not None and not self._waiting:
                return
            if time.monotonic() >= prune_at:
                more = self._prune()
                prune_at = time.monotonic() + (self._limits.wait_s if more else _PRUNE_S)

    def _gather(self, until: float) -> list[_Entry]:
        """The next batch: when it is full, has waited long enough, or all is to end."""
        with self._changed:
            while not self._waiting and self._ends is None and time.monotonic() < until:
                self._changed.wait(max(0.0, until - time.monotonic()))
            deadline = time.monotonic() + self._limits.wait_s
            while 0 < len(self._waiting) < self._limits.batch and self._ends is None:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            size = min(len(self._waiting), self._limits.batch)
            batch = [self._waiting.popleft() for _ in range(size)]
            self._bytes -= sum(len(e.payload.data) for e in batch if e.payload is not None)
            self._under_way = size
            return batch

    def _keep(self, batch: Sequence[_Entry]) -> bool:
        """Writes a batch, however long it takes; False if all ended before it could."""
        tries = 0
        while (fault := self._written(batch)) is not None:
            self._gap.failed(fault, waiting=len(self._waiting) + len(batch))
            pause = _AGAIN_S[min(tries, len(_AGAIN_S) - 1)]
            tries += 1
            if self._ends is not None and time.monotonic() + pause > self._ends:
                return False
            time.sleep(pause)
        with self._changed:
            self._under_way = 0
        self._gap.over()
        return True

    def _written(self, batch: Sequence[_Entry]) -> str | None:
        """None, or why the database does not take it now. What it would never take is lost."""
        try:
            if self._insert(batch):
                _log.error("the audit database was gone and is begun anew", where=self._where)
        except _NEVER as error:
            if len(batch) > 1:
                half = len(batch) // 2
                return self._written(batch[:half]) or self._written(batch[half:])
            self._gap.lost(1, kind(error))
        except Exception as error:  # noqa: BLE001 - whatever a database meets, it may pass
            self._database.close()
            return kind(error)
        return None

    def _insert(self, batch: Sequence[_Entry]) -> bool:
        payloads = (entry.payload for entry in batch if entry.payload is not None)
        sealed = [self._vault.seal(each) for each in payloads] if self._vault is not None else []
        return self._database.insert([row(entry.record) for entry in batch], sealed)

    def _prune(self) -> bool:
        """Deletes what is past its time; whether more is left to delete."""
        try:
            self._database.ready()
            return prune(self._database, self._retention, time.time()) >= PRUNED
        except Exception as error:  # noqa: BLE001 - as in writing
            self._database.close()
            self._gap.failed(kind(error), waiting=len(self._waiting))
            return False

    @property
    def _where(self) -> str:
        return self._database.name


class _Gap:
    """What was lost and why, told no more than once a minute. Thread-safe."""

    def __init__(self, dropped: Callable[[int], None]) -> None:
        self._dropped = dropped
        self._lock = threading.Lock()
        self._records = self._payloads = 0
        self._fault = ""
        self._said = -_SAY_S
        self._told = False

    def lost(self, records: int, why: str = "", *, at_once: bool = False) -> None:
        self._dropped(records)
        with self._lock:
            self._records += records
            self._say(0, why, at_once=at_once)

    def lost_payload(self) -> None:
        with self._lock:
            self._payloads += 1
            self._say(0)

    def failed(self, fault: str, waiting: int) -> None:
        with self._lock:
            self._fault = fault
            self._say(waiting)

    def over(self) -> None:
        """The database takes records again: said if it had been said that it does not."""
        with self._lock:
            if self._told:
                _log.warning("audit records are written again", dropped=self._records)
                self._records = self._payloads = 0
            self._fault, self._told = "", False

    def _say(self, waiting: int, why: str = "", *, at_once: bool = False) -> None:
        now = time.monotonic()
        if now - self._said < _SAY_S and not at_once:
            return
        self._said, self._told = now, bool(self._fault)
        _log.error(
            "audit records are not written",
            fault=why or self._fault or "more came than can be written",
            dropped=self._records,
            payloads_dropped=self._payloads,
            waiting=waiting,
        )


def row(record: Record) -> dict[str, object]:
    """The row of the table ``decisions``."""
    return {
        "time": record.time,
        "request": record.id,
        "stage": record.stage,
        "tenant": record.tenant,
        "action": record.action,
        "policy": record.policy,
        "record": record.to_json(),
    }
