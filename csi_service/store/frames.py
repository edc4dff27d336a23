"""Counters out of Arrow tables: as frames, by day, or summed up over all days."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from csi_service.facts.kinds import DIMENSIONS

_GROUPS = (*DIMENSIONS, "batch", "selection")
_NOT_SUMMED = ("day", "raters", *_GROUPS)


def table_of(found: pd.DataFrame) -> pa.Table:
    """Return counters that were made as a frame; where it has no row, its groups are texts nevertheless."""
    table = pa.Table.from_pandas(found, preserve_index=False)
    for index, name in enumerate(table.column_names):
        if name in _GROUPS and pa.types.is_null(table[name].type):
            table = table.set_column(index, name, table[name].cast(pa.string()))
    return table


def frame(table: pa.Table) -> pd.DataFrame:
    """Return counters as a frame; sums that a day does not have are 0."""
    for index, name in enumerate(table.column_names):
        if name not in _NOT_SUMMED and table[name].null_count:
            table = table.set_column(index, name, pc.fill_null(table[name], 0))
    made: pd.DataFrame = table.to_pandas(date_as_object=False)
    return made


def added(tables: Sequence[pa.Table], keys: tuple[str, ...]) -> pd.DataFrame:
    """Return the sums of several outputs side by side: one row a day and group."""
    groups = ["day", *keys]
    frames = [frame(table) for table in tables if len(table)]
    if not frames:
        return pd.DataFrame({name: pd.Series(dtype="datetime64[s]" if name == "day" else "str") for name in groups})
    return pd.concat(frames, ignore_index=True).groupby(groups, as_index=False, sort=True).sum()


def summed(table: pa.Table) -> pa.Table:
    """Return the sums over all days; who rated is left out."""
    groups = [name for name in table.column_names if name in _GROUPS]
    sums = [name for name in table.column_names if name not in _NOT_SUMMED]
    whole = pa.TableGroupBy(table, groups, use_threads=False).aggregate([(name, "sum") for name in sums])
    return whole.rename_columns({f"{name}_sum": name for name in sums})


def pooled(tables: Sequence[pa.Table], keys: tuple[str, ...]) -> pd.DataFrame:
    """Return the sums over all days of several outputs side by side: one row a group."""
    wholes = [summed(table) for table in tables if len(table)]
    members = [list(zip(*(whole[key].to_pylist() for key in keys), strict=True)) or [()] for whole in wholes]
    groups = sorted(set().union(*members))
    index = {group: number for number, group in enumerate(groups)}
    made: dict[str, Any] = {
        key: pd.Series([group[place] for group in groups], dtype="str") for place, key in enumerate(keys)
    }
    for whole, of_whole in zip(wholes, members, strict=True):
        rows = np.array([index[group] for group in of_whole], dtype=np.intp)
        for name in whole.column_names:
            if name not in keys:
                made.setdefault(name, np.zeros(len(groups)))[rows] += pc.fill_null(whole[name], 0).to_numpy()
    return pd.DataFrame(made, index=range(len(groups)))
