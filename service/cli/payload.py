"""``glassgate payload``: what was captured of a call, for whoever has the key."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer

from service.settings import Settings, SettingsError
from service.store.capture import Payload, captures, vault
from service.store.capture import forget as forgotten
from service.store.database import Database, StoreError


def payload(
    call: Annotated[str, typer.Argument(help="A call's `x-glassgate-id`.")],
    forget: Annotated[bool, typer.Option("--forget", help="Delete it instead.")] = False,
) -> None:
    """Print the bodies that were captured of a call, one JSON object a line, or delete them."""
    settings = Settings.read()
    if not settings.audit:
        raise SettingsError("GLASSGATE_AUDIT: name the audit database that holds the captures")
    database = Database(settings.audit, read_only=not forget)
    try:
        database.check()
        if forget:
            typer.echo(f"{forgotten(database, call)} deleted")
            return
        keys = vault(settings.audit_key.get_secret_value(), settings.audit_key_file)
        if keys is None:
            raise SettingsError("GLASSGATE_AUDIT_KEY: give the key that sealed the captures")
        found = list(captures(database, keys, call, time.time()))
    finally:
        database.close()
    if not found:
        raise StoreError(f"nothing is kept of {call}: not captured, expired, or another database")
    for each in found:
        typer.echo(_line(each))


def _line(kept: Payload) -> str:
    body = kept.data.decode("utf-8", errors="replace")
    told = {"stage": kept.stage, "time": kept.time, "expires": kept.expires, "body": body}
    return json.dumps(told, ensure_ascii=False)
