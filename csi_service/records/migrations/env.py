"""How Alembic runs a migration: in the transaction that the program has opened."""

from alembic import context

from csi_service.records.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
    transactional_ddl=False,
)
context.run_migrations()
