"""Complaints -> measures a day of receipt and group."""

import duckdb
import pandas as pd

from csi_service.facts.kinds import KINDS
from csi_service.rollup.places import Scope, joined, key_columns

COMPLAINTS = KINDS["complaints"]


def roll_up(connection: duckdb.DuckDBPyConnection, scope: Scope, has_upheld: bool) -> pd.DataFrame:
    """Return the measures of the table `complaints`: columns day, the keys, one a measure.

    Nobody knows how many were found justified where no complaint says so.
    """
    columns = ["r.day AS day", *key_columns(COMPLAINTS, scope), "count(*) AS complaints_received"]
    columns += ["count(*) FILTER (upheld) AS complaints_upheld"] if has_upheld else []
    return connection.execute(f"SELECT {', '.join(columns)} FROM {joined(COMPLAINTS, scope)} GROUP BY ALL").df()
