"""Payload, kept only where a policy says so: encrypted with AES-256-GCM, and for a time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import delete, select

from service.policy.engine import drawn
from service.policy.fields import Capture, Capturing
from service.store.database import Database, StoreError
from service.store.tables import CAPTURES

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12  # NIST SP 800-38D recommends 96 bits
_FIX: Final = "make one with `head -c 32 /dev/urandom | base64`"


def wanted(capturing: Capturing, call: str, *, flagged: bool) -> bool:
    """Whether the payload of the call with this id is to be kept, if rules matched it or not.

    A call is sampled by its id, so that its request and its answer are kept together.
    """
    match capturing.of:
        case Capture.NONE:
            return False
        case Capture.FLAGGED:
            return flagged
        case Capture.SAMPLE:
            return drawn("capture", call) < (capturing.share or 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """A body to keep until ``expires``, in seconds since 1970."""

    call: str
    stage: str
    time: float
    expires: float
    data: bytes


class Vault:
    """Seals payload with the first of its keys, and opens what any of them sealed.

    To change the key put a new one first, and drop the old when what it sealed has expired.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        """``keys`` are of 32 bytes each. Raises ``StoreError`` if there is none, or one is not."""
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise StoreError(f"a key for captures has {KEY_BYTES} bytes; {_FIX}")
        self._keys = {_name(key): AESGCM(key) for key in keys}
        self._first = _name(keys[0])

    @classmethod
    def read(cls, text: str, where: str) -> Vault:
        """The keys in a text, one in base64 on each line; ``where`` says in messages whence it is.

        Raises:
            StoreError: a line is no key, or there is none. It does not quote the line.
        """
        keys = []
        for number, line in enumerate(text.split(), start=1):
            try:
                key = base64.b64decode(line, validate=True)
            except binascii.Error:
                key = b""
            if len(key) != KEY_BYTES:
                raise StoreError(
                    f"{where}: key {number} is not {KEY_BYTES} bytes in base64; {_FIX}"
                )
            keys.append(key)
        if not keys:
            raise StoreError(f"{where}: there is no key; {_FIX}")
        return cls(keys)

    def seal(self, payload: Payload) -> dict[str, object]:
        """The row of the table ``captures``."""
        nonce = os.urandom(_NONCE_BYTES)
        bound = _bound(payload.call, payload.stage, payload.expires)
        return {
            "time": payload.time,
            "expires": payload.expires,
            "request": payload.call,
            "stage": payload.stage,
            "key": self._first,
            "nonce": nonce,
            "sealed": self._keys[self._first].encrypt(nonce, payload.data, bound),
        }

    def open(self, row: Mapping[str, object]) -> Payload:
        """The payload of a row. Raises ``StoreError`` if no key here opens it."""
        call, stage = str(row["request"]), str(row["stage"])
        time, expires = float(str(row["time"])), float(str(row["expires"]))
        key = self._keys.get(str(row["key"]))
        if key is None:
            raise StoreError(
                f"the capture of {call} needs the key {row['key']}; add it to the keys"
            )
        nonce, sealed = row["nonce"], row["sealed"]
        if not isinstance(nonce, bytes) or not isinstance(sealed, bytes):
            raise StoreError(f"the capture of {call} is not whole; delete it")
        try:
            data = key.decrypt(nonce, sealed, _bound(call, stage, expires))
        except InvalidTag:
            raise StoreError(f"the capture of {call} was changed since it was sealed") from None
        return Payload(call=call, stage=stage, time=time, expires=expires, data=data)


def vault(key: str, file: Path | None) -> Vault | None:
    """What payload is sealed with, by the settings; None where neither is given.

    Raises:
        StoreError: the file cannot be read, or there is something else than keys.
    """
    if file is None:
        return Vault.read(key, "GLASSGATE_AUDIT_KEY") if key else None
    try:
        text = file.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise StoreError(
            f"GLASSGATE_AUDIT_KEY_FILE: {file} cannot be read: {error.strerror}; check the path "
            "and its rights"
        ) from None
    return Vault.read(text, "GLASSGATE_AUDIT_KEY_FILE")


def captures(database: Database, vault: Vault, call: str, now: float) -> Iterator[Payload]:
    """The payload kept of a call that has not expired at ``now``, in the order of its stages."""
    chosen = select(CAPTURES).where(CAPTURES.c.request == call, CAPTURES.c.expires > now)
    with database.engine.connect() as connection:
        rows = connection.execute(chosen.order_by(CAPTURES.c.seq)).mappings().all()
    for row in rows:
        yield vault.open({**row})


def forget(database: Database, call: str) -> int:
    """Deletes the payload kept of a call at once; the record of what was decided stays."""
    with database.engine.begin() as connection:
        return connection.execute(delete(CAPTURES).where(CAPTURES.c.request == call)).rowcount


def _name(key: bytes) -> str:
    """Names a key without telling it."""
    return hashlib.sha256(b"glassgate capture key" + key).hexdigest()[:8]


def _bound(call: str, stage: str, expires: float) -> bytes:
    """What a capture is bound to: moved to another row, or given more time, it does not open."""
    return f"{call}\n{stage}\n{expires!r}".encode()
