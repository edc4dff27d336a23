"""Calls -> measures a day and group: contacts, service level, handling time, resolution."""

import duckdb
import pandas as pd

from csi_service.core.calculators.internal import Parameters
from csi_service.facts.days import local_day
from csi_service.facts.kinds import KINDS
from csi_service.rollup.places import Scope, key_columns

CALLS = KINDS["calls"]


def handling_components(fields: frozenset[str], p: Parameters) -> tuple[str, ...]:
    """Return the parts of the handling time that are chosen and that the data have a column for."""
    return tuple(part for part in p.handling_components if f"{part}_seconds" in fields)


def sums(fields: frozenset[str], p: Parameters) -> dict[str, str]:
    """Return SQL of each measure that calls with these fields can give."""
    measures = {
        "contacts_answered": "count(*) FILTER (answered)",
        "contacts_abandoned": "count(*) FILTER (NOT answered)",
    }
    if "wait_seconds" in fields:
        measures |= {
            "answered_timed": "count(wait_seconds) FILTER (answered)",
            "answered_within_threshold": f"count(*) FILTER (answered AND wait_seconds <= {p.threshold_seconds})",
            "abandoned_within_threshold": f"count(*) FILTER (NOT answered AND wait_seconds <= {p.threshold_seconds})",
            "abandoned_short": f"count(*) FILTER (NOT answered AND wait_seconds < {p.short_abandon_seconds})",
        }
    if components := handling_components(fields, p):
        total = " + ".join(f"{part}_seconds" for part in components)  # NULL where any part is
        measures |= {
            "handled_contacts": f"count({total}) FILTER (answered)",
            "handle_seconds": f"coalesce(sum({total}) FILTER (answered), 0)",
        }
    if "resolved" in fields:
        measures |= {
            "resolution_flagged": "count(resolved) FILTER (answered)",
            "resolution_confirmed": "count(*) FILTER (answered AND resolved)",
        }
    return measures


def query(relation: str, fields: frozenset[str], scope: Scope, p: Parameters) -> str:
    """Return SQL of the measures of a relation of good calls: columns day, the keys, one a measure."""
    columns = [f"{local_day('started_at', scope.zone)} AS day", *key_columns(CALLS, scope)]
    measures = [f"{sql} AS {name}" for name, sql in sums(fields, p).items()]
    return f"SELECT {', '.join([*columns, *measures])} FROM {relation} AS r GROUP BY ALL"


def checking_query(relation: str, fields: frozenset[str], scope: Scope, p: Parameters) -> str:
    """Return SQL as `query`, over rows with a column `problems`: with `good` for each group and the `ids` of its calls.

    So one reading of a file gives the measures and tells whether a row is bad or a call number stands twice.
    """
    columns = [f"{local_day('started_at', scope.zone)} AS day", *key_columns(CALLS, scope)]
    only_good = [f"CASE WHEN problems IS NULL THEN {sql} END AS {name}" for sql, _, name in (c.rpartition(" AS ") for c in columns)]
    measures = [f"{sql} AS {name}" for name, sql in sums(fields, p).items()]
    checks = ["problems IS NULL AS good", "list(hash(call_id)) AS ids"]
    return f"SELECT {', '.join([*only_good, *measures, *checks])} FROM {relation} AS r GROUP BY ALL"


def repeats_query(relation: str, scope: Scope, p: Parameters) -> str:
    """Return SQL of repeat contacts: columns day, the keys, first contacts, those repeated in the window, those mature.

    A contact is first where the same customer did not call on the same topic within the window before it.
    """
    window = f"INTERVAL '{round(p.resolution_window_days * 86_400)} seconds'"
    columns = [f"{local_day('started_at', scope.zone)} AS day", *key_columns(CALLS, scope)]
    return f"""
        WITH contacts AS (
            SELECT *, lag(started_at) OVER issue AS before, lead(started_at) OVER issue AS after,
                max(started_at) OVER () AS horizon
            FROM {relation} WHERE answered AND customer_id IS NOT NULL
            WINDOW issue AS (PARTITION BY customer_id, topic ORDER BY started_at, call_id)
        )
        SELECT {", ".join(columns)}, count(*) AS first_contacts,
            count(*) FILTER (after <= started_at + {window}) AS first_contacts_repeated,
            count(*) FILTER (started_at + {window} <= horizon) AS first_contacts_mature
        FROM contacts AS r WHERE before IS NULL OR before < started_at - {window} GROUP BY ALL
        """


def roll_up(connection: duckdb.DuckDBPyConnection, relation: str, fields: frozenset[str], scope: Scope, p: Parameters) -> pd.DataFrame:
    """Return the measures of a relation of good calls: columns day, the keys, one a measure."""
    return connection.execute(query(relation, fields, scope, p)).df()
