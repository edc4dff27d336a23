"""Evaluations by QA forms summed up: critical share beside the mean, items met, how often each rater says N/A."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import sqlalchemy as sa

from csi_service.core.form_statistics import item_statistics, na_shares, score_statistics
from csi_service.core.forms import CRITICAL
from csi_service.facts.kinds import UNASSIGNED
from csi_service.records.database import chunks
from csi_service.records.tables import CALL_PLACES, FORM_ANSWERS, RECORDS
from csi_service.store.evaluations import Wanted, conditions_of, placed_rows, query_of
from csi_service.store.folder import Store

_SCORES = ("score", "score_before_critical", "na_share")
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class FormStatistics:
    """Statistics of evaluations that were made by a form: in total, by group, by rater, and of each form's items.

    `evaluations` counts all of them, those without a score too. The frames are those of `core.form_statistics`.
    """

    evaluations: int
    total: pd.DataFrame
    groups: pd.DataFrame
    raters: pd.DataFrame
    items: Mapping[str, pd.DataFrame]


def read_form_statistics(
    store: Store, wanted: Wanted, selection: str, keys: tuple[str, ...], teams: Sequence[str] | None
) -> FormStatistics:
    """Return the statistics of evaluations of calls that were chosen in one way (random, targeted, calibration).

    Raises:
        DamagedError: a file of calls that has to be opened cannot be read.
    """
    conditions = [*conditions_of(wanted, teams), FORM_ANSWERS.c.evaluation_id.is_not(None), _chosen(selection)]
    rows = placed_rows(store, query_of(conditions))
    places = _places(store, [row["call_id"] for row in rows]) if keys else {}
    frame = pd.DataFrame(
        {
            "evaluation": [row["evaluation_id"] for row in rows],
            **{name: pd.Series([row[f"form_{name}"] for row in rows], dtype="float64") for name in _SCORES},
            **{
                f"critical_{kind}": [kind in row["form_critical_failures"].values() for row in rows]
                for kind in CRITICAL
            },
            **{key: [_member(row, places, key) for row in rows] for key in keys},
        }
    )
    answers = pd.DataFrame(
        [
            (row["evaluation_id"], row["rater"] or UNASSIGNED, row["form_form"], item, share)
            for row in rows
            for item, share in row["form_shares"].items()
        ],
        columns=["evaluation", "rater", "form", "item", "share"],
    ).astype({"share": "float64"})
    return FormStatistics(
        len(rows),
        score_statistics(frame),
        score_statistics(frame, keys) if keys else pd.DataFrame(),
        na_shares(answers),
        {str(form): item_statistics(some) for form, some in answers.groupby("form", sort=True)},
    )


def _chosen(selection: str) -> sa.ColumnElement[bool]:
    batches, evaluations = RECORDS["batches"], RECORDS["evaluations"]
    of_batch = sa.select(batches.c.selection).where(batches.c.batch == evaluations.c.batch).scalar_subquery()
    return sa.func.coalesce(of_batch, "random") == selection


def _places(store: Store, calls: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    with store.database.reading() as connection:
        for some in chunks(sorted(set(calls)), _AT_ONCE):
            query = sa.select(CALL_PLACES).where(CALL_PLACES.c.call_id.in_(some))
            found |= {row["call_id"]: dict(row) for row in connection.execute(query).mappings()}
    return found


def _member(row: Mapping[str, Any], places: Mapping[str, Mapping[str, Any]], key: str) -> str:
    """Where an evaluation belongs: to its call's member, else to its own, else to none, as in the counters."""
    return str(places.get(row["call_id"], {}).get(key) or row.get(key) or UNASSIGNED)
