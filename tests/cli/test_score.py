"""csi score: its options, what it writes and where."""

import csv
import gzip
import io
import json
import re
from pathlib import Path

import openpyxl
import pytest

from csi_service.cli.score import FORMATS
from csi_service.core.periods import FORMS
from csi_service.ingest import rejects
from csi_service.report.files import WRITERS
from tests.cli.terminal import by_node, calls, complaint, csi, make_calls, make_complaints, make_month, number, options
from tests.files import make_csv
from tests.make import WEIGHTS

COLUMNS = "period,node,raw,value,coverage,partial,partial_value,reason,numerator,denominator,n"
CALL = "call_id,started_at,answered"


def make_sheets(path: Path, **sheets: list[list[str]]) -> Path:
    """Write a workbook with sheets of answered calls, by their numbers."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in (CALL.split(","), *([*row, "2021-01-04 09:00:00", "Y"] for row in rows)):
            sheet.append(row)
    book.save(path)
    return path


@pytest.fixture(scope="module")
def month(tmp_path_factory):
    return make_month(tmp_path_factory.mktemp("month"))


@pytest.fixture
def days(tmp_path) -> Path:
    """Return a file of calls on four days in two months and three weeks, 1, 2, 4 and 8 of them."""
    instants = ["2021-01-29 12:00:00", "2021-01-31 12:00:00", "2021-02-01 12:00:00", "2021-02-10 12:00:00"]
    rows = [calls(2**n, f"D{n}-", started_at=instant) for n, instant in enumerate(instants)]
    return make_calls(tmp_path / "days.csv", *rows)


def answered(ran) -> dict[str, float | None]:
    """Return the answered calls by period."""
    return {row["period"]: number(row["n"]) for row in ran.rows if row["node"] == "csi.internal.aht"}


# --- formats


@pytest.mark.parametrize("keys", ["", "team", "team,agent", "agent, team"])
def test_csv_has_the_columns_of_the_issue_in_order(month, keys):
    ran = csi("score", *options(month, "calls"), "--format", "csv", *(["--by", keys] if keys else []))
    header = ran.out.splitlines()[0]
    assert header == ",".join(filter(None, [keys.replace(" ", ""), COLUMNS]))


def test_csv_holds_one_row_a_node_with_unrounded_numbers(month):
    rows = csi("score", *options(month), "--format", "csv").rows
    assert [row["node"] for row in rows] == [
        "csi", "csi.internal", "csi.internal.sla", "csi.internal.aht", "csi.internal.fcr", "csi.internal.qa",
        "csi.external", "csi.external.ivr", "csi.complaint",
    ]  # fmt: skip
    sla = by_node(rows)["csi.internal.sla"]
    assert number(sla["value"]) == 0.85 / 0.9  # every digit of it
    assert (sla["partial"], sla["numerator"], sla["denominator"], sla["n"]) == ("false", "850.0", "1000.0", "1000.0")


def test_csv_says_why_a_figure_is_missing(month):
    found = by_node(csi("score", *options(month, "calls"), "--format", "csv").rows)
    assert {node: row["reason"] for node, row in found.items() if row["reason"]} == {
        "csi": "no_data",  # none of its components has a value
        "csi.internal": "coverage",
        "csi.internal.qa": "not_given",
        "csi.external": "not_given",
        "csi.complaint": "not_given",
    }
    assert number(found["csi.internal"]["partial_value"]) == pytest.approx(
        (0.25 * 0.85 / 0.9 + 0.05 * 300 / 360 + 0.10) / 0.4, abs=1e-12
    )  # all calls carry the resolved flag


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx"])
def test_names_that_look_like_formulas_are_no_formulas_in_csv_and_xlsx(tmp_path, name):
    path = make_calls(tmp_path / "calls.csv", calls(1, agent=name))
    rows = csi("score", "--calls", path, "--by", "agent", "--format", "csv").rows
    assert {row["agent"] for row in rows} == {"'" + name}
    target = tmp_path / "scores.xlsx"
    csi("score", "--calls", path, "--by", "agent", "--format", "xlsx", "--output", target)
    cell = openpyxl.load_workbook(target)["scores"]["A2"]
    assert (cell.value, cell.data_type) == (name, "s")


def test_json_is_strict_and_holds_trees_totals_warnings_and_imports(month):
    def refuse(constant):
        raise AssertionError(constant)

    ran = csi("score", *options(month, "calls", "complaints"), "--by", "team", "--format", "json")
    body = json.loads(ran.out, parse_constant=refuse)
    (period,) = body["scores"]
    assert (period["period"], period["first"], period["last"]) == (
        "2021-01-04..2021-01-05",
        "2021-01-04",
        "2021-01-05",
    )
    assert period["in_progress"] is False
    assert period["weights"]["name"] == "default"
    assert [group["group"] for group in period["groups"]] == [{"team": "A"}]
    assert period["groups"][0]["csi"] == period["total"]["csi"]
    assert period["total"]["csi"]["parts"]["external"]["value"] is None
    assert any("resolved flag" in warning for warning in body["warnings"])
    assert [(item["kind"], item["loaded"], item["rejected"]) for item in body["imports"]] == [
        ("calls", 1000, 0),
        ("complaints", 9, 0),
    ]


def test_xlsx_holds_the_numbers_of_the_csv(tmp_path, month):
    target = tmp_path / "scores.xlsx"
    arguments = [*options(month), "--by", "team", "--weights", "default"]
    ran = csi("score", *arguments, "--format", "xlsx", "--output", target)
    assert (ran.code, ran.out) == (0, "")
    header, *rows = openpyxl.load_workbook(target)["scores"].iter_rows(values_only=True)
    expected = csi("score", *arguments, "--format", "csv").rows
    assert header == tuple(expected[0])
    for row, texts in zip(rows, expected, strict=True):
        found = dict(zip(header, row, strict=True))
        assert found["node"] == texts["node"]
        for name in ("raw", "value", "coverage", "numerator", "n"):
            assert found[name] == pytest.approx(number(texts[name]), abs=1e-15)


def test_xlsx_goes_to_a_pipe_too(month):
    ran = csi("score", *options(month, "calls"), "--format", "xlsx")
    assert openpyxl.load_workbook(io.BytesIO(ran.data)).sheetnames == ["scores", "notes"]


def test_the_table_shows_one_group_in_full_and_several_as_lines(month, days):
    full = csi("score", *options(month)).out
    assert full.startswith("2021-01-04..2021-01-08 - weights default")
    assert re.search(r"SLA +94\.44 % +85\.00 % +25\.00 % +23\.61 % +850 / 1,000", full)  # 0.25 x 0.85 / 0.9
    lines = csi("score", "--calls", days, "--grain", "month").out.splitlines()
    assert lines[0].split()[:3] == ["period", "CSI", "I-CSI"]
    assert [line.split()[0] for line in lines[2:4]] == ["2021-01", "2021-02"]


# --- periods, grains, groups


@pytest.mark.parametrize(
    ("period", "contacts"),
    [
        ("2021-01", 3),
        ("2021-W04", 3),  # 25 to 31 January
        ("2021-W05", 4),
        ("2021-Q1", 15),
        ("2021", 15),
        ("2021-01-31", 2),
        ("2021-01-31..2021-02-01", 6),
    ],
)
def test_a_period_takes_its_days_and_no_others(days, period, contacts):
    assert answered(csi("score", "--calls", days, "--period", period, "--format", "csv")) == {period: contacts}


@pytest.mark.parametrize(
    ("grain", "expected"),
    [
        ("day", {"2021-01-29": 1, "2021-01-31": 2, "2021-02-01": 4, "2021-02-10": 8}),
        ("week", {"2021-W04": 3, "2021-W05": 4, "2021-W06": 8}),
        ("month", {"2021-01": 3, "2021-02": 12}),
    ],
)
def test_a_grain_cuts_the_period_and_leaves_out_what_is_empty(days, grain, expected):
    ran = csi("score", "--calls", days, "--period", "2021", "--grain", grain, "--format", "csv")
    assert answered(ran) == expected


def test_without_a_period_all_days_are_scored_together(days):
    assert answered(csi("score", "--calls", days, "--format", "csv")) == {"2021-01-29..2021-02-10": 15}


def test_groups_are_scored_apart_and_pooled_in_the_total(tmp_path):
    path = make_calls(tmp_path / "calls.csv", calls(3, "a"), calls(1, "b", team="B", talk_seconds=0, wait_seconds=99))
    ran = csi("score", "--calls", path, "--by", "team", "--format", "json")
    (period,) = json.loads(ran.out)["scores"]
    parts = [group["csi"]["parts"]["internal"]["parts"] for group in [*period["groups"], period["total"]]]
    assert [part["sla"]["raw"] for part in parts] == [1, 0, 0.75]
    assert [part["aht"]["raw"] for part in parts] == [360, 60, (3 * 360 + 60) / 4]


def test_records_without_a_team_are_unassigned_and_stay_in_the_total(tmp_path, month):
    complaints = make_csv(tmp_path / "p.csv", "complaint_id,received_at\nP1,2021-01-05 09:00:00\n")
    ran = csi("score", *options(month, "calls"), "--complaints", complaints, "--by", "team", "--format", "json")
    (period,) = json.loads(ran.out)["scores"]
    assert [group["group"]["team"] for group in period["groups"]] == ["A", "unassigned"]
    assert period["total"]["csi"]["parts"]["complaint"]["value"] == pytest.approx(1 - 25 / 1000)


@pytest.mark.parametrize(
    ("options_", "environment", "day"),
    [
        ([], {}, "2021-01-31"),
        (["--time-zone", "UTC"], {"CSI_TIME_ZONE": "Asia/Shanghai"}, "2021-01-31"),
        (["--mapping", "zone.toml"], {}, "2021-02-01"),  # the mapping's zone is the centre's as well
        (["--mapping", "zone.toml", "--time-zone", "America/New_York"], {}, "2021-01-31"),
        (["--mapping", "zone.toml"], {"CSI_TIME_ZONE": "America/New_York"}, "2021-02-01"),
    ],
)
def test_days_are_cut_in_the_zone_that_was_asked_for(tmp_path, monkeypatch, options_, environment, day):
    monkeypatch.chdir(tmp_path)
    make_csv(
        tmp_path / "calls.csv",
        f"{CALL}\nK1,{'2021-02-01T02:00:00' if 'zone.toml' in options_ else '2021-01-31 23:30:00'},Y\n",
    )
    (tmp_path / "zone.toml").write_text(
        'time_zone = "Asia/Shanghai"\n[calls]\ncall_id = "call_id"\nstarted_at = "started_at"\nanswered = "answered"\n',
        encoding="utf-8",
    )
    ran = csi("score", "--calls", "calls.csv", *options_, "--format", "csv", **environment)
    assert {row["period"] for row in ran.rows} == {day}


# --- weights


def test_weights_are_chosen_by_name_by_file_and_by_date(tmp_path, month):
    def index(*arguments, **environment):
        ran = csi("score", *options(month), *arguments, "--format", "json", **environment)
        return [(part["weights"]["name"], part["total"]["csi"]["value"]) for part in json.loads(ran.out)["scores"]]

    text = (WEIGHTS / "default.toml").read_text(encoding="utf-8")
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "default.toml").write_text(text, encoding="utf-8")
    dated = text.replace("2000-01-01", "2021-01-08").replace("multiplier = 25 ", "multiplier = 50 ")
    (folder / "2021-01-08.toml").write_text(dated, encoding="utf-8")
    at_25, at_50 = (pytest.approx((0.8977777777777778 + 0.92 + c) / 3, abs=1e-12) for c in (0.775, 0.55))
    assert index() == [("default", at_25)]
    assert index(CSI_WEIGHTS=str(folder)) == [("2021-01-08", at_50)]  # the data end on the 8th, its first day
    assert index("--weights", "default", CSI_WEIGHTS=str(folder)) == [("default", at_25)]
    assert index("--weights", folder / "2021-01-08.toml") == [("2021-01-08", at_50)]
    assert index("--weights", "bank")[0][0] == "bank"


def test_weights_of_a_later_day_are_used_and_noted(tmp_path, month):
    text = (WEIGHTS / "default.toml").read_text(encoding="utf-8").replace("2000-01-01", "2030-01-01")
    (tmp_path / "later.toml").write_text(text, encoding="utf-8")
    ran = csi("score", *options(month), "--weights", tmp_path / "later.toml")
    assert "Note: weights later are valid from 2030-01-01 only, after 2021-01-04..2021-01-08" in ran.out


def test_a_broken_set_beside_the_one_that_was_asked_for_does_no_harm(tmp_path, month):
    (tmp_path / "good.toml").write_bytes((WEIGHTS / "default.toml").read_bytes())
    (tmp_path / "broken.toml").write_text("title = 1", encoding="utf-8")
    environment = {"CSI_WEIGHTS": str(tmp_path)}
    assert csi("score", *options(month), "--weights", "good", **environment).code == 0
    assert complaint(csi("score", *options(month), **environment)).startswith("broken: ")


# --- files


def test_a_kind_may_come_in_several_files_and_patterns(tmp_path):
    for name in ("a1", "a2", "b"):
        make_calls(tmp_path / f"{name}.csv", calls(1, name))
    (tmp_path / "c.csv.gz").write_bytes(gzip.compress(make_calls(tmp_path / "c.csv", calls(5, "c")).read_bytes()))
    ran = csi("score", "--calls", tmp_path / "a*.csv", "--calls", tmp_path / "c.csv.gz", "--format", "csv")
    assert list(answered(ran).values()) == [7]
    assert ran.err == "calls: 7 counted, 0 rejected (3 files)\n"


def test_sheets_that_are_not_read_are_named_unless_the_mapping_chooses_one(tmp_path):
    path = make_sheets(tmp_path / "two.xlsx", 十月=[["K1"], ["K2"]], 九月=[["K3"]])
    ran = csi("score", "--calls", path, "--format", "csv")
    assert ran.err.splitlines() == [
        "calls: 2 counted, 0 rejected (two.xlsx)",
        "  two.xlsx: the sheet '十月' was read, not 九月; sheet = \"...\" in a mapping chooses another",
    ]
    said = csi("score", "--calls", path, "--format", "csv", "--lang", "zh").err
    assert "two.xlsx：读取的是工作表 '十月'，未读取 九月" in said
    mapping = tmp_path / "m.toml"
    mapping.write_text('sheet = "九月"\n', encoding="utf-8")
    ran = csi("score", "--calls", path, "--mapping", mapping, "--format", "csv")
    assert ran.err == "calls: 1 counted, 0 rejected (two.xlsx)\n"


def test_a_file_whose_name_is_a_pattern_is_taken_by_its_name(tmp_path):
    path = make_calls(tmp_path / "calls [1].csv", calls(1))
    assert csi("score", "--calls", path, "--format", "csv").code == 0


def test_the_summary_counts_rows_and_names_reasons_and_unused_columns(tmp_path):
    path = make_csv(
        tmp_path / "calls.csv",
        f"{CALL},shoe\nK1,2021-01-04 09:00:00,Y,44\nK2,2021-01-04 09:00:00,maybe,44\nK1,2021-01-04 09:00:00,N,44\n",
    )
    ran = csi("score", "--calls", path, "--format", "csv")
    first, *reasons, unused = ran.err.splitlines()
    assert first == "calls: 1 counted, 1 rejected, 1 replaced by a later row with the same number (calls.csv)"
    assert reasons[0].startswith("  1 x answered is neither yes nor no")
    assert unused == "  columns not used: shoe"


def rejected_rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))


def test_rejects_are_written_with_line_column_value_and_reason_and_load_once_mended(tmp_path):
    path = make_csv(tmp_path / "calls.csv", f"{CALL}\nK1,2021-01-04 09:00:00,Y\nK2,2021-01-04 09:00:00,=maybe\n")
    rejects = tmp_path / "rejects.csv"
    assert csi("score", "--calls", path, "--rejects", rejects).code == 0
    (row,) = rejected_rows(rejects)
    assert [row[name] for name in ("kind", "file", "line", "column", "value")] == [
        "calls", "calls.csv", "3", "answered", "'=maybe",
    ]  # fmt: skip
    assert row["reason"].startswith("is neither yes nor no")
    rejects.write_text(rejects.read_text(encoding="utf-8").replace("'=maybe", "Y"), encoding="utf-8")
    assert "calls: 1 counted, 0 rejected" in csi("score", "--calls", rejects).err


def test_without_rejects_the_file_holds_its_header_only(tmp_path, month):
    csi("score", *options(month, "calls"), "--rejects", tmp_path / "rejects.csv")
    assert rejected_rows(tmp_path / "rejects.csv") == []


def test_strict_refuses_the_run_for_one_rejected_row(tmp_path, month):
    complaints = make_csv(tmp_path / "p.csv", "complaint_id,received_at\nP1,2021-01-05 09:00:00\nP2,soon\n")
    arguments = ["score", *options(month, "calls"), "--complaints", complaints, "--strict"]
    rejects, output = tmp_path / "rejects.csv", tmp_path / "out.txt"
    ran = csi(*arguments, "--rejects", rejects, "--output", output)
    assert complaint(ran) == "rows were rejected and --strict was given; nothing was scored"
    assert [row["value"] for row in rejected_rows(rejects)] == ["soon"]
    assert not output.exists()
    assert csi(*arguments[:-1]).code == 0


def test_when_all_rows_are_rejected_they_are_accounted_for_all_the_same(tmp_path):
    path = make_csv(tmp_path / "calls.csv", f"{CALL}\nK1,yesterday,Y\nK2,today,Y\n")
    rejects = tmp_path / "rejects.csv"
    ran = csi("score", "--calls", path, "--rejects", rejects)
    assert complaint(ran) == "there is no usable record to score"
    assert "calls: 0 counted, 2 rejected (calls.csv)" in ran.err
    assert [row["value"] for row in rejected_rows(rejects)] == ["yesterday", "today"]


# --- output


def said_in(data: bytes, format_: str) -> object:
    """Return what an output says; a workbook's bytes hold the time of its making besides."""
    if format_ != "xlsx":
        return data
    return {sheet.title: [*sheet.values] for sheet in openpyxl.load_workbook(io.BytesIO(data))}


