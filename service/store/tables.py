"""The tables as they are now, alike in SQLite and PostgreSQL; ``migrations`` says how they came."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

SCHEMA: Final = MetaData()
# SQLite numbers rows by itself only where the key is called INTEGER.
_NUMBER: Final = BigInteger().with_variant(Integer, "sqlite")

DECISIONS: Final = Table(
    "decisions",
    SCHEMA,
    Column("seq", _NUMBER, primary_key=True, autoincrement=True),
    Column("time", Double, nullable=False),
    Column("request", String(64), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("tenant", String(96), nullable=False),
    Column("action", String(16), nullable=False),
    Column("policy", String(64), nullable=False),
    Column("record", Text, nullable=False),
    UniqueConstraint("request", "stage", name="decisions_once"),
    Index("decisions_time", "time"),
)
"""One row for each decision; ``record`` is all of it, the columns before it are for finding it."""

CAPTURES: Final = Table(
    "captures",
    SCHEMA,
    Column("seq", _NUMBER, primary_key=True, autoincrement=True),
    Column("time", Double, nullable=False),
    Column("expires", Double, nullable=False),
    Column("request", String(64), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("key", String(16), nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    UniqueConstraint("request", "stage", name="captures_once"),
    Index("captures_expires", "expires"),
)
"""Payload, encrypted, where the policy asks for it; ``key`` names the key that opens it."""
