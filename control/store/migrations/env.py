"""Alembic's entry: the connection is handed in by ``control.store.migrate``; there is no offline mode."""

from alembic import context

from control.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_type=True,
    render_as_batch=True,  # SQLite alters a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
