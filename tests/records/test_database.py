"""The database itself: how long a writer waits, and what a lost or damaged one means; on both where it makes sense."""

import time

import pytest

from csi_service.errors import DamagedError, StoreBusyError
from csi_service.records import database
from csi_service.records.database import Database, next_revision
from csi_service.store.folder import open_store
from tests.postgresql import fresh_database


@pytest.mark.parametrize("kind", ["writing", "jotting"])
def test_a_writer_waits_for_another_one_for_some_time_only(store, monkeypatch, kind):
    monkeypatch.setattr(database, "_BUSY_SECONDS", 1 if kind == "writing" else 60)
    other = Database(store.database.url.render_as_string(hide_password=False))
    with store.database.writing() as connection:
        next_revision(connection)
        begun = time.monotonic()
        with pytest.raises(StoreBusyError), getattr(other, kind)() as waiting:
            next_revision(waiting)
        waited = time.monotonic() - begun
    other.close()
    assert (waited > 0.9) == (kind == "writing")  # of its second; what may be dropped waits for nobody
    assert waited < 30


def test_a_connection_that_was_lost_in_a_glance_is_opened_anew(postgresql_server, tmp_path):
    kept = open_store(tmp_path / "data", "Asia/Shanghai", fresh_database(postgresql_server)).database
    with kept.reading() as connection:
        kill = f"SELECT pg_terminate_backend({kept.glance('SELECT pg_backend_pid()')[0]})"
        connection.exec_driver_sql(kill)
    with pytest.raises(StoreBusyError):
        _after_the_revision(kept).glance("SELECT 1")
    assert (kept.pulse(), kept.glance("SELECT 1")) == (0, (1,))
    kept.close()


def _after_the_revision(kept: Database) -> Database:
    """The database, whose connection is found lost by the query of the next glance."""
    real = kept._revision
    kept._revision = lambda: setattr(kept, "_revision", real)  # type: ignore[method-assign]
    return kept


def test_a_damaged_file_is_told_as_such_whatever_looks_at_it(tmp_path):
    kept = open_store(tmp_path, "Asia/Shanghai").database
    kept.close()
    for path in tmp_path.glob("csi.sqlite*"):
        path.write_bytes(b"no database" * 1000)
    damaged = Database(str(kept.url))
    for look in (damaged.pulse, lambda: damaged.glance("SELECT 1")):
        with pytest.raises(DamagedError):
            look()
    damaged._watch.close()
