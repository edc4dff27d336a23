"""The file of rejected rows: what it says, that a spreadsheet may open it, that it loads once mended."""

import csv

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from csi_service.ingest import rejects
from csi_service.ingest.outcome import safe_cell, write_rejects
from tests.files import make_csv, make_xlsx, opened, outcome_of
from tests.make import make_weights

ROWS = [
    ["call_id", "started_at", "answered", "customer_id", "wait_seconds", "", "x"],
    ["c1", "2021-01-05 10:00:00", "Y", "+49 30 1234", "5", "", ""],
    ["c2", "soon", "?", "+49 30 5678", "-5", "", "=1+1"],
    ["c3", "2021-01-05 11:00:00", "=cmd()", '"quoted", with\nbreak', "7", "", "@x"],
    ["=1+2", "2021-01-05 12:00:00", "perhaps", "'plain", "9", "", ""],
]


def rejected_table(path):
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("kind", ["csv", "xlsx", "parquet"])
def test_the_file_names_line_column_value_and_reason(tmp_path, kind):
    path = tmp_path / f"calls.{kind}"
    if kind == "csv":
        make_csv(path, ROWS)
    elif kind == "xlsx":
        make_xlsx(path, [row if row[0] != "=1+2" else ["'" + row[0], *row[1:]] for row in ROWS])
    else:
        columns = zip(*ROWS[1:], strict=True)
        pq.write_table(pa.table({name or "blank": column for name, column in zip(ROWS[0], columns, strict=True)}), path)
    write_rejects(tmp_path / "rejects.csv", [outcome_of({"calls": path})], str)
    first, *others = rejected_table(tmp_path / "rejects.csv")
    line = {"csv": "3", "xlsx": "3", "parquet": "2"}[kind]  # a Parquet file has rows, but no header line
    assert (first["kind"], first["file"], first["line"]) == ("calls", f"calls.{kind}", line)
    assert first["column"] == "started_at; answered; wait_seconds"
    assert first["value"] == "soon; ?; -5"
    assert first["reason"].startswith("is not an instant")
    assert first["customer_id"] == "'+49 30 5678"
    assert len(others) >= 1


def test_no_cell_of_the_file_is_run_by_a_spreadsheet(tmp_path):
    write_rejects(tmp_path / "rejects.csv", [outcome_of({"calls": make_csv(tmp_path / "calls.csv", ROWS)})], str)
    cells = [cell for row in rejected_table(tmp_path / "rejects.csv") for cell in row.values()]
    assert "'=cmd()" in cells
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)
    assert [safe_cell(text) for text in ("=1", "+1", "-1", "@a", "\ta", "\ra", "a=1", "", None)] == [
        "'=1", "'+1", "'-1", "'@a", "'\ta", "'\ra", "a=1", "", None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("mapping", "delimiter", "encoding"),
    [("", ",", "utf-8"), ('delimiter = ";"\nencoding = "gb18030"\nheader_row = 1', ";", "gb18030")],
)
def test_the_file_loads_once_mended_with_the_mapping_of_its_rows(tmp_path, mapping, delimiter, encoding):
    path = make_csv(tmp_path / "calls.csv", ROWS, encoding, delimiter)
    with path.open("ab") as stream:
        stream.write(delimiter.join(["c5", "2021-01-05 10:00:00", "Y", "z"]).encode())  # too few fields
    write_rejects(tmp_path / "rejects.csv", [outcome_of({"calls": path}, mapping)], str)
    text = (tmp_path / "rejects.csv").read_text(encoding="utf-8-sig")
    mended = text.replace("soon,?", "2021-01-05 10:30:00,Y").replace("'-5", "5").replace("'=cmd()", "Y")
    (tmp_path / "rejects.csv").write_text(mended.replace(",perhaps,", ",N,"), encoding="utf-8-sig")
    with opened({"calls": tmp_path / "rejects.csv"}, mapping) as facts:
        facts.measures(make_weights())
        assert facts.outcomes[0].rejected == 0
        query = "SELECT call_id, customer_id FROM calls_rows ORDER BY ALL"
        found = dict(facts._connection.execute(query).fetchall())
    assert found == {"=1+2": "'plain", "c2": "+49 30 5678", "c3": '"quoted", with\nbreak', "c5": "z"}


def test_own_columns_named_like_ours_are_kept_apart(tmp_path):
    path = make_csv(tmp_path / "calls.csv", "call_id,started_at,answered,line,value\nc1,soon,Y,4,x\n")
    write_rejects(tmp_path / "rejects.csv", [outcome_of({"calls": path})], str)
    (row,) = rejected_table(tmp_path / "rejects.csv")
    assert (row["reject_line"], row["line"], row["value"], row["reject_value"]) == ("2", "4", "x", "soon")


def test_of_very_many_rejects_the_first_are_kept_and_all_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(rejects, "MOST_KEPT", 10)
    rows = [f"c{number},soon,Y" for number in range(50)]
    outcome = outcome_of({"calls": make_csv(tmp_path / "calls.csv", "\n".join(["call_id,started_at,answered", *rows]))})
    assert (outcome.loaded, outcome.rejected, len(outcome.rejects)) == (0, 50, 10)


def test_all_rows_bad_is_no_traceback(tmp_path):
    path = make_csv(tmp_path / "calls.csv", "call_id,started_at,answered\nc1,x,Y\nc2,y,Y\n")
    outcome = outcome_of({"calls": path})
    assert (outcome.loaded, outcome.rejected) == (0, 2)
    assert outcome.reasons() == [("started_at is not an instant such as 2021-01-31 09:12:58 between 2000 and 2099", 2)]
