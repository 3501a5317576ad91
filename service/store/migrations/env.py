"""Run by Alembic: brings the database behind a given connection to the asked revision."""

from __future__ import annotations

from alembic import context

from service.store.tables import SCHEMA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SCHEMA,
    version_table=context.config.attributes["version_table"],
)
with context.begin_transaction():
    context.run_migrations()
