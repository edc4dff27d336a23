"""Small real objects for the tests: measures of groups, a set of weights, the scores of groups by their dotted key."""

import copy
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from csi_service.core.composite import Known, score, walk
from csi_service.core.indicator import Array, Node
from csi_service.core.tables import Table
from csi_service.core.weights import WeightSet, read_weights
from csi_service.errors import Problem

ROOT = Path(__file__).parents[1]
WEIGHTS = ROOT / "weights"
GONE: Any = object()  # as a change: leave the key out

# One month of one group, made so that the worked example come out: SLA 0.85, AHT 360 s, FCR 0.80, QA 0.90,
# O-CSI 0.92, 9 complaints on 1,000 contacts.
MONTH: dict[str, float] = {
    "contacts_answered": 1000,
    "contacts_abandoned": 100,
    "answered_timed": 1000,
    "answered_within_threshold": 935,  # / (1000 + 100) = 0.85
    "abandoned_within_threshold": 30,
    "abandoned_short": 10,
    "handled_contacts": 1000,
    "handle_seconds": 360_000,
    "resolution_flagged": 900,
    "resolution_confirmed": 630,  # / 900 = 0.70
    "first_contacts": 800,
    "first_contacts_repeated": 200,  # 600 / 800 = 0.75
    "first_contacts_mature": 720,  # 0.90 of them
    "tickets_closed": 500,
    "tickets_reactivated": 100,  # 400 / 500 = 0.80
    "tickets_mature": 500,
    "evaluations": 40,
    "evaluation_scores": 36,  # / 40 = 0.90
    "points_earned": 1700,
    "points_possible": 2000,  # 0.85
    "complaints_received": 9,
    "complaints_upheld": 4,
    "responses.ivr": 150,
    "satisfied_responses.ivr": 141,  # / 150 = 0.94
    "response_points.ivr": 135,  # / 150 = 0.90
    "responses.sms": 50,
    "satisfied_responses.sms": 43,  # / 50 = 0.86; pooled 184 / 200 = 0.92
    "response_points.sms": 40,  # / 50 = 0.80
}


def numbers(*values: float) -> Array:
    return np.array(values, dtype=np.float64)


def make_measures(changes: Mapping[str, Any] | None = None) -> Known:
    """Return the measures of MONTH with some changed (a number a group) or GONE; one number stands for all groups."""
    merged = {**MONTH, **(changes or {})}
    columns = {
        name: np.atleast_1d(np.asarray(value, np.float64)) for name, value in merged.items() if value is not GONE
    }
    groups = max((len(column) for column in columns.values()), default=1)
    return Known({name: np.broadcast_to(column, groups).copy() for name, column in columns.items()}, groups)


def make_document(changes: Mapping[str, Any] | None = None, base: str = "default") -> dict[str, Any]:
    """Return a shipped weights file as nested tables, with some keys (dotted) changed or GONE."""
    document = copy.deepcopy(tomllib.loads((WEIGHTS / f"{base}.toml").read_text(encoding="utf-8")))
    for key, value in (changes or {}).items():
        *tables, last = key.split(".")
        table = document
        for name in tables:
            table = table.setdefault(name, {})
        if value is GONE:
            del table[last]
        else:
            table[last] = value
    return document


def make_weights(changes: Mapping[str, Any] | None = None, base: str = "default") -> WeightSet:
    return read_weights(make_document(changes, base), base)


def make_table(values: object, where: str = "") -> tuple[Table, list[Problem], list[str]]:
    """Return a table with its (still empty) lists of problems and warnings."""
    problems: list[Problem] = []
    warnings: list[str] = []
    return Table(values, where, problems, warnings), problems, warnings


def scores(measures: Mapping[str, Array], weights: WeightSet | None = None) -> dict[str, Node]:
    """Return each node of the score tree by its dotted key."""
    groups = len(next(iter(measures.values()))) if measures else 1
    return dict(walk(score(measures, groups, weights or make_weights())))


def same(left: Iterable[float], right: Iterable[float], tolerance: float = 1e-12) -> bool:
    """Tell whether two lists of numbers agree; NaN agrees with NaN."""
    return np.allclose(list(left), list(right), rtol=0, atol=tolerance, equal_nan=True)
