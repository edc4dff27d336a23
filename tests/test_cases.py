"""Runs cases/*.toml: worked examples with the sum in a comment, measures in, scores out.

`[measures]` holds the sums and counts of one group; a survey measure is a table, one number a channel. `changes` are
keys of the weights file that the case sets otherwise. `[scores]` says for each node what must come out, numbers to six
decimals; "none" is a figure that is missing, `flags` are the flags that are up.
"""

import math
import tomllib
from pathlib import Path

import pytest

from csi_service.core.composite import missing, reason
from csi_service.core.measures import MEASURES
from tests.make import make_weights, numbers, scores

FOLDER = Path(__file__).parent / "cases"
FIGURES = ("raw", "value", "coverage", "partial_value", "weight", "contribution", "numerator", "denominator")
HALF_A_DIGIT = 0.5e-6 + 1e-12


def measures_of(case):
    known = {}
    for name, found in case["measures"].items():
        family = isinstance(found, dict)
        assert (f"{name}.*" if family else name) in {measure.name for measure in MEASURES}, (
            f"there is no measure {name}"
        )
        known |= (
            {f"{name}.{channel}": numbers(count) for channel, count in found.items()}
            if family
            else {name: numbers(found)}
        )
    return known


def found_in(node, key):
    if key in FIGURES:
        return getattr(node, key)[0]
    others = {
        "partial": bool(node.partial[0]),
        "missing": missing(node, 0),
        "reason": reason(node, 0),
        "flags": sorted(name for name, flag in node.flags.items() if flag[0]),
    }
    return others[key]


def agrees(found, expected, key):
    if key not in FIGURES:
        return found == expected
    return math.isnan(found) if expected == "none" else abs(found - expected) <= HALF_A_DIGIT


def disagreements(case):
    nodes = scores(measures_of(case), make_weights(case.get("changes"), case["weights"]))
    return [
        f"{node}: {key} is {found_in(nodes[node], key)}, expected {expected}"
        for node, figures in case["scores"].items()
        for key, expected in figures.items()
        if not agrees(found_in(nodes[node], key), expected, key)
    ]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_the_worked_example_comes_out(path):
    case = tomllib.loads(path.read_text(encoding="utf-8"))
    assert case.keys() <= {"title", "weights", "changes", "measures", "scores"}
    assert disagreements(case) == []


def test_a_wrong_sum_is_noticed():
    case = tomllib.loads((FOLDER / "full_month.toml").read_text(encoding="utf-8"))
    case["scores"] = {"csi.complaint": {"value": 0.775001, "flags": ["floored"], "raw": "none", "denominator": 1000}}
    assert len(disagreements(case)) == 3