@pytest.mark.parametrize("format_", ["table", "json", "csv", "xlsx"])
def test_output_goes_to_a_file_and_nowhere_else(tmp_path, month, format_):
    target = tmp_path / "scores"
    target.write_text("old", encoding="utf-8")
    ran = csi("score", *options(month), "--format", format_, "--output", target)
    assert (ran.code, ran.out) == (0, "")
    straight = csi("score", *options(month), "--format", format_).data
    assert said_in(target.read_bytes(), format_) == said_in(straight, format_)
    assert [path.name for path in tmp_path.iterdir()] == ["scores"]


def test_a_run_that_fails_leaves_the_file_that_is_there(tmp_path, month):
    target = tmp_path / "scores.csv"
    target.write_text("old", encoding="utf-8")
    complaint(csi("score", *options(month, "calls"), "--period", "2020-01", "--output", target))
    assert target.read_text(encoding="utf-8") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["scores.csv"]


# --- what is refused


DIMENSIONS = "site, team, agent, queue, channel, topic"
OPTION = "each file needs its option before it, for instance --calls"
DAY = "2021-01-04"
TAKEN = "is read or written already in this run; name another file"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", "give at least one file, for instance --calls calls.csv"),
        ("calls.csv", f"calls.csv: {OPTION} calls.csv"),
        ("--calls calls.csv more.csv last.csv", f"more.csv: {OPTION} more.csv"),
        ("--calls gone.csv", "gone.csv: there is no such file"),
        ("--calls gone*.csv", "gone*.csv: no file matches the pattern"),
        ("--no-such-option", "No such option '--no-such-option'."),
        ("--calls calls.csv --period 2021-13", f"period: '2021-13' is not a period; write {FORMS}"),
        ("--calls calls.csv --period=", f"period: '' is not a period; write {FORMS}"),
        ("--calls calls.csv --period 2020", f"there is no record in 2020; the records lie between {DAY} and {DAY}"),
        ("--calls calls.csv --period 2021-01-31..2021-01-01", "period: '2021-01-31..2021-01-01' ends before it begins"),
        ("--calls calls.csv --by tem", f"by: 'tem' is no dimension; there are {DIMENSIONS}"),
        ("--calls calls.csv --by team,", f"by: '' is no dimension; there are {DIMENSIONS}"),
        ("--calls calls.csv --by team,team", f"by: team, team: group by different dimensions out of {DIMENSIONS}"),
        ("--calls calls.csv --grain hour", "Invalid value for '--grain': 'hour' is not one of 'day', 'week', 'month'."),
        ("--calls calls.csv --weights mine", "there are no weights 'mine'; there are bank, default, telecom"),
        ("--calls calls.csv --weights=", "there are no weights ''; there are bank, default, telecom"),
        ("--calls calls.csv --weights mine.toml", "mine.toml: there is no such file"),
        ("--calls calls.csv --mapping mine.toml", "mine.toml: there is no such file"),
        ("--calls calls.csv --time-zone Mars", "time-zone: is 'Mars'; give an IANA name such as Asia/Shanghai"),
        ("--calls calls.csv --output gone/scores.csv", "gone/scores.csv: there is no folder gone"),
        ("--calls calls.csv --rejects gone/rejects.csv", "gone/rejects.csv: there is no folder gone"),
        ("--calls calls.csv --output .", "Invalid value for '--output': File '.' is a directory."),
        ("--calls calls.csv --output calls.csv", f"calls.csv: {TAKEN}"),
        ("--calls calls.csv --output x --rejects x", f"x: {TAKEN}"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_in_one_line_and_changes_no_file(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    before = make_calls(tmp_path / "calls.csv", calls(1)).read_bytes()
    assert complaint(csi("score", *arguments.split())) == said
    assert [(item.name, item.read_bytes()) for item in tmp_path.iterdir()] == [("calls.csv", before)]


def test_a_broken_mapping_is_refused_with_the_key_at_fault(tmp_path, month):
    path = tmp_path / "m.toml"
    path.write_text('[calls]\ncall_id = "id"\nanswered = 1\n', encoding="utf-8")
    said = complaint(csi("score", *options(month, "calls"), "--mapping", path))
    assert said.startswith("m.toml: ")
    assert "calls.answered" in said
    assert "started_at" in said
    path.write_bytes("# 编号".encode("gb18030"))
    assert complaint(csi("score", *options(month, "calls"), "--mapping", path)) == "m.toml: is not UTF-8 text"


def test_a_folder_of_weights_that_are_not_in_effect_yet_is_refused(tmp_path, month):
    text = (WEIGHTS / "default.toml").read_text(encoding="utf-8").replace("2000-01-01", "2021-06-01")
    (tmp_path / "2021-06-01.toml").write_text(text, encoding="utf-8")
    said = complaint(csi("score", *options(month), CSI_WEIGHTS=str(tmp_path)))
    assert said == "no weights are in effect on 2021-01-08: the first one is valid from 2021-06-01"


def test_a_header_that_does_not_fit_is_refused_with_the_columns_that_are_missing(tmp_path):
    path = make_csv(tmp_path / "calls.csv", "id;when\n1;2\n")
    assert "call_id" in complaint(csi("score", "--calls", path))


def test_scores_that_do_not_fit_into_a_sheet_are_refused(tmp_path, month, monkeypatch):
    monkeypatch.setattr("csi_service.report.files._SHEET_ROWS", 8)
    said = complaint(csi("score", *options(month), "--format", "xlsx", "--output", tmp_path / "x.xlsx"))
    assert said.startswith("a sheet holds 8 rows, the scores have 9; use --format csv")


def test_complaints_alone_can_be_read_but_have_no_contacts(tmp_path):
    found = by_node(csi("score", "--complaints", make_complaints(tmp_path / "p.csv", 3), "--format", "csv").rows)
    assert (found["csi.complaint"]["value"], found["csi.complaint"]["reason"]) == ("", "not_given")


def test_every_writer_is_offered():
    assert list(FORMATS) == list(WRITERS)


def test_the_summary_says_that_not_all_rejected_rows_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(rejects, "MOST_KEPT", 2)
    rows = [["call_id", "started_at", "answered"], ["c1", "2021-01-05 10:00:00", "Y"]]
    path = make_csv(tmp_path / "calls.csv", rows + [[f"x{number}", "soon", "Y"] for number in range(5)])
    target = tmp_path / "rejects.csv"
    ran = csi("score", "--calls", path, "--rejects", target)
    assert "calls: 1 counted, 5 rejected (calls.csv)" in ran.err.splitlines()
    note = f"  reasons are known of the first 2 rejected rows only; {target} holds no more than these"
    assert ran.err.splitlines().count(note) == 1
    assert len(target.read_text(encoding="utf-8-sig").splitlines()) == 1 + 2
    monkeypatch.setattr(rejects, "MOST_KEPT", 5)
    assert "only" not in csi("score", "--calls", path).err
