"""Scores as files, where `csi score` does not show it."""

import io
import json

import numpy as np
import openpyxl
import pytest

from csi_service.ingest.outcome import Outcome
from csi_service.report.files import WRITERS, as_csv, as_json, as_xlsx
from tests.report.test_text import part, scores

OUTCOMES = [Outcome("calls", ["calls.csv"], loaded=3, repeated=2, rejected=1, ignored_columns=["shoe"])]


def test_every_format_of_the_issue_has_a_writer():
    assert list(WRITERS) == ["table", "json", "csv", "xlsx"]


def test_json_and_csv_are_utf8_with_chinese_in_the_clear():
    for writer in (as_json, as_csv):
        assert "华东一组" in writer(scores(part()), OUTCOMES).decode("utf-8")


def test_json_tells_what_became_of_the_files_and_of_a_period_that_has_not_ended():
    body = json.loads(as_json(scores(part(in_progress=True), warnings=["w"]), OUTCOMES))
    assert body["imports"] == [
        {
            "kind": "calls",
            "files": ["calls.csv"],
            "loaded": 3,
            "repeated": 2,
            "rejected": 1,
            "ignored_columns": ["shoe"],
        }
    ]
    assert (body["scores"][0]["in_progress"], body["warnings"]) == (True, ["w"])


@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_a_missing_number_is_null_or_an_empty_cell(value):
    some = scores(part(changes={"complaints_received": value}))
    expected = None if np.isnan(value) else 1.0
    assert json.loads(as_json(some, []))["scores"][0]["groups"][0]["csi"]["parts"]["complaint"]["value"] == expected
    sheet = openpyxl.load_workbook(io.BytesIO(as_xlsx(some, [])))["scores"]
    assert [row[4] for row in sheet.values if row[2] == "csi.complaint"] == [expected]


def test_the_workbook_notes_weights_periods_warnings_and_files():
    some = scores(part(in_progress=True), part("2021-02"), warnings=["aht: talk only"])
    book = openpyxl.load_workbook(io.BytesIO(as_xlsx(some, OUTCOMES)))
    header, weights, *notes = book["notes"].values
    assert header == ("what", "text")
    assert weights[1].startswith("default ")
    assert notes == [
        ("period", "2021-01 has not ended"),
        ("note", "aht: talk only"),
        ("calls", "3 rows counted, 1 rejected"),
    ]
    sheet = book["scores"]
    assert sheet["E2"].number_format == "0.00%"  # as people read it; the value is unrounded
    assert sheet.freeze_panes == "A2"
