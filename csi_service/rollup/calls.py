"""Calls -> measures a day and group: contacts, service level, handling time, resolution."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from csi_service.core.calculators.internal import Parameters
from csi_service.facts.duck import literal
from csi_service.facts.kinds import KINDS, UNASSIGNED
from csi_service.rollup.places import Scope, key_columns

CALLS = KINDS["calls"]


def handling_components(fields: frozenset[str], p: Parameters) -> tuple[str, ...]:
    """Return the parts of the handling time that are chosen and that the data have a column for."""
    return tuple(part for part in p.handling_components if f"{part}_seconds" in fields)


@dataclass(frozen=True, slots=True)
class Unread:
    """Calls whose cells are still text: how to read a field from its cell, and what tells that a row may be bad.

    `values` and `refused` are SQL by field, over its cell `r_field`; `doubts` is SQL of an aggregate that is 0 where
    all other cells are good.
    """

    values: Mapping[str, str]
    refused: Mapping[str, str]
    doubts: str


def late_fields(fields: frozenset[str], scope: Scope) -> tuple[str, ...]:
    """Return the fields of few different values by which the calls are grouped before these are read."""
    return tuple(name for name in dict.fromkeys(("answered", "resolved", *scope.keys)) if name in fields)


def _counts(fields: frozenset[str], p: Parameters) -> dict[str, str]:
    """SQL of what is counted in a group of calls that are alike in the late fields."""
    counts = {"calls": "count(*)"}
    if "wait_seconds" in fields:
        counts["timed"] = "count(wait_seconds)"
        counts["within_threshold"] = f"count(*) FILTER (wait_seconds <= {p.threshold_seconds})"
        counts["short"] = f"count(*) FILTER (wait_seconds < {p.short_abandon_seconds})"
    if components := handling_components(fields, p):
        total = " + ".join(f"{part}_seconds" for part in components)  # NULL where any part is
        counts |= {"handled": f"count({total})", "seconds": f"sum({total})"}
        counts["squares"] = f"sum(({total}) * ({total}))"
    return counts


def _measures(fields: frozenset[str], p: Parameters) -> dict[str, str]:
    """SQL of each measure that calls with these fields can give, over the counts of their groups."""

    def total(count: str, which: str) -> str:
        return f"coalesce(sum({count}) FILTER ({which}), 0)"

    measures = {"contacts_answered": total("calls", "answered"), "contacts_abandoned": total("calls", "NOT answered")}
    if "wait_seconds" in fields:
        measures |= {
            "answered_timed": total("timed", "answered"),
            "answered_within_threshold": total("within_threshold", "answered"),
            "abandoned_within_threshold": total("within_threshold", "NOT answered"),
            "abandoned_short": total("short", "NOT answered"),
        }
    if handling_components(fields, p):
        measures |= {"handled_contacts": total("handled", "answered"), "handle_seconds": total("seconds", "answered")}
        measures["handle_seconds_squared"] = total("squares", "answered")
    if "resolved" in fields:
        measures["resolution_flagged"] = total("calls", "answered AND resolved IS NOT NULL")
        measures["resolution_confirmed"] = total("calls", "answered AND resolved")
    return measures


def query(relation: str, fields: frozenset[str], scope: Scope, p: Parameters) -> str:
    """Return SQL of the measures of typed calls: columns day, the keys, one a measure."""
    return measures_query(f"({alike_query(relation, fields, scope, p)})", fields, scope, p)


def alike_query(
    relation: str, fields: frozenset[str], scope: Scope, p: Parameters, unread: Unread | None = None
) -> str:
    """Return SQL that counts calls together that are alike in the late fields, so that each text is read once.

    Of unread calls the columns `doubts` and `ids` (hashes of their numbers) are given as well: one reading of a file
    tells the counts, whether any row may be bad and whether any call number may stand twice.
    """
    columns = ["day", *(f"r_{name}" if unread else name for name in late_fields(fields, scope))]
    columns += [f"{sql} AS {name}" for name, sql in _counts(fields, p).items()]
    columns += [f"{unread.doubts} AS doubts", "list(hash(r_call_id)) AS ids"] if unread else []
    return f"SELECT {', '.join(columns)} FROM {relation} GROUP BY ALL"


def measures_query(
    alike: str, fields: frozenset[str], scope: Scope, p: Parameters, unread: Unread | None = None
) -> str:
    """Return SQL of the measures of calls that `alike_query` counted: columns day, the keys, one a measure."""
    known = {key: key if key in fields else "NULL" for key in scope.keys}
    columns = ["day", *(f"coalesce({sql}, {literal(UNASSIGNED)}) AS {key}" for key, sql in known.items())]
    columns += [f"{sql} AS {name}" for name, sql in _measures(fields, p).items()]
    return f"SELECT {', '.join(columns)} FROM {_read(alike, fields, scope, unread)} AS r GROUP BY ALL"


def doubts_query(alike: str, fields: frozenset[str], scope: Scope, unread: Unread) -> str:
    """Return SQL of a number that is 0 where none of the unread calls is bad."""
    refused = " OR ".join(unread.refused[name] for name in late_fields(fields, scope))
    read = _read(alike, fields, scope, unread)
    return f"SELECT coalesce(sum(doubts), 0) + count(*) FILTER ({refused}) FROM {read} AS r"


def _read(alike: str, fields: frozenset[str], scope: Scope, unread: Unread | None) -> str:
    if unread is None:
        return alike
    values = [f"{unread.values[name]} AS {name}" for name in late_fields(fields, scope)]
    return f"(SELECT *, {', '.join(values)} FROM {alike})"


def repeats_query(relation: str, scope: Scope, p: Parameters, horizon: dt.datetime | None = None) -> str:
    """Return SQL of repeat contacts: columns day, the keys, first contacts, those repeated in the window, those mature.

    A contact is first where the same customer did not call on the same topic within the window before it. It is mature
    when the window after it has passed at the horizon, by default the latest of these contacts.
    """
    known = "max(started_at) OVER ()" if horizon is None else f"TIMESTAMP '{horizon}'"
    window = f"INTERVAL '{round(p.resolution_window_days * 86_400)} seconds'"
    columns = ["r.day AS day", *key_columns(CALLS, scope)]
    return f"""
        WITH contacts AS (
            SELECT *, lag(started_at) OVER issue AS before, lead(started_at) OVER issue AS after,
                {known} AS horizon
            FROM {relation} WHERE answered AND customer_id IS NOT NULL
            WINDOW issue AS (PARTITION BY customer_id, topic ORDER BY started_at, call_id)
        )
        SELECT {", ".join(columns)}, count(*) AS first_contacts,
            count(*) FILTER (after <= started_at + {window}) AS first_contacts_repeated,
            count(*) FILTER (started_at + {window} <= horizon) AS first_contacts_mature
        FROM contacts AS r WHERE before IS NULL OR before < started_at - {window} GROUP BY ALL
        """
