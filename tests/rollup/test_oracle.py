"""The engine against a plain Python loop over the same rows, whatever their order and however they are split."""

import datetime as dt
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hypothesis.strategies as st
import pandas as pd
from hypothesis import given, settings

from tests.files import make_csv, measures_of
from tests.make import make_weights

START = dt.datetime(2021, 1, 4, tzinfo=dt.UTC)
FIELDS = ("call_id", "started_at", "answered", "team", "customer_id", "wait_seconds", "talk_seconds", "wrap_seconds")
FIELDS += ("resolved",)
WEIGHTS = make_weights(
    {
        "internal.service_level.short_abandon_seconds": 5,
        "internal.first_contact_resolution.method": "repeat_contact",
        "internal.first_contact_resolution.window_days": 1,
    }
)
SECONDS = st.one_of(st.none(), st.sampled_from([0, 4, 5, 6, 20, 21]))
CALLS = st.lists(
    st.fixed_dictionaries(
        {
            "call_id": st.integers(0, 12).map(str),
            "started_at": st.integers(0, 8).map(lambda half: START + dt.timedelta(hours=12 * half)),
            "answered": st.sampled_from(["Y", "N", "?"]),
            "team": st.sampled_from(["red", "blue", "", None]),
            "customer_id": st.sampled_from(["k1", "k2", None]),
            "wait_seconds": SECONDS,
            "talk_seconds": SECONDS,
            "wrap_seconds": SECONDS,
            "resolved": st.sampled_from(["Y", "N", None]),
        }
    ),
    min_size=1,
    max_size=25,
)


def engine(folder: Path, *parts: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, float]]:
    paths = []
    for number, rows in enumerate(parts):
        cells = [
            [row["started_at"].isoformat(" ")[:19] if name == "started_at" else row[name] for name in FIELDS]
            for row in rows
        ]
        paths.append(make_csv(folder / f"{number}.csv", [FIELDS, *cells]))
    frame = measures_of({"calls": paths}, weights=WEIGHTS, keys=("team",))
    return {(str(row.pop("day"))[:10], row.pop("team")): row for row in frame.to_dict("records")}


def loop(rows: list[dict[str, Any]]) -> dict[tuple[str, str], Counter[str]]:
    """The measures, counted one call at a time."""
    last = {row["call_id"]: row for row in rows if row["answered"] != "?"}  # a bad row is rejected before it replaces
    found: dict[tuple[str, str], Counter[str]] = {}
    horizon = max((row["started_at"] for row in last.values() if counts(row)), default=None)
    for row in last.values():
        group = found.setdefault((row["started_at"].date().isoformat(), row["team"] or "unassigned"), Counter())
        wait, answered = row["wait_seconds"], row["answered"] == "Y"
        group["contacts_answered" if answered else "contacts_abandoned"] += 1
        if wait is not None and wait <= 20:
            group["answered_within_threshold" if answered else "abandoned_within_threshold"] += 1
        if not answered:
            group["abandoned_short"] += wait is not None and wait < 5
            continue
        group["answered_timed"] += wait is not None
        if row["talk_seconds"] is not None and row["wrap_seconds"] is not None:
            group["handled_contacts"] += 1
            group["handle_seconds"] += row["talk_seconds"] + row["wrap_seconds"]
            group["handle_seconds_squared"] += (row["talk_seconds"] + row["wrap_seconds"]) ** 2
        group["resolution_flagged"] += row["resolved"] is not None
        group["resolution_confirmed"] += row["resolved"] == "Y"
        if counts(row):
            others = [other for other in last.values() if counts(other) and other["customer_id"] == row["customer_id"]]
            order = sorted(others, key=lambda other: (other["started_at"], other["call_id"]))
            place = order.index(row)
            window = dt.timedelta(days=1)
            if place == 0 or order[place - 1]["started_at"] < row["started_at"] - window:
                group["first_contacts"] += 1
                after = order[place + 1]["started_at"] if place + 1 < len(order) else None
                group["first_contacts_repeated"] += after is not None and after <= row["started_at"] + window
                group["first_contacts_mature"] += row["started_at"] + window <= horizon
    return found


def counts(row: dict[str, Any]) -> bool:
    return row["answered"] == "Y" and row["customer_id"] is not None


@given(CALLS, st.randoms(use_true_random=False), st.integers(0, 25))
@settings(max_examples=60)
def test_calls_are_counted_as_a_loop_counts_them_split_over_files_or_shuffled(rows, random, cut):
    with TemporaryDirectory() as folder:
        expected = loop(rows)
        found = engine(Path(folder), rows)
        assert found.keys() == expected.keys()
        for group, measures in found.items():
            assert {name: value for name, value in measures.items() if value} == {
                name: value for name, value in expected[group].items() if value
            }
        if rows[:cut] and rows[cut:]:
            assert engine(Path(folder), rows[:cut], rows[cut:]) == found
        different = list({row["call_id"]: row for row in rows if row["answered"] != "?"}.values())
        if different:
            random.shuffle(different)
            assert engine(Path(folder), different) == found


@given(CALLS)
@settings(max_examples=20)
def test_teams_together_are_all_calls(rows):
    with TemporaryDirectory() as folder:
        by_team = engine(Path(folder), rows)
        path = Path(folder) / "0.csv"
        whole = measures_of({"calls": path}, weights=WEIGHTS)
    if not by_team:
        assert whole.empty
        return
    together = pd.DataFrame(by_team.values()).sum()
    assert together.to_dict() == whole.drop(columns="day").sum().to_dict()
