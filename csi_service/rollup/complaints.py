"""Complaints -> measures a day of receipt and group."""

import duckdb
import pandas as pd

from csi_service.facts.kinds import KINDS
from csi_service.rollup.places import Scope, joined, key_columns

COMPLAINTS = KINDS["complaints"]


def roll_up(connection: duckdb.DuckDBPyConnection, scope: Scope) -> pd.DataFrame:
    """Return the measures of the table `complaints`: columns day, the keys, one a measure."""
    columns = ["r.day AS day", *key_columns(COMPLAINTS, scope)]
    return connection.execute(
        f"SELECT {', '.join(columns)}, count(*) AS complaints_received, count(*) FILTER (upheld) AS complaints_upheld "
        f"FROM {joined(COMPLAINTS, scope)} GROUP BY ALL"
    ).df()
