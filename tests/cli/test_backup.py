"""csi backup, csi restore and csi doctor as an operator meets them."""

import pytest

from csi_service.store.folder import open_store
from csi_service.store.parts import fold_posted, read_parts
from tests.cli.terminal import complaint, csi
from tests.store.kept import call, put


@pytest.fixture
def data(tmp_path):
    """Return a data folder with one call in a file."""
    store = open_store(tmp_path / "data", "Asia/Shanghai")
    put(store, "calls", call("C1", "2026-03-02 09:00"))
    fold_posted(store)
    store.database.close()
    return tmp_path / "data"


def test_there_and_back(data, tmp_path):
    made = csi("backup", tmp_path / "kept.tar", "--data", data)
    assert (made.code, made.err) == (0, "")
    assert made.out.startswith(f"{tmp_path}/kept.tar: write 2 of 20")
    assert ", 1 files of calls, " in made.out
    restored = csi("restore", tmp_path / "kept.tar", "--data", tmp_path / "again")
    assert (restored.code, restored.err) == (0, "")
    assert restored.out.startswith(f"{tmp_path}/again: write 2 of ")
    healthy = csi("doctor", "--data", tmp_path / "again")
    assert healthy.code == 0
    assert "good   files of calls    1 days, 1 calls; every value can be read" in healthy.out


def test_another_time_zone_is_told(data, tmp_path):
    csi("backup", tmp_path / "kept", "--data", data)
    restored = csi("restore", tmp_path / "kept", "--data", tmp_path / "again", CSI_TIME_ZONE="UTC")
    assert restored.code == 0
    assert restored.err == "Its days are cut in Asia/Shanghai: set CSI_TIME_ZONE to that.\n"


def test_a_place_that_is_not_empty_is_refused(data, tmp_path):
    csi("backup", tmp_path / "kept", "--data", data)
    assert "is not an empty folder" in complaint(csi("restore", tmp_path / "kept", "--data", data))
    assert "is there already" in complaint(csi("backup", tmp_path / "kept", "--data", data))


def test_doctor_names_a_damaged_file_and_ends_with_2(data):
    store = open_store(data, "Asia/Shanghai")
    with store.database.reading() as connection:
        name = read_parts(connection)[0].file
    store.database.close()
    (data / "calls" / name).write_bytes(b"PAR1")
    for options in ((), ("--fast",)):
        ran = csi("doctor", "--data", data, *options)
        assert ran.code == 2
        assert f"FAULT  files of calls    {name}: " in ran.out
        assert ran.err.endswith(f"found in {data}\n")
        assert "Traceback" not in ran.err
