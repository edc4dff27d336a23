"""A fourth calculator appears at every edge of `csi score`, though nothing there names it."""

import json
import re

import openpyxl
import pytest

from csi_service.core import composite, weights
from csi_service.core.calculators import CALCULATORS
from csi_service.core.indicator import Calculator, Indicator, leaf, ratio
from tests.cli.terminal import by_node, calls, csi, make_calls, number
from tests.make import WEIGHTS


def read_parameters(table):
    ease = table.number("ease", 1, above=0)
    table.close()
    return ease


REACH = Calculator(
    name="reach",
    title="R-CSI",
    read=read_parameters,
    index=lambda ratios, ease, minimum: leaf("reach", ratios["answered"], ratios["answered"].value * ease),
    indicators=(
        Indicator(
            "answered",
            "fraction",
            ("contacts_answered", "contacts_abandoned"),
            lambda m, p: ratio(m["contacts_answered"], m["contacts_answered"] + m["contacts_abandoned"]),
        ),
    ),
)
VALUE = 0.75 * 0.8  # 3 of 4 answered, times ease


@pytest.fixture
def arguments(tmp_path, monkeypatch):
    """Return a run over two months, of which only the second is weighed with the fourth calculator."""
    for module in (weights, composite):
        monkeypatch.setattr(module, "CALCULATORS", (*CALCULATORS, REACH))
    text = (WEIGHTS / "default.toml").read_text(encoding="utf-8")
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "default.toml").write_text(text, encoding="utf-8")
    newer = text.replace("2000-01-01", "2021-02-01").replace("total = 3\n", "total = 4\nreach = 1\n", 1)
    (folder / "2021-02-01.toml").write_text(f"{newer}\n[reach]\nease = 0.8\n", encoding="utf-8")
    monkeypatch.setenv("CSI_WEIGHTS", str(folder))
    february = {"started_at": "2021-02-01 09:00:00"}
    answered, abandoned = calls(3, "b", **february), calls(1, "c", answered="N", **february)
    path = make_calls(tmp_path / "calls.csv", calls(1, "a"), answered, abandoned)
    return ["score", "--calls", path, "--grain", "month"]


def test_it_appears_in_the_csv(arguments):
    rows = csi(*arguments, "--format", "csv").rows
    assert "csi.reach" not in by_node(rows, period="2021-01")
    row = by_node(rows, period="2021-02")["csi.reach"]
    assert (number(row["value"]), row["numerator"], row["denominator"]) == (pytest.approx(VALUE), "3.0", "4.0")


def test_it_appears_in_the_json(arguments):
    before, after = json.loads(csi(*arguments, "--format", "json").out)["scores"]
    assert "reach" not in before["total"]["csi"]["parts"]
    part = after["total"]["csi"]["parts"]["reach"]
    assert (part["node"], part["weight"], part["value"]) == ("csi.reach", 0.25, pytest.approx(VALUE))


def test_it_appears_in_the_workbook_and_both_sets_are_noted(arguments, tmp_path):
    csi(*arguments, "--format", "xlsx", "--output", tmp_path / "scores.xlsx")
    book = openpyxl.load_workbook(tmp_path / "scores.xlsx")
    assert [row[1] for row in book["scores"].values].count("csi.reach") == 1
    noted = [text.split()[0] for what, text in book["notes"].values if what == "weights"]
    assert noted == ["default", "2021-02-01"]


def test_it_appears_in_the_table_under_its_title_with_a_dash_where_it_is_not_weighed(arguments):
    header, _, before, after, *rest = csi(*arguments).out.splitlines()
    at = header.index("R-CSI") + len("R-CSI")
    assert re.findall(r"\S+(?: %)?$", before[:at].rstrip()) == ["-"]
    assert after[:at].endswith("60.00 %")
    assert "Weights: default (valid from 2000-01-01), 2021-02-01 (valid from 2021-02-01)" in rest
    full = csi(*arguments, "--period", "2021-02").out
    assert re.search(r"R-CSI +60\.00 % +25\.00 % .* 3 / 4\n", full)
