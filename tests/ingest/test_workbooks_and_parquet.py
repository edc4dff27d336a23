"""XLSX workbooks and Parquet files: cells of any type, odd layouts, and files made to harm."""

# ruff: noqa: DTZ001 - cells hold local times

import datetime as dt
import zipfile

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from csi_service.errors import FileRefusedError
from tests.files import make_xlsx, measures_of, opened, outcome_of, totals_of

HEADER = ["call_id", "started_at", "answered"]
AT = "2021-01-05 10:00:00"
MAPPING = """
    [calls]
    call_id = "call_id"
    started_at = { date = "day", time = "time" }
    answered = "answered"
    talk_seconds = { column = "talk", unit = "hh:mm:ss" }
    wait_seconds = "wait"
"""


def kept(path, mapping, names) -> list[tuple[str | None, ...]]:
    """Return fields of the good calls, as texts, in the order of their numbers."""
    texts = ", ".join(f"CAST({name} AS VARCHAR)" for name in names)
    query = f"SELECT {texts} FROM calls_rows WHERE good ORDER BY call_id"  # noqa: S608 - our own names
    with opened({"calls": path}, mapping) as facts:
        return facts._connection.execute(query).fetchall()


def lines_of(outcome) -> list[int | None]:
    return [reject.line for reject in outcome.rejects]


def test_title_rows_with_merged_cells_above_the_header_are_passed_over_and_rows_keep_their_numbers(tmp_path):
    book = openpyxl.Workbook()
    book.active["A1"] = "Calls of January"
    book.active.merge_cells("A1:C1")
    for row in ([None], HEADER, ["c1", AT, "Y"], [None], ["c2", "x", "Y"], ["c3", AT, "?", "note beside the table"]):
        book.active.append(row)
    book.save(tmp_path / "calls.xlsx")
    outcome = outcome_of({"calls": tmp_path / "calls.xlsx"})
    assert (outcome.loaded, lines_of(outcome)) == (1, [6, 7])


def test_the_header_row_is_searched_with_the_columns_of_all_kinds_of_the_file(tmp_path):
    path = make_xlsx(tmp_path / "both.xlsx", [["id", "note"], ["id", "at", "answered", "score"], ["c1", AT, "Y", 5]])
    mapping = """
        [calls]
        call_id = "id"
        started_at = "at"
        answered = "answered"
        [surveys]
        from = "calls"
        survey_id = "id"
        answered_at = "at"
        channel = { constant = "ivr" }
        scale = { constant = "5" }
        score = "score"
    """
    assert outcome_of({"calls": path}, mapping).loaded == 1


def test_cells_of_every_type_are_read_as_a_csv_export_would_write_them(tmp_path):
    rows = [
        ["call_id", "day", "time", "answered", "talk", "wait"],
        [17, dt.datetime(2021, 1, 5), dt.time(10, 1, 2), True, dt.time(0, 2, 3), 12],
        ["c2", dt.date(2021, 1, 5), dt.time(10, 1, 2, 500_000), 1, dt.timedelta(hours=30, seconds=2.5), "12"],
        [" c3 ", "2021-01-05", "10:01:02", "是", "00:01:00", 12.5],
        ["c4", "2021-01-05", "10:01:02", "Y", 60, "12,5"],
    ]
    path = make_xlsx(tmp_path / "calls.xlsx", rows)
    outcome = outcome_of({"calls": path}, MAPPING)
    assert (outcome.loaded, outcome.rejected) == (3, 1)
    assert outcome.rejects[0].columns == ("wait", "talk")
    assert outcome.rejects[0].values == ("12,5", "60")
    assert kept(path, MAPPING, ("call_id", "started_at", "answered", "talk_seconds", "wait_seconds")) == [
        ("17", "2021-01-05 10:01:02", "true", "123.0", "12.0"),  # 2 x 60 + 3
        ("c2", "2021-01-05 10:01:02.5", "true", "108002.5", "12.0"),  # 30 x 3600 + 2.5
        ("c3", "2021-01-05 10:01:02", "true", "60.0", "12.5"),
    ]


