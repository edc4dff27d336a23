"""The data set of ../shared/data/pwc_call_centre: the figures of its README, from the CSV and the workbook."""

import datetime as dt

import pytest

from csi_service.core.composite import walk
from csi_service.scoring import Request, score_facts
from csi_service.weights_folder import WeightsFolder
from tests.files import opened
from tests.make import ROOT, WEIGHTS
from tests.shared import shared_data

MAPPING = ROOT / "examples" / "mappings" / "pwc_call_centre.toml"
FILES = ("calls.csv", "Call-Center-Dataset.xlsx")
TODAY = dt.date(2026, 11, 24)
# offered, answered, within 20 s, their share of offered %, mean talk s, resolved of answered %, satisfied 4-5 %
MONTHS = {
    "2021-01": (1772, 1455, 138, 7.79, 226.124, 90.10, 50.24),
    "2021-02": (1616, 1298, 120, 7.43, 228.236, 89.45, 50.54),
    "2021-03": (1612, 1301, 116, 7.20, 220.274, 90.24, 48.89),
}
AGENTS = {
    "Becky": (631, 517, 48, 7.61, 220.010, 89.36, 50.48),
    "Dan": (633, 523, 50, 7.90, 231.189, 90.06, 49.90),
    "Diane": (633, 501, 50, 7.90, 218.954, 90.22, 49.10),
    "Greg": (624, 502, 45, 7.21, 226.803, 90.64, 48.01),
    "Jim": (666, 536, 51, 7.66, 228.114, 90.49, 50.00),
    "Joe": (593, 484, 44, 7.42, 224.101, 90.08, 47.52),
    "Martha": (638, 514, 38, 5.96, 223.726, 89.69, 52.72),
    "Stewart": (582, 477, 48, 8.25, 226.205, 88.89, 51.36),
}


def scored(name, **request):
    files, mapping = {"calls": shared_data(f"pwc_call_centre/{name}")}, MAPPING.read_text(encoding="utf-8")
    with opened(files, mapping, keys=request.get("keys", ())) as facts:
        scores = score_facts(facts, WeightsFolder(WEIGHTS).all(), Request(**request), TODAY)
        assert [(outcome.kind, outcome.loaded, outcome.rejected) for outcome in facts.outcomes] == [
            ("calls", 5000, 0), ("surveys", 4054, 0),
        ]  # fmt: skip
    return scores


def check(nodes, group, expected):
    offered, answered, in_time, level, talk, resolved, satisfied = expected
    sla, aht, fcr = (nodes[f"csi.internal.{name}"] for name in ("sla", "aht", "fcr"))
    assert (sla.denominator[group], aht.denominator[group], sla.numerator[group]) == (offered, answered, in_time)
    assert round(sla.raw[group] * 100, 2) == level
    assert round(aht.raw[group], 3) == talk
    assert round(fcr.raw[group] * 100, 2) == resolved
    assert round(nodes["csi.external"].raw[group] * 100, 2) == satisfied


@pytest.mark.parametrize("name", FILES)
def test_the_months(name):
    scores = scored(name, grain="month")
    assert [part.period.label for part in scores.total] == list(MONTHS)
    for part, expected in zip(scores.total, MONTHS.values(), strict=True):
        nodes = dict(walk(part.roots[0]))
        check(nodes, 0, expected)
        assert nodes["csi.internal"].coverage[0] == pytest.approx(0.40, abs=1e-12)  # no QA
        assert nodes["csi.internal"].reason[0] == nodes["csi"].reason[0] == 3  # coverage
        assert nodes["csi.internal"].partial_value[0] > 0
        assert nodes["csi"].coverage[0] == pytest.approx(1 / 3, abs=1e-12)
    assert any("resolved flag" in warning for warning in scores.warnings)
    assert any(warning.startswith("AHT: the data hold talk time only") for warning in scores.warnings)


@pytest.mark.parametrize("name", FILES)
def test_the_agents(name):
    (part,) = scored(name, keys=("agent",)).by_group
    assert part.groups["agent"].tolist() == list(AGENTS)
    nodes = dict(walk(part.roots[0]))
    for group, expected in enumerate(AGENTS.values()):
        check(nodes, group, expected)
