from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from detectors.contract.exchange import Stage
from service.policy.fields import Capture, Capturing
from service.store.capture import Payload, Vault, captures, forget, vault, wanted
from service.store.database import Database, StoreError
from service.store.writer import Limits, Writer
from tests.service.store.samples import record

FIRST, SECOND = bytes(range(32)), bytes(range(32, 64))
ASKED = Payload(
    call=record().id, stage=Stage.REQUEST.value, time=1.0, expires=9.0, data=b"hush, a secret"
)
ANSWERED = replace(ASKED, stage=Stage.RESPONSE.value, data=b"an answer")


@pytest.mark.parametrize(
    ("capture", "flagged", "kept"),
    [
        (Capturing(), True, False),
        (Capturing(of=Capture.FLAGGED), True, True),
        (Capturing(of=Capture.FLAGGED), False, False),
        (Capturing(of=Capture.SAMPLE, share=1.0), False, True),
    ],
)
def test_whose_payload_is_kept(capture: Capturing, *, flagged: bool, kept: bool) -> None:
    assert wanted(capture, "a", flagged=flagged) is kept


def test_a_sample_is_its_share_and_the_same_each_time() -> None:
    tenth = Capturing(of=Capture.SAMPLE, share=0.1)
    calls = [f"{number:024x}" for number in range(2000)]
    kept = [wanted(tenth, call, flagged=False) for call in calls]
    assert 150 < sum(kept) < 250
    assert kept == [wanted(tenth, call, flagged=True) for call in calls]


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


def test_keys_come_from_a_text_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("\n".join(base64.b64encode(key).decode() for key in (SECOND, FIRST)))
    sealed = Vault([FIRST]).seal(ASKED)
    for given in (vault(base64.b64encode(FIRST).decode(), None), vault("", file)):
        assert given is not None
        assert given.open(sealed) == ASKED
    assert vault("", None) is None


@pytest.mark.parametrize(
    ("key", "file", "says"),
    [
        ("secret", None, r"^GLASSGATE_AUDIT_KEY: key 1 is not 32 bytes in base64; make one with"),
        ("", "nowhere", r"^GLASSGATE_AUDIT_KEY_FILE: \S+nowhere cannot be read: No such file"),
        ("", "empty", r"^GLASSGATE_AUDIT_KEY_FILE: there is no key; make one with"),
    ],
)
def test_a_wrong_key_is_named_and_not_told(
    key: str, file: str | None, says: str, tmp_path: Path
) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(StoreError, match=says) as raised:
        vault(key, tmp_path / file if file else None)
    assert "secret" not in str(raised.value)
