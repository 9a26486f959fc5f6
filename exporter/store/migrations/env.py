"""Run migrations over the connection that `exporter.store.database.migrate` hands in."""

from alembic import context

from exporter.store import schema

context.configure(connection=context.config.attributes["connection"], target_metadata=schema.metadata)

with context.begin_transaction():
    context.run_migrations()
