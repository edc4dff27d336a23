"""Values that the CSV reader makes itself: the same as from the text of their cells, or none at all."""

import contextlib
from typing import Any
from unittest import mock

import duckdb
import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings

from csi_service.facts.duck import workspace
from csi_service.ingest import load
from csi_service.ingest.coerce import Zones
from csi_service.ingest.load import Importer, open_all, ready_records
from csi_service.ingest.mapping import Mapping, parse_mapping
from tests.files import make_csv, opened, outcome_of, totals_of
from tests.make import make_weights

HEADER = "call_id,started_at,answered,wait_seconds,transfers"
USUAL = ("2021-01-05 10:00:00", "2021-1-5 9:5:8", "2021-03-28 02:30:00", "2021-1-3 9:58+08:00", "2021-12-30T23:59:59")
ZONES = [("UTC", "UTC"), ("Asia/Shanghai", "Asia/Shanghai"), ("Europe/Berlin", "Europe/Berlin"), ("UTC", "Asia/Tokyo")]
READ = ("started_at", "day", "wait_seconds", "transfers")


def read_both_ways(cells: tuple[str, str, str], zones: Zones) -> tuple[Any, Any]:
    """Return the values of one call, made by the reader (None where it fails or is in doubt) and from its texts."""
    cells = tuple(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in cells)
    with workspace() as (connection, folder):
        path = make_csv(folder / "calls.csv", f"{HEADER}\nc1,{cells[0]},Y,{cells[1]},{cells[2]}\n")
        importer = Importer(connection, folder, Mapping(), zones)
        records = open_all(importer, {"calls": [path]})["calls"]
        ready = ready_records(importer, records)
        made = None
        if ready is not None:
            values = ", ".join(f"any_value({name})" for name in READ)
            with contextlib.suppress(duckdb.Error):
                (found,) = select(connection, f"{ready.doubts(ready.reads)}, {values}", ready.rows)
                made = None if found[0] else found[1:]
        ((*read, good),) = select(connection, f"{', '.join(READ)}, good", records.rows)
    return made, (tuple(read) if good else None)


def select(connection: duckdb.DuckDBPyConnection, columns: str, rows: str) -> list[Any]:
    return connection.execute(f"SELECT {columns} FROM {rows}").fetchall()  # noqa: S608 - our own SQL


def mutated(text: str, changes: list[tuple[int, str, str]]) -> str:
    for place, how, sign in changes:
        at = place % (len(text) + 1)
        text = text[:at] + ("" if how == "drop" else sign) + text[at + (how != "add") :]
    return text


def near(*texts: str, signs: str) -> st.SearchStrategy[str]:
    """Texts that differ from one of these in a few signs."""
    change = st.tuples(st.integers(0, 40), st.sampled_from(["add", "drop", "swap"]), st.sampled_from(signs))
    return st.builds(mutated, st.sampled_from(texts), st.lists(change, max_size=3))


@settings(max_examples=150, deadline=None)
@given(
    near(*USUAL, signs="0123456789 \t\n\r\v\f-:/TZ+.,aPM\u00a0\u3000"),
    near("5", "", "1e3", "-0", ".5", "1_000", "inf", "nan", "1000000000000001", signs="0123456789 \t+-.,eE_x'٣"),
    near("3", "", "2.5", "-1", signs="0123456789 .-e"),
    st.sampled_from(ZONES),
)
@example("2021-01-05 10:00:00\t", "5\t", "", ZONES[1])
@example("2021-01-05 9:5:8", "", "", ZONES[0])
@example("2021-03-28 02:30:00", "", "", ZONES[2])  # an hour that the clock change skips
@example("infinity", "", "", ZONES[0])
@example("0021-01-05 10:00:00", "", "", ZONES[0])
def test_what_the_reader_makes_of_a_cell_is_what_its_text_says(instant, wait, transfers, zones):
    made, read = read_both_ways((instant, wait, transfers), Zones(*zones))
    assert made is None or made == read


