"""Calls looked up in the days' files, few of them and many."""

import datetime as dt

import pyarrow.parquet as pq
import pytest

from csi_service.errors import DamagedError
from csi_service.facts.duck import workspace
from csi_service.facts.partitions import COLUMNS, calls_in, write_part

FIRST = dt.date(2026, 3, 1)
NAMES = list(COLUMNS)


def made(folder, days):
    """Return the parts of as many days, each with two calls."""
    parts = []
    with workspace() as (duck, _):
        for number in range(days):
            day = FIRST + dt.timedelta(days=number)
            known = {
                "call_id": f"'C{number}-' || i",
                "started_at": f"TIMESTAMP '{day} 01:02:03.25'",
                "answered": "i = 0",
                "team": "'呼入'",
                "wait_seconds": "i + 0.5",
                "day": f"DATE '{day}'",
            }
            columns = [f"CAST({known.get(name, 'NULL')} AS {type_}) AS {name}" for name, type_ in COLUMNS.items()]
            query = f"FROM range(2) AS r(i) SELECT {', '.join(columns)}"  # as DuckDB lets one write it
            parts.append(write_part(duck, query, folder, day, "t"))
    return parts


def test_a_call_is_found_with_its_values(tmp_path):
    (found,) = calls_in(tmp_path, made(tmp_path, 1), ["C0-1", "C0-2"], NAMES)
    blank = dict.fromkeys(NAMES)
    assert found == blank | {
        "call_id": "C0-1",
        "started_at": dt.datetime.fromisoformat("2026-03-01T01:02:03.250"),
        "answered": False,
        "team": "呼入",
        "wait_seconds": 1.5,
        "day": FIRST,
    }


def test_many_files_tell_the_same_as_few(tmp_path):
    parts = made(tmp_path, 9)  # one more than are read straight
    calls = ["C0-0", "C3-1", "C8-0", "nowhere"]
    many = calls_in(tmp_path, parts, calls, NAMES)
    few = [row for part in parts for row in calls_in(tmp_path, [part], calls, NAMES)]
    assert sorted(row["call_id"] for row in many) == ["C0-0", "C3-1", "C8-0"]
    assert sorted(many, key=lambda row: row["call_id"]) == few


def test_calls_are_found_in_every_group_of_rows_of_a_large_file(tmp_path):
    (part,) = made(tmp_path, 1)
    path = tmp_path / part.file
    pq.write_table(pq.read_table(path), path, row_group_size=1)  # DuckDB begins a new one after 122,880 rows
    assert [row["call_id"] for row in calls_in(tmp_path, [part], ["C0-1", "C0-0"], NAMES)] == ["C0-0", "C0-1"]
    assert [row["wait_seconds"] for row in calls_in(tmp_path, [part], ["C0-1"], NAMES)] == [1.5]


def test_in_no_file_is_no_call(tmp_path):
    assert calls_in(tmp_path, [], ["C0-0"], NAMES) == []


@pytest.mark.parametrize("days", [1, 9])
@pytest.mark.parametrize("content", [None, b"PAR1 cut off"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, days, content):
    parts = made(tmp_path, days)
    path = tmp_path / parts[0].file
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DamagedError, match=r"2026-03-01\.t\.parquet"):
        calls_in(tmp_path, parts, ["C0-0"], NAMES)
