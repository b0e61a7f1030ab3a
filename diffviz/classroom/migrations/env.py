"""Run by Alembic: migrates on the connection that `diffviz.classroom.database` hands over, in its transaction."""

from __future__ import annotations

from alembic import context

from diffviz.classroom.schema import SCHEMA

context.configure(
    connection=context.config.attributes["connection"], target_metadata=SCHEMA, transactional_ddl=True
)
with context.begin_transaction():
    context.run_migrations()
