"""The workspace of record files: reading ahead, what is told meanwhile, call numbers that stand twice."""

import subprocess
import sys

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given

from csi_service.errors import FileRefusedError
from csi_service.facts.duck import workspace
from csi_service.file_facts import FileFacts, any_twice
from csi_service.ingest.coerce import Zones
from csi_service.ingest.load import Importer
from csi_service.ingest.mapping import Mapping
from csi_service.rollup.places import Scope
from tests.files import make_csv, opened
from tests.make import make_weights

HEADER = ["call_id", "started_at", "answered"]
GOOD = ["c1", "2021-01-05 10:00:00", "Y"]
FEW = st.integers(0, 3)  # so that hashes often agree in a part, and sometimes as a whole


@given(st.lists(st.tuples(FEW, FEW, FEW), max_size=12))
def test_hashes_that_stand_twice_are_found(parts):
    hashes = [(high << 62) + (middle << 32) + low for high, middle, low in parts]
    assert any_twice(np.array(hashes, dtype=np.uint64)) == (len(set(hashes)) < len(hashes))


def test_one_pair_among_a_million_hashes_is_found():
    hashes = np.random.default_rng(5).integers(0, 2**64, 1_000_000, dtype=np.uint64)
    assert not any_twice(hashes)
    hashes[17] = hashes[999_999]
    assert any_twice(hashes)


def test_reading_ahead_gives_the_same_measures(tmp_path):
    path = make_csv(tmp_path / "calls.csv", [HEADER, GOOD, ["c2", "2021-01-06 10:00:00", "N"]])
    weights = make_weights()
    with opened({"calls": path}) as facts:
        with facts.reading_ahead(weights):
            pass
        assert facts.outcomes[0].loaded == 2
        ahead = facts.measures(weights)
    with opened({"calls": path}) as facts:
        assert facts.measures(weights).equals(ahead)


def test_a_file_that_is_damaged_further_down_is_refused_where_the_block_ends(tmp_path):
    path = tmp_path / "calls.parquet"
    columns = zip(*([f"c{n * 7919}", *GOOD[1:]] for n in range(400_000)), strict=True)
    pq.write_table(pa.table({name: list(column) for name, column in zip(HEADER, columns, strict=True)}), path)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 10_000] = bytes(10_000)
    path.write_bytes(data)
    done = []
    damaged = pytest.raises(FileRefusedError, match=r"calls\.parquet: cannot be read to the end")
    with opened({"calls": path}) as facts, damaged, facts.reading_ahead(make_weights()):
        done.append("the block")
    assert done


def test_what_fails_in_the_block_stops_the_reading(tmp_path):
    path = make_csv(tmp_path / "calls.csv", [HEADER, GOOD])
    with opened({"calls": path}) as facts, pytest.raises(KeyboardInterrupt), facts.reading_ahead(make_weights()):
        raise KeyboardInterrupt


def test_nothing_is_read_ahead_without_calls(tmp_path):
    path = make_csv(tmp_path / "complaints.csv", [["complaint_id", "received_at"], ["p1", "2021-01-05 10:00:00"]])
    with opened({"complaints": path}) as facts:
        with facts.reading_ahead(make_weights()):
            pass
        assert facts.measures(make_weights())["complaints_received"].sum() == 1


@pytest.mark.parametrize(
    ("rows", "steps"),
    [
        ([], ["calls"]),
        ([["c2", "2021-01-05T10:00", "Y"]], ["calls", "calls, as text"]),
        ([["c2", "soon", "Y"]], ["calls", "calls, as text", "calls, rejected", "calls, good"]),
        ([["c1", "2021-01-05 10:00:00", "Y"]], ["calls", "calls, rejected", "calls, good"]),
    ],
)
def test_every_reading_tells_how_far_it_has_come(tmp_path, rows, steps):
    told: list[tuple[str, float]] = []
    path = make_csv(tmp_path / "calls.csv", [HEADER, GOOD, *rows])
    with workspace() as (connection, folder):
        importer = Importer(connection, folder, Mapping(), Zones("UTC", "UTC"))
        facts = FileFacts(importer, {"calls": [path]}, Scope(()), lambda step, share: told.append((step, share)))
        facts.measures(make_weights())
    assert list(dict.fromkeys(step for step, _ in told)) == steps
    assert [step for step, share in told if share == 1] == steps


def test_the_command_reads_before_it_loads_pandas():
    script = "import sys, csi_service.cli.score; print({'pandas', 'pyarrow'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"
