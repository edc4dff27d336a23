"""Evaluations and batches -> measures a day and group, and the rated calls a level and batch.

An evaluation counts on the day it was made, but never outside its batch's period: one made on 3 February for January's
batch counts on 31 January.
"""

import duckdb
import pandas as pd

from csi_service.core.periods import parse_period
from csi_service.facts.kinds import KINDS
from csi_service.rollup.places import Scope, joined, key_columns

EVALUATIONS = KINDS["evaluations"]


def load_batches(connection: duckdb.DuckDBPyConnection, given: bool) -> pd.DataFrame:
    """Make `batch_days` from the table `batches` (an empty one where no batches are given) and return it.

    One row a batch: batch, first and last local day, population (NaN unknown), selection.
    """
    rows = connection.execute("SELECT batch, period, population, selection FROM batches").fetchall() if given else []
    spans = [parse_period(period) for _, period, _, _ in rows]
    frame = pd.DataFrame(
        {
            "batch": pd.Series([row[0] for row in rows], dtype="str"),
            "first": pd.Series([span.first for span in spans], dtype="datetime64[s]"),
            "last": pd.Series([span.last for span in spans], dtype="datetime64[s]"),
            "population": pd.Series([row[2] for row in rows], dtype="float64"),
            "selection": pd.Series([row[3] or "random" for row in rows], dtype="str"),
        }
    )
    connection.register("batch_frame", frame)
    connection.execute("CREATE OR REPLACE TEMP TABLE batch_days AS SELECT * FROM batch_frame")
    connection.unregister("batch_frame")
    return frame


def _placed(scope: Scope) -> str:
    day = "greatest(least(r.day, coalesce(CAST(b.last AS DATE), r.day)), coalesce(CAST(b.first AS DATE), r.day))"
    own = ("evaluation_id", "call_id", "evaluated_at", "score", "full_marks", "delight", "rating", "batch", "rater")
    columns = [
        *(f"r.{name} AS {name}" for name in own),
        f"{day} AS day",
        "coalesce(b.selection, 'random') AS selection",
    ]
    columns += key_columns(EVALUATIONS, scope)
    return (
        f"SELECT {', '.join(columns)} FROM {joined(EVALUATIONS, scope)} LEFT JOIN batch_days AS b ON r.batch = b.batch"
    )


def roll_up(connection: duckdb.DuckDBPyConnection, scope: Scope, has_delight: bool) -> pd.DataFrame:
    """Return the measures of the table `evaluations`, random samples only: columns day, the keys, one a measure."""
    delight = "count(delight) AS delight_judged, count(*) FILTER (delight) AS delight_met, " if has_delight else ""
    full = "coalesce(full_marks, 100e0)"
    return connection.execute(
        f"""
        WITH placed AS ({_placed(scope)})
        SELECT {", ".join(["day", *scope.keys])}, {delight} count(score) AS evaluations,
            coalesce(sum(score / {full}), 0) AS evaluation_scores,
            coalesce(sum((score / {full}) * (score / {full})), 0) AS evaluation_scores_squared,
            coalesce(sum(score), 0) AS points_earned,
            coalesce(sum({full}) FILTER (score IS NOT NULL), 0) AS points_possible
        FROM placed WHERE selection = 'random' GROUP BY ALL
        """
    ).df()


def rated_calls(connection: duckdb.DuckDBPyConnection, scope: Scope) -> pd.DataFrame:
    """Return the rated calls: columns day, the keys, batch, selection, level_1 .. level_5, raters.

    Of several ratings of a call by one rater the newest counts; a call rated by several raters counts once, in equal
    parts.
    """
    levels = ", ".join(f"sum(share) FILTER (rating = {level}) AS level_{level}" for level in range(1, 6))
    return (
        connection.execute(
            f"""
        WITH placed AS ({_placed(scope)}),
        newest AS (
            SELECT * FROM placed WHERE rating IS NOT NULL
            QUALIFY row_number() OVER (
                PARTITION BY call_id, batch, rater ORDER BY evaluated_at DESC, evaluation_id DESC
            ) = 1
        ),
        shared AS (
            SELECT *, 1e0 / count(*) OVER one_call AS share, max(day) OVER one_call AS call_day
            FROM newest WINDOW one_call AS (PARTITION BY call_id, batch)
        )
        SELECT {", ".join(["call_day AS day", *scope.keys])}, coalesce(batch, '') AS batch, selection, {levels},
            list(DISTINCT rater) AS raters
        FROM shared GROUP BY ALL
        """
        )
        .df()
        .fillna({f"level_{level}": 0.0 for level in range(1, 6)})
    )
