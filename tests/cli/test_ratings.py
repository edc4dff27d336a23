"""csi rate, csi ratings and csi forms."""

import contextlib
import json
import sqlite3

import openpyxl
import pytest

from csi_service.services import build_services
from csi_service.settings import load_settings
from tests.cli.terminal import complaint, csi
from tests.make import ROOT
from tests.store.kept import call, make, put


@pytest.fixture
def data(tmp_path):
    """A data folder with two calls of March and a batch of a hundred."""
    folder = tmp_path / "data"
    store = build_services(load_settings({"CSI_DATA": str(folder)})).store()
    put(store, "calls", *(call(f"C{n}", "2026-03-02 09:00", team=f"T{n}", agent="17") for n in (1, 2)))
    put(store, "batches", make("batches", batch="B", period="2026-03", population=100.0))
    store.database.close()
    return folder


def rate(tmp_path, data, text, *options, **environment):
    file = tmp_path / "ratings.csv"
    file.write_text(text, encoding="utf-8")
    return csi("rate", file, "--data", data, *options, **environment)


def test_ratings_of_a_file_are_kept_by_the_same_rules(tmp_path, data):
    csi("key", "create", "--data", data, "--name", "seventeen", "--role", "rater", "--agent", "17")
    text = (
        "call_id,rating,batch,rater,comment,mood\n"
        "C1,5,B,anna,,x\n"
        "C2,一般,B,,so so,\n"
        "C2,满意,B,anna,,\n"
        "C1,4,B,seventeen,,\n"
        "C9,1,B,anna,,\n"
        ",1,B,anna,,\n"
    )
    ran = rate(tmp_path, data, text, "--as", "otto")
    assert (ran.code, ran.out) == (0, "")
    lines = ran.err.splitlines()
    assert lines[0] == "ratings: 3 created, 0 replaced, 0 unchanged, 3 rejected (ratings.csv)"
    assert lines[1].startswith("  line 4: rating '满意' is not a rating; accepted are 1 very_dissatisfied 非常不满意")
    assert lines[2] == "  line 5: call_id the call 'C1' is the rater's own; nobody judges their own"
    assert lines[3] == "  line 7: call_id is missing; give call_id"
    assert lines[4:] == ["  1 of calls that are not kept as yet", "  columns not used: mood"]
    found = json.loads(csi("ratings", "2026-03", "--format", "json", "--data", data).out)
    assert list(found["total"]["shares"].values()) == pytest.approx([1 / 3, 0, 1 / 3, 0, 1 / 3], abs=1e-12)
    assert (found["total"]["raters"], found["batches"][0]["population"]) == (2, 100)
    assert found["total"]["percents"]["very_dissatisfied"] == 34  # 33.3 three times: the first takes what is left
    again = rate(tmp_path, data, "call_id,rating,batch,rater\nC1,4,B,anna\n")
    assert "0 created, 1 replaced" in again.err
    audit = csi("audit", "--data", data, "--kind", "evaluations", "--limit", 1).out
    assert "cli:" in audit
    assert "rating: 5 -> 4" in audit


def test_a_workbook_is_read_too(tmp_path, data):
    book = openpyxl.Workbook()
    for row in (["call_id", "rating", "batch"], ["C1", 5, "B"], ["C2", "satisfied", "B"]):
        book.active.append(row)
    book.save(tmp_path / "ratings.xlsx")
    ran = csi("rate", tmp_path / "ratings.xlsx", "--data", data)
    assert "2 created" in ran.err
    assert "the sheet" not in ran.err
    book.create_sheet("May").append(["call_id", "rating"])
    book.active.append(["C2", 9])
    book.save(tmp_path / "ratings.xlsx")
    ran = csi("rate", tmp_path / "ratings.xlsx", "--data", data)
    assert "  line 4: rating '9' is not a rating" in ran.err
    assert "ratings.xlsx: the sheet 'Sheet' was read, not May; put the ratings" in ran.err


def test_a_time_without_an_offset_is_the_centres(tmp_path, data):
    text = (
        "call_id,rating,batch,rated_at,comment\n"
        'C1,5,B,2026-03-05 07:30:00,"two\nlines"\n'  # Shanghai's 5 March, London's 4 March
        "C2,4,B,2026/3/5 7:30,\n"
        "C1,3,,2026-03-04T23:30:00Z,\n"
        "C2,3,,soon,\n"
    )
    ran = rate(tmp_path, data, text)
    assert ran.err.splitlines()[1:] == [
        "  line 6: rated_at is not an instant such as 2021-01-31 09:12:58 between 2000 and 2099"
    ]
    assert rated_at(data) == ["2026-03-04 23:30:00"] * 3  # 07:30 less 8 hours


