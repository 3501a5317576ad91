from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from detectors.contract.exchange import Stage
from service.policy.model import Action, Decision
from service.store.capture import Capture, Payload, Vault, captures, forget, wanted
from service.store.database import Database, StoreError
from service.store.writer import Limits, Writer
from tests.service.store.samples import REFUSED, record

FIRST, SECOND = bytes(range(32)), bytes(range(32, 64))
ASKED = Payload(
    call=record().id, stage=Stage.REQUEST.value, time=1.0, expires=9.0, data=b"hush, a secret"
)
ANSWERED = replace(ASKED, stage=Stage.RESPONSE.value, data=b"an answer")
PLAIN = Decision(action=Action.FORWARD, policy="p")


@pytest.mark.parametrize(
    ("capture", "decision", "kept"),
    [
        (Capture.NONE, REFUSED, False),
        (Capture.FLAGGED, REFUSED, True),
        (Capture.FLAGGED, replace(PLAIN, shadow=("watched",)), True),
        (Capture.FLAGGED, PLAIN, False),
        (Capture.SAMPLE, PLAIN, True),
    ],
)
def test_whose_payload_is_kept(capture: Capture, decision: Decision, *, kept: bool) -> None:
    assert wanted(capture, decision, "a", share=1.0) is kept


def test_a_sample_is_its_share_and_the_same_each_time() -> None:
    calls = [f"{number:024x}" for number in range(2000)]
    drawn = [wanted(Capture.SAMPLE, PLAIN, call, share=0.1) for call in calls]
    assert 150 < sum(drawn) < 250
    assert drawn == [wanted(Capture.SAMPLE, REFUSED, call, share=0.1) for call in calls]
    assert not any(wanted(Capture.SAMPLE, PLAIN, call, share=0.0) for call in calls)


def test_payload_is_kept_sealed_and_opened_with_the_key(tmp_path: Path) -> None:
    url, vault = f"sqlite:///{tmp_path}/audit.db", Vault([FIRST])
    writer = Writer(Database(url), vault=vault)
    writer.offer(record(), ASKED)
    writer.offer(replace(record(), stage="response"), ANSWERED)
    assert writer.close(60.0) == 0
    assert b"hush" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
    database = Database(url)
    assert list(captures(database, vault, ASKED.call, now=8.0)) == [ASKED, ANSWERED]
    assert list(captures(database, vault, ASKED.call, now=9.0)) == []
    assert list(captures(database, vault, "another", now=8.0)) == []
    database.close()


def test_a_changed_key_opens_the_old_ones_too(url: str) -> None:
    database = Database(url)
    database.insert([], [Vault([FIRST]).seal(ASKED)])
    database.insert([], [Vault([SECOND, FIRST]).seal(ANSWERED)])
    both = list(captures(database, Vault([SECOND, FIRST]), ASKED.call, now=8.0))
    assert both == [ASKED, ANSWERED]
    with pytest.raises(StoreError, match=r"needs the key [0-9a-f]{8}; add it to the keys"):
        list(captures(database, Vault([SECOND]), ASKED.call, now=8.0))
    database.close()


@pytest.mark.parametrize("change", ["expires = 99.0", "stage = 'response'", "request = 'other'"])
def test_a_capture_that_was_changed_does_not_open(url: str, change: str) -> None:
    database, vault = Database(url), Vault([FIRST])
    database.insert([], [vault.seal(ASKED)])
    with database.engine.begin() as connection:
        connection.execute(text(f"UPDATE captures SET {change}"))
        (call,) = connection.execute(text("SELECT request FROM captures")).one()
    with pytest.raises(StoreError, match="was changed since it was sealed"):
        list(captures(database, vault, call, now=8.0))
    database.close()


def test_what_is_forgotten_is_gone(url: str) -> None:
    database, vault = Database(url), Vault([FIRST])
    database.insert([], [vault.seal(ASKED), vault.seal(ANSWERED)])
    assert forget(database, ASKED.call) == 2
    assert forget(database, ASKED.call) == 0
    assert list(captures(database, vault, ASKED.call, now=8.0)) == []
    database.close()


def test_payload_is_left_out_where_there_is_no_room_for_it(tmp_path: Path) -> None:
    database, vault = Database(f"sqlite:///{tmp_path}/audit.db"), Vault([FIRST])
    writer = Writer(database, vault=vault, limits=Limits(payload=len(ASKED.data)))
    large = replace(ASKED, data=b"x" * 1000)
    assert writer.offer(record(), large)
    assert writer.close(60.0) == 0
    assert list(captures(database, vault, ASKED.call, now=8.0)) == []
    database.close()


def test_payload_without_a_key_is_an_error(tmp_path: Path) -> None:
    writer = Writer(Database(f"sqlite:///{tmp_path}/audit.db"))
    with pytest.raises(ValueError, match="with a key only"):
        writer.offer(record(), ASKED)
    assert writer.close() == 0


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("", "AUDIT_KEY: there is no key; make one with `head -c 32 /dev/urandom | base64`"),
        ("hush", "AUDIT_KEY: key 1 is not 32 bytes in base64; make one with"),
        ("hush!", "AUDIT_KEY: key 1 is not 32 bytes in base64"),
        (base64.b64encode(bytes(16)).decode(), "key 1 is not 32 bytes"),
        (base64.b64encode(FIRST).decode() + "\nhush", "key 2 is not 32 bytes"),
    ],
)
def test_what_is_no_key(written: str, says: str) -> None:
    with pytest.raises(StoreError) as error:
        Vault.read(written, "AUDIT_KEY")
    assert says in str(error.value)
    assert "hush" not in str(error.value)


def test_keys_are_read_line_by_line() -> None:
    lines = "\n".join(base64.b64encode(key).decode() for key in (FIRST, SECOND)) + "\n"
    vault = Vault.read(lines, "a file")
    assert vault.open(Vault([SECOND]).seal(ASKED)) == ASKED
    assert Vault([FIRST]).open(vault.seal(ASKED)) == ASKED
