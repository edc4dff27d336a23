"""Lives here: the schema's versions, forwards only, the same on SQLite and PostgreSQL.

May import: what records may.
Never: a change of a version that was released.
"""

import logging
from pathlib import Path

import sqlalchemy as sa

from csi_service.core.told import Told
from csi_service.errors import SettingsError
from csi_service.records.database import Database
from csi_service.records.tables import METADATA

_HERE = Path(__file__).parent


def known() -> list[str]:
    """Return the versions that this program knows, the oldest first (the files' names begin with them)."""
    return sorted(path.name.partition("_")[0] for path in (_HERE / "versions").glob("[0-9]*.py"))


def newest() -> str:
    """Return the version that this program works with."""
    return known()[-1]


def version_of(connection: sa.Connection) -> str | None:
    """Return the version of a database's schema; None where it has none as yet."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return found


def migrate(database: Database) -> None:
    """Bring the schema up to this program's version; nothing happens where it is there already.

    Raises:
        SettingsError: the schema is of a newer program.
    """
    with database.reading() as connection:
        found = version_of(connection)
    if found == newest():
        return
    if found is not None and found not in known():
        raise SettingsError(
            Told(
                "the database is of version {found}, which a newer csi wrote; this one knows {newest}",
                found=found,
                newest=newest(),
            )
        )
    with database.writing() as connection:
        if version_of(connection) != newest():  # another process may have been faster
            upgrade(connection)


def upgrade(connection: sa.Connection) -> None:
    """Do as `migrate` within the caller's write."""
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)  # a dozen lines that tell nothing
    from alembic import command  # takes a third of a start, and is needed at the first one only
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def differences(connection: sa.Connection) -> list[str]:
    """Return what distinguishes a database's schema from the tables of the code; nothing where all is well."""
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    context = MigrationContext.configure(connection, opts={"compare_type": False})
    return [str(found) for found in compare_metadata(context, METADATA)]
