"""Whether raters judge alike, from the kept ratings of calls that several of them rated."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from csi_service.access import Caller
from csi_service.core.agreement import Alpha, confusion, item_differences, krippendorff_alpha, pairwise, severity
from csi_service.core.levels import LEVELS
from csi_service.core.periods import Period
from csi_service.records.tables import FORM_ANSWERS, RECORDS
from csi_service.store.folder import Store
from csi_service.store.places import locate
from csi_service.store.plans import find_batch

Row = dict[str, Any]
_TABLE = RECORDS["evaluations"]
_COLUMNS = [_TABLE.c[name] for name in ("evaluation_id", "call_id", "evaluated_at", "rating", "rater", "team", "agent")]


@dataclass(frozen=True, slots=True)
class Calibration:
    """How alike raters judge; `pairs` and `severity` have one row a pair and a rater, as `core.agreement` names them.

    `confusion` has a row and a column a level: how often they met on one call (each of m raters' pairs counts 1/(m-1)).
    `items` has a row for each item of a form that two people answered for one call, what differs most first. Calls
    that one person rated tell nothing here and are left out.
    """

    alpha: Alpha
    pairs: tuple[Row, ...]
    severity: tuple[Row, ...]
    confusion: tuple[tuple[float, ...], ...]
    items: tuple[Row, ...]

    @property
    def raters(self) -> int:
        """The people who rated a call that another rated too."""
        return len(self.severity)

    @property
    def publish_levels(self) -> bool | None:
        """Whether agreement is good enough for levels to be published; None where it is not known."""
        return None if self.alpha.reading is None else self.alpha.reading != "poor"


def calibrate(store: Store, period: Period | None, batch: str | None, caller: Caller) -> Calibration:
    """Return how alike the ratings of a period, of a batch or plan, or of both are; of the caller's teams only.

    Of several ratings of a call by one rater the newest counts; ratings without a rater do not.

    Raises:
        NotFoundError: there is no such batch, or none that the caller may see.
        DamagedError: a file of calls that has to be opened cannot be read.
    """
    with store.database.reading() as connection:
        chosen = _chosen(connection, period, batch, caller)
        found, answered = _ratings(connection, chosen), _answers(connection, chosen)
    ratings = _newest(_seen(store, found, caller)).rename(columns={"call_id": "call", "rating": "level"})
    items = _items(_newest(_seen(store, answered, caller)))
    if ratings.empty:
        nothing = ((0.0,) * len(LEVELS),) * len(LEVELS)
        return Calibration(Alpha(None, "no_data", None, 0, 0), (), (), nothing, items)
    return Calibration(
        alpha=krippendorff_alpha(ratings),
        pairs=_rows(pairwise(ratings)),
        severity=_rows(severity(ratings)),
        confusion=tuple(tuple(map(float, row)) for row in confusion(ratings)),
        items=items,
    )


def _seen(store: Store, rows: Sequence[Row], caller: Caller) -> Sequence[Row]:
    """The rows whose calls are of the caller's teams; of a call that is not kept their own team counts."""
    if caller.teams is None:
        return rows
    places = locate(store, {row["call_id"] for row in rows}).places
    return [row for row in rows if caller.allows_team((places[row["call_id"]] or {}).get("team") or row["team"])]


def _newest(rows: Sequence[Row]) -> pd.DataFrame:
    """The last row of each call and rater."""
    if not rows:
        return pd.DataFrame(columns=["call_id", "rater", "rating"])
    return pd.DataFrame(rows).drop_duplicates(["call_id", "rater"], keep="last")


def _items(answered: pd.DataFrame) -> tuple[Row, ...]:
    """How far raters differ on each item; the items of each form are its own."""
    answers = [
        (row["call_id"], row["rater"], (row["form"], item), np.nan if share is None else float(share))
        for row in answered.to_dict("records")
        for item, share in row["shares"].items()
    ]
    if not answers:
        return ()
    frame = pd.DataFrame(answers, columns=["call", "rater", "item", "share"])
    rows = _rows(item_differences(frame))
    return tuple({"form": row["item"][0], **row, "item": row["item"][1]} for row in rows)


def _chosen(
    connection: sa.Connection, period: Period | None, batch: str | None, caller: Caller
) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = [_TABLE.c.rater.is_not(None)]
    if period is not None:
        conditions.append(_TABLE.c.day.between(period.first, period.last))
    if batch is not None:
        found = find_batch(connection, batch, caller)
        names = [batch]
        if found.plan is not None and batch == found.plan.batch:
            names += [stratum.batch for stratum in found.plan.strata]
        conditions.append(_TABLE.c.batch.in_(names))
    return conditions


def _ratings(connection: sa.Connection, chosen: Sequence[sa.ColumnElement[bool]]) -> list[Row]:
    rated = (*chosen, _TABLE.c.rating.is_not(None))
    return _several(connection, sa.select(*_COLUMNS).where(*rated), sa.select(_TABLE.c.call_id).where(*rated))


def _answers(connection: sa.Connection, chosen: Sequence[sa.ColumnElement[bool]]) -> list[Row]:
    """The answers to forms that count: those that led to the evaluation as it is."""
    own = (FORM_ANSWERS.c.evaluation_id == _TABLE.c.evaluation_id, FORM_ANSWERS.c.revision == _TABLE.c.revision)
    joined = _TABLE.join(FORM_ANSWERS, sa.and_(*own))
    query = sa.select(*_COLUMNS, FORM_ANSWERS.c.form, FORM_ANSWERS.c.shares).select_from(joined).where(*chosen)
    return _several(connection, query, sa.select(_TABLE.c.call_id).select_from(joined).where(*chosen))


def _several(connection: sa.Connection, query: sa.Select[Any], calls: sa.Select[tuple[str]]) -> list[Row]:
    """The rows of a query whose calls several people judged, the newest last."""
    several = calls.group_by(_TABLE.c.call_id).having(sa.func.count(_TABLE.c.rater.distinct()) > 1)
    ordered = query.where(_TABLE.c.call_id.in_(several)).order_by(_TABLE.c.evaluated_at, _TABLE.c.evaluation_id)
    return [dict(row) for row in connection.execute(ordered).mappings()]


def _rows(table: pd.DataFrame) -> tuple[Row, ...]:
    """The rows of a frame with plain values, None for NaN."""
    names = [str(name) for name in table.columns]
    return tuple({name: _plain(row[name]) for name in names} for row in table.to_dict("records"))


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and value != value else value