@pytest.mark.parametrize(
    ("instant", "wait", "transfers"),
    [("2021-01-05 10:00:00", "5", "1"), ("2021-1-5 9:05:08", "", ""), (" 2021-01-05 10:00:00 ", " 1e3 ", "0.0")],
)
def test_the_usual_cells_are_made_by_the_reader(instant, wait, transfers):
    made, read = read_both_ways((instant, wait, transfers), Zones("UTC", "UTC"))
    assert made == read
    assert read is not None


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        ("", {"started_at", "wait_seconds", "transfers"}),
        ('decimal = ","', {"started_at"}),
        ('blanks = ["-"]', None),
        ("[calls]\ntransfers = { column = 'transfers', values = { few = '1' } }", {"started_at", "wait_seconds"}),
        ("[calls]\nwait_seconds = { column = 'wait_seconds', unit = 'minutes' }", {"started_at", "wait_seconds"}),
        ("[calls]\nwait_seconds = { column = 'wait_seconds', unit = 'mm:ss' }", {"started_at"}),
        ("[calls]\nwait_seconds = { column = 'wait_seconds', blank = '0' }", {"started_at"}),
        ("[calls]\nstarted_at = { column = 'started_at', format = '%d.%m.%Y' }", {"wait_seconds"}),
        ("[calls]\nstarted_at = { date = 'started_at', time = 'answered' }", {"wait_seconds"}),
        ("[calls]\ntalk_seconds = 'wait_seconds'\nwait_seconds = 'wait_seconds'", {"started_at"}),
        ("[calls]\nrows = [{ column = 'wait_seconds', blank = false }]\nwait_seconds = 'wait_seconds'", {"started_at"}),
    ],
)
def test_cells_with_a_rule_of_the_mapping_are_read_as_text(tmp_path, mapping, expected):
    if "[calls]" in mapping:
        named = {"call_id", "started_at", "answered", "wait_seconds"} - {
            line.split(" = ")[0] for line in mapping.splitlines()
        }
        mapping += "".join(f"\n{name} = '{name}'" for name in sorted(named))
    described = parse_mapping(mapping, "mapping") if mapping else Mapping()
    path = make_csv(tmp_path / "calls.csv", f"{HEADER}\nc1,2021-01-05 10:00:00,Y,5,1\n")
    with workspace() as (connection, folder):
        importer = Importer(connection, folder, described, Zones("UTC", "UTC"))
        ready = ready_records(importer, open_all(importer, {"calls": [path]})["calls"])
        assert (ready and set(ready.ready)) == expected


GOOD = "c1,2021-01-05 10:00:00,Y,5,1"


@pytest.mark.parametrize(
    ("rows", "loaded", "rejected"),
    [
        ((), 2, 0),
        (("c3,2021-01-05T10:00:00,Y,5,1",), 3, 0),  # good, but not as the reader expects it
        (("c3,soon,Y,5,1",), 2, 1),
        (("c3,2021-01-05 10:00:00,Y,-5,1",), 2, 1),  # the reader makes it, the bounds refuse it
        (("c3,2021-01-05 10:00:00,Y,5,1.5",), 2, 1),
        (("c3,2021-01-05 10:00:00,?,5,1",), 2, 1),
        (("c3,2021-01-05 10:00:00",), 2, 1),
        ((GOOD.replace(",5,", ",7,"),), 2, 0),  # the later row with the same number
    ],
)
def test_a_file_counts_the_same_whichever_way_it_is_read(tmp_path, rows, loaded, rejected):
    path = make_csv(tmp_path / "calls.csv", "\n".join([HEADER, GOOD, GOOD.replace("c1", "c2"), *rows, ""]))
    found = []
    for way in (ready_records, lambda importer, records: None):
        with mock.patch.object(load, "ready_records", way), opened({"calls": path}) as facts:
            frame = facts.measures(make_weights())
            (outcome,) = facts.outcomes
            found.append((frame.to_dict("list"), outcome))
    assert found[0] == found[1]
    assert (found[0][1].loaded, found[0][1].rejected) == (loaded, rejected)


def test_a_second_set_of_weights_counts_the_same_file_again(tmp_path):
    path = make_csv(tmp_path / "calls.csv", f"{HEADER}\n{GOOD}\nc2,2021-01-05 11:00:00,Y,25,1\n")
    with opened({"calls": path}) as facts:
        for threshold, within in ((20, 1), (30, 2), (20, 1)):
            weights = make_weights({"internal.service_level.threshold_seconds": threshold})
            assert facts.measures(weights)["answered_within_threshold"].sum() == within


def test_a_reader_that_fails_late_leaves_the_whole_file_to_the_texts(tmp_path):
    rows = [f"c{number},2021-01-05 10:00:00,Y,5,1" for number in range(300_000)]
    path = make_csv(tmp_path / "calls.csv", "\n".join([HEADER, *rows, "cx,2021-01-05,N,,", ""]))
    assert totals_of({"calls": path})["contacts_answered"] == 300_000
    assert totals_of({"calls": path})["contacts_abandoned"] == 1


def test_a_number_ends_with_its_line(tmp_path):
    path = make_csv(tmp_path / "calls.csv", f'{HEADER}\nc1,2021-01-05 10:00:00,Y,"5\n6",1\n')
    assert outcome_of({"calls": path}).rejected == 1
