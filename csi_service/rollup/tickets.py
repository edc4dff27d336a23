"""Tickets -> measures a day of closing and group: closed, reactivated within the window, mature."""

import datetime as dt

import duckdb
import pandas as pd

from csi_service.core.calculators.internal import Parameters
from csi_service.facts.kinds import KINDS
from csi_service.rollup.places import Scope, joined, key_columns

TICKETS = KINDS["tickets"]


def roll_up(
    connection: duckdb.DuckDBPyConnection,
    scope: Scope,
    p: Parameters,
    has_reactivated: bool,
    horizon: dt.datetime | None = None,
) -> pd.DataFrame:
    """Return the measures of the table `tickets`: columns day, the keys, one a measure.

    Nobody knows how many came back where no ticket tells of reactivations.
    A ticket is mature when the window after its closing has passed at the horizon, by default the latest instant that
    the tickets hold.
    """
    window = f"INTERVAL '{round(p.resolution_window_days * 86_400)} seconds'"
    columns = ["r.day AS day", *key_columns(TICKETS, scope)]
    back = f"len(list_filter(reactivated_at, lambda x: x >= closed_at AND x <= closed_at + {window})) > 0"
    reactivated = f"count(*) FILTER ({back}) AS tickets_reactivated, " if has_reactivated else ""
    latest = "max(greatest(opened_at, closed_at, list_max(reactivated_at)))"
    known = f"SELECT {latest} AS latest FROM tickets" if horizon is None else f"SELECT TIMESTAMP '{horizon}' AS latest"
    return connection.execute(
        f"""
        WITH horizon AS ({known})
        SELECT {", ".join(columns)}, count(*) AS tickets_closed, {reactivated}
            count(*) FILTER (closed_at + {window} <= latest) AS tickets_mature
        FROM {joined(TICKETS, scope)}, horizon WHERE closed_at IS NOT NULL GROUP BY ALL
        """
    ).df()
