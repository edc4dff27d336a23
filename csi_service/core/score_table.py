"""The long score table: one row a group, period and node."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from csi_service.core.composite import walk
from csi_service.core.indicator import REASON_WORDS, Node

COLUMNS = (
    "node",
    "raw",
    "value",
    "coverage",
    "partial",
    "partial_value",
    "reason",
    "numerator",
    "denominator",
    "n",
)


def long_table(groups: pd.DataFrame, roots: Sequence[Node]) -> pd.DataFrame:
    """Return the scores as a long table: the columns of `groups` (one row a group), then `COLUMNS`.

    Rows come group by group, parents before their parts. Values are unrounded fractions; a missing figure is NaN and
    `reason` says why.
    """
    nodes = [pair for root in roots for pair in walk(root)]
    count = len(groups)
    table = groups.loc[groups.index.repeat(len(nodes))].reset_index(drop=True)
    table["node"] = np.tile(np.array([key for key, _ in nodes], dtype=object), count)
    for name in ("raw", "value", "coverage", "partial", "partial_value", "numerator", "denominator", "n"):
        table[name] = np.stack([np.asarray(getattr(node, name)) for _, node in nodes], axis=1).ravel()
    codes = np.stack([node.reason for _, node in nodes], axis=1).ravel()
    table["reason"] = np.array(REASON_WORDS, dtype=object)[codes]
    return table[[*groups.columns, *COLUMNS]]