def test_of_a_clock_change_the_skipped_hour_is_refused_and_of_the_repeated_one_the_later_counts(tmp_path):
    folder = tmp_path / "data"
    environment = {"CSI_TIME_ZONE": "Europe/Berlin"}
    text = "call_id,rating,rated_at\nC1,5,2026-03-29 02:30:00\nC2,5,2025-10-26 02:30:00\n"
    ran = rate(tmp_path, folder, text, **environment)
    assert "1 created, 0 replaced, 0 unchanged, 1 rejected" in ran.err
    assert "  line 2: rated_at falls into an hour that a clock change skips" in ran.err
    assert rated_at(folder) == ["2025-10-26 01:30:00"]  # winter time is an hour ahead


def rated_at(data):
    """Return when the calls were rated, in UTC."""
    with contextlib.closing(sqlite3.connect(data / "csi.sqlite")) as connection:
        return [row[0][:19] for row in connection.execute("SELECT evaluated_at FROM evaluations")]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("call_id,score\nC1,5\n", "has no column rating; columns are call_id, rating, batch, rater"),
        ("call_id,rating\n", "no row"),
        ("call_id,rating\nC1,7\n", "no row can be kept"),
        ('call_id,rating\nC1,5\n"C2,5\n', "cannot be"),
    ],
)
def test_a_file_of_which_nothing_can_be_kept_is_refused(tmp_path, data, text, told):
    assert told in complaint(rate(tmp_path, data, text))


def test_unknown_calls_are_refused_where_the_setting_says_so(tmp_path, data):
    ran = rate(tmp_path, data, "call_id,rating\nC1,5\nC9,5\n", CSI_UNKNOWN_CALLS="refuse")
    assert "1 created" in ran.err
    assert "line 3: call_id there is no call 'C9'; send the call first" in ran.err


def test_the_table_shows_per_cents_and_names_what_is_missing(tmp_path, data):
    rate(tmp_path, data, "call_id,rating,batch,rated_at\nC1,5,B,\nC2,4,B,\nC2,1,,2026-03-05T12:00:00Z\n")
    ran = csi("ratings", "2026-03", "--by", "team", "--data", data)
    assert ran.code == 0
    assert "weighting sample" in ran.out
    assert "1 Very dissatisfied  2 Dissatisfied  3 Neutral  4 Satisfied  5 Very satisfied" in ran.out
    assert "lacks its population (none named), so every batch" in ran.out
    table = [line.split() for line in ran.out.splitlines()]
    assert ["T1", "1", "1", "1", "5.00", "100.00", "%", "0", "%", "0", "%", "0", "%", "0", "%", "100", "%"] in table
    assert next(row for row in table if row[:1] == ["all"])[1:4] == ["3", "2", "1"]
    csv = csi("ratings", "2026-03", "--by", "team", "--format", "csv", "--data", data)
    assert [(row["team"], row["n"]) for row in csv.rows] == [("T1", "1.0"), ("T2", "2.0")]


def test_a_period_without_ratings_says_so(data):
    assert "there is no record in 2020-01" in csi("ratings", "2020-01", "--data", data).out
    assert "2020-13" in complaint(csi("ratings", "2020-13", "--data", data))
    assert "mood" in complaint(csi("ratings", "2020-01", "--by", "mood", "--data", data))


# --- forms


def test_forms_are_listed_and_shown(data):
    assert csi("forms", "list", "--data", data).out.startswith("* default      valid from 2000-01-01")
    shown = csi("forms", "show", "default", "--data", data).out
    assert "compliance, zeroes the form" in shown
    assert "话务效率" in shown
    assert json.loads(csi("forms", "show", "default", "--format", "json", "--data", data).out)["name"] == "default"
    assert "no form 'x'" in complaint(csi("forms", "show", "x", "--data", data))


def test_form_files_are_checked(tmp_path):
    good = ROOT / "forms/default.toml"
    assert ": good, 'Default', 12 items" in csi("forms", "check", good).out
    (tmp_path / "odd.toml").write_text(good.read_text(encoding="utf-8").replace("points = 20", "points = 0"))
    ran = csi("forms", "check", tmp_path / "odd.toml", tmp_path / "none.toml")
    assert (ran.code, "sections.business_ability.items.right_answer.points" in ran.err) == (2, True)
    assert "there is no such file" in ran.err
