from __future__ import annotations

from dataclasses import replace

import pytest

from service.store.capture import Payload, Vault
from service.store.database import Database
from service.store.reader import keep, read
from service.store.record import Record
from service.store.retention import BATCH, Retention, prune
from tests.service.store.samples import BEGUN, record

DAY_S = 86400.0


@pytest.mark.parametrize(
    ("retention", "left"),
    [
        (Retention(), range(10)),
        (Retention(rows=4), range(6, 10)),
        (Retention(rows=0), range(0)),
        (Retention(rows=10), range(10)),
        (Retention(days=5), range(5, 10)),
        (Retention(days=100), range(10)),
        (Retention(days=5, rows=2), range(8, 10)),
        (Retention(days=2, rows=9), range(8, 10)),
    ],
)
def test_what_is_kept(url: str, retention: Retention, left: range) -> None:
    database = Database(url)
    keep(database, [daily(number) for number in range(10)])
    gone = prune(database, retention, now=BEGUN + 10 * DAY_S)
    assert gone == 10 - len(left)
    assert prune(database, retention, now=BEGUN + 10 * DAY_S) == 0
    database.close()
    assert [int(each.id, 16) for each in read(url)] == list(left)


def test_little_is_deleted_at_once(url: str) -> None:
    database = Database(url)
    keep(database, [record(number) for number in range(2 * BATCH + 5)])
    assert [prune(database, Retention(rows=3), now=BEGUN) for _ in range(4)] == [BATCH, BATCH, 2, 0]
    database.close()


def test_captures_go_when_they_expire(url: str) -> None:
    database, vault = Database(url), Vault([bytes(32)])
    for number in range(4):
        payload = Payload(
            call=f"{number}", stage="request", time=0.0, expires=float(number), data=b"x"
        )
        database.insert([], [vault.seal(payload)])
    assert [prune(database, Retention(), now=now) for now in (0.0, 2.0, 2.5)] == [1, 2, 0]
    database.close()


def daily(number: int) -> Record:
    return replace(record(number), time=BEGUN + number * DAY_S)
