"""Surveys and invitations -> measures a day, group and channel; suspect responses are set aside and counted apart."""

from collections.abc import Sequence

import duckdb
import pandas as pd

from csi_service.core.calculators.external import SCALES, Parameters
from csi_service.facts.duck import literal
from csi_service.facts.kinds import KINDS
from csi_service.rollup.places import Scope, joined, key_columns

SURVEYS, INVITATIONS = KINDS["surveys"], KINDS["survey_invitations"]
FAMILIES = ("responses", "satisfied_responses", "response_points", "responses_set_aside")  # one measure a channel each
SCANNER_SECONDS = 2  # an answer within these after sending is a link scanner's, not a customer's


def roll_up(connection: duckdb.DuckDBPyConnection, scope: Scope, p: Parameters) -> pd.DataFrame:
    """Return the measures of the table `surveys`: columns day, the keys, `responses.ivr` and so on."""
    satisfied = " ".join(f"WHEN {literal(scale)} THEN score >= {level}" for scale, level in p.satisfied_from.items())
    points = " ".join(
        f"WHEN {literal(scale)} THEN (score - {low}) / {high - low}e0" for scale, (low, high, _) in SCALES.items()
    )
    agent = "coalesce(p.agent, r.agent)" if scope.placed else "r.agent"
    long = connection.execute(
        f"""
        WITH judged AS (
            SELECT {", ".join(["r.day AS day", *key_columns(SURVEYS, scope)])},
                r.channel AS survey_channel, CASE scale {satisfied} END AS satisfied, CASE scale {points} END AS points,
                (r.call_id IS NOT NULL AND row_number() OVER one_call > 1)
                OR coalesce(answered_at <= sent_at + INTERVAL '{SCANNER_SECONDS} seconds', false)
                OR coalesce(r.customer_id = {agent}, false) AS suspect
            FROM {joined(SURVEYS, scope)}
            WINDOW one_call AS (PARTITION BY r.call_id, r.channel ORDER BY answered_at, survey_id)
        )
        SELECT {", ".join(["day", *scope.keys])}, survey_channel, count(*) FILTER (NOT suspect) AS responses,
            count(*) FILTER (satisfied AND NOT suspect) AS satisfied_responses,
            coalesce(sum(points) FILTER (NOT suspect), 0) AS response_points,
            count(*) FILTER (suspect) AS responses_set_aside
        FROM judged GROUP BY ALL
        """
    ).df()
    return _one_column_a_channel(long, scope.keys)


def roll_up_invitations(connection: duckdb.DuckDBPyConnection, scope: Scope) -> pd.DataFrame:
    """Return the measures of the table `survey_invitations`: columns day, the keys, `invitations.ivr` and so on."""
    columns = ["r.day AS day", *key_columns(INVITATIONS, scope)]
    long = connection.execute(
        f"SELECT {', '.join(columns)}, r.channel AS survey_channel, sum(invited) AS invitations "
        f"FROM {joined(INVITATIONS, scope)} GROUP BY ALL"
    ).df()
    return _one_column_a_channel(long, scope.keys)


def _one_column_a_channel(long: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    wide = long.pivot(index=["day", *keys], columns="survey_channel").fillna(0.0)
    wide.columns = pd.Index([".".join(pair) for pair in wide.columns.to_flat_index()])
    return wide.reset_index()