def test_a_decimal_comma_holds_for_text_cells_and_number_cells_alike(tmp_path):
    rows = [["call_id", "started_at", "answered", "talk_seconds"], ["c1", AT, "Y", 12.5], ["c2", AT, "Y", "12,5"]]
    path = make_xlsx(tmp_path / "calls.xlsx", [*rows, ["c3", AT, "Y", "1.250"]])
    outcome = outcome_of({"calls": path}, 'decimal = ","')
    assert lines_of(outcome) == [4]  # thousands or a fraction: nobody can tell
    assert totals_of({"calls": path}, 'decimal = ","')["handle_seconds"] == 25


def test_formula_looking_cells_are_text(tmp_path):
    rows = [["call_id", "started_at", "answered", "team"], ["'=1+1", AT, "Y", "=cmd()"]]
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cell in book.active[2]:
        cell.data_type = "s"
    book.save(tmp_path / "calls.xlsx")
    assert kept(tmp_path / "calls.xlsx", "", ("call_id", "team")) == [("'=1+1", "=cmd()")]


def test_a_cell_in_the_last_corner_of_the_sheet_does_no_harm(tmp_path):
    book = openpyxl.Workbook()
    for row in (HEADER, ["c1", AT, "Y"]):
        book.active.append(row)
    book.active["XFD1048576"] = "x"
    book.save(tmp_path / "calls.xlsx")
    assert outcome_of({"calls": tmp_path / "calls.xlsx"}).loaded == 1


def test_a_wide_sheet_is_read_to_its_last_column_and_refused_when_too_wide(tmp_path):
    wide = [f"k{number}" for number in range(1200)]
    path = make_xlsx(tmp_path / "calls.xlsx", [wide + HEADER, [None] * 1200 + ["c1", AT, "Y"]])
    assert outcome_of({"calls": path}).loaded == 1
    with pytest.raises(FileRefusedError, match="has more than 2,000 columns"):
        outcome_of({"calls": make_xlsx(tmp_path / "wider.xlsx", [HEADER + wide + wide, ["c1", AT, "Y"]])})


