"""csi rate, csi ratings and csi forms."""

import json

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
    assert lines[1].startswith("  row 3: rating '满意' is not a rating; accepted are 1 very_dissatisfied 非常不满意")
    assert lines[2] == "  row 4: call_id the call 'C1' is the rater's own; nobody judges their own"
    assert lines[3] == "  row 6: call_id is missing; give call_id"
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
    assert "row 2: call_id there is no call 'C9'; send the call first" in ran.err


def test_the_table_shows_per_cents_and_names_what_is_missing(tmp_path, data):
    rate(tmp_path, data, "call_id,rating,batch,rated_at\nC1,5,B,\nC2,4,B,\nC2,1,,2026-03-05T12:00:00Z\n")
    ran = csi("ratings", "2026-03", "--by", "team", "--data", data)
    assert ran.code == 0
    assert "weighting sample" in ran.out
    assert "1 Very dissatisfied  2 Dissatisfied  3 Neutral  4 Satisfied  5 Very satisfied" in ran.out
    assert "lacks its population" in ran.out
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