def rezip(path, changed) -> None:
    """Write a workbook anew with some of its parts changed."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()} | changed
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


SHEET = "xl/worksheets/sheet1.xml"
LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha">' + b"".join(
    b'<!ENTITY %c "%s">' % (97 + n, b"&%c;" % (96 + n) * 20) for n in range(1, 9)
)
LAUGHS += b'] ><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
LAUGHS += b'<row r="1"><c t="inlineStr"><is><t>&i;</t></is></c></row></sheetData></worksheet>'


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda path: path.write_bytes(b"PK\x03\x04"), "is not a readable XLSX workbook"),
        (lambda path: path.write_bytes(path.read_bytes()[:-200]), "is not a readable XLSX workbook"),
        (lambda path: rezip(path, {SHEET: b"0" * 300 * 2**20}), "unpacks to 300 MiB"),
        (lambda path: rezip(path, {SHEET: b"<worksheet><sheetData><row>"}), "is not a readable XLSX workbook"),
        (lambda path: rezip(path, {SHEET: LAUGHS}), "is not a readable XLSX workbook"),
        (lambda path: rezip(path, {"xl/workbook.xml": b"<x/>"}), "calls.xlsx: "),
    ],
)  # fmt: skip
def test_a_workbook_made_to_harm_is_refused(tmp_path, harm, message):
    path = make_xlsx(tmp_path / "calls.xlsx", [HEADER, ["c1", AT, "Y"]])
    harm(path)
    with pytest.raises(FileRefusedError, match=message):
        outcome_of({"calls": path})


def test_a_zip_that_is_no_workbook_an_empty_one_and_a_missing_sheet_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("a.txt", "x")
    make_xlsx(tmp_path / "b.xlsx", [])
    make_xlsx(tmp_path / "c.xlsx", [HEADER, ["c1", AT, "Y"]])
    with pytest.raises(FileRefusedError, match="is not a readable XLSX workbook"):
        outcome_of({"calls": tmp_path / "a.xlsx"})
    with pytest.raises(FileRefusedError, match="is empty or ends before its header"):
        outcome_of({"calls": tmp_path / "b.xlsx"})
    with pytest.raises(FileRefusedError, match="has no sheet 'Other' with cells; it has Sheet"):
        outcome_of({"calls": tmp_path / "c.xlsx"}, 'sheet = "Other"')
    with pytest.raises(FileRefusedError, match="ends before its header"):
        outcome_of({"calls": tmp_path / "c.xlsx"}, "header_row = 7")
    assert outcome_of({"calls": tmp_path / "c.xlsx"}, 'sheet = "Sheet"\nheader_row = 1').loaded == 1


def make_parquet(path, **columns):
    pq.write_table(pa.table(columns), path)
    return path


def test_parquet_of_other_types_is_read(tmp_path):
    path = make_parquet(
        tmp_path / "calls.parquet",
        call_id=[1, 2, 3],
        started_at=[dt.datetime(2021, 1, 5, 23, 30), dt.datetime(2021, 1, 6), dt.datetime(2021, 1, 6, 0, 0, 0, 5)],
        answered=[1, 0, 1],
        wait_seconds=pa.array(["5", "x", None]),
        talk_seconds=[1.5, 2.0, 3.25],
        team=pa.array(["a", "b", "a"]).dictionary_encode(),
        notes=[[1], [2], [3]],
    )
    outcome = outcome_of({"calls": path})
    assert (outcome.loaded, lines_of(outcome), outcome.ignored_columns) == (2, [2], ["notes"])
    assert totals_of({"calls": path})["handle_seconds"] == 4.75


def test_parquet_instants_with_a_zone_are_instants_and_those_without_are_local(tmp_path):
    instant = dt.datetime(2021, 1, 5, 16, 30)
    for name, type_, day in (("utc", pa.timestamp("us", tz="UTC"), 6), ("local", pa.timestamp("us"), 5)):
        path = make_parquet(
            tmp_path / f"{name}.parquet", call_id=["c"], started_at=pa.array([instant], type_), answered=[True]
        )
        assert measures_of({"calls": path}, zone="Asia/Shanghai")["day"].iloc[0].day == day


def test_parquet_that_cannot_be_used_is_refused(tmp_path):
    usual = {"started_at": [dt.date(2021, 1, 5)] * 9000, "answered": ["Y"] * 9000}
    nested = make_parquet(tmp_path / "nested.parquet", call_id=[[1]] * 9000, **usual)
    with pytest.raises(FileRefusedError, match="call_id holds lists or structures"):
        outcome_of({"calls": nested})
    twice = pa.Table.from_arrays([pa.array(["1"])] * 4, names=["call_id", "started_at", "answered", "answered"])
    pq.write_table(twice, tmp_path / "twice.parquet")
    with pytest.raises(FileRefusedError, match="the column answered more than once"):
        outcome_of({"calls": tmp_path / "twice.parquet"})
    whole = make_parquet(tmp_path / "whole.parquet", call_id=[f"c{number * 7919}" for number in range(9000)], **usual)
    data = whole.read_bytes()
    (tmp_path / "cut.parquet").write_bytes(data[:-40])
    (tmp_path / "magic.parquet").write_bytes(b"PAR1")
    (tmp_path / "damaged.parquet").write_bytes(data[:3000] + bytes(600) + data[3600:])
    for name in ("cut", "magic", "damaged"):
        with pytest.raises(FileRefusedError, match=rf"{name}\.parquet: .*(not a readable Parquet file|damaged)"):
            outcome_of({"calls": tmp_path / f"{name}.parquet"})


def test_a_workbooks_other_visible_sheets_with_cells_are_noted(tmp_path):
    book = openpyxl.Workbook()
    for title in ("first", "second", "empty", "hidden", "chart"):
        book.create_sheet(title)
    book.remove(book["Sheet"])
    for title in ("first", "second", "hidden"):
        for row in (HEADER, ["c1", AT, "Y"]):
            book[title].append(row)
    book["hidden"].sheet_state = "hidden"
    book["chart"]["A1"].number_format = "0.00"  # a cell with a style only
    book.save(tmp_path / "a.xlsx")
    path = tmp_path / "a.xlsx"
    said = """a.xlsx: the sheet 'first' was read, not second; sheet = "..." in a mapping chooses another"""
    assert outcome_of({"calls": path}).notes == [said]
    assert outcome_of({"calls": path}, 'sheet = "second"').notes == []
    book.remove(book["second"])
    book.save(path)
    assert outcome_of({"calls": path}).notes == []


def test_a_sheet_without_the_columns_is_refused_with_the_names_of_the_others(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["notes"])
    book.create_sheet("Data").append(HEADER)
    book.save(tmp_path / "a.xlsx")
    with pytest.raises(FileRefusedError, match=r"The sheet 'Sheet' was read, not Data\. A mapping can set sheet"):
        outcome_of({"calls": tmp_path / "a.xlsx"})
