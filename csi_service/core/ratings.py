"""Five-level ratings of groups as nodes of the score tree: the level shares, their mean, the satisfied share."""

from dataclasses import replace

import numpy as np

from csi_service.core.indicator import Array, Codes, Node, Reason
from csi_service.core.levels import LEVELS, LevelShares


def rating_nodes(shares: LevelShares, empty_batches: tuple[str, ...] = ()) -> Node:
    """Return the node `ratings`: raw is the mean level 1..5, value the satisfied share, the children the level shares.

    `empty_batches` are the period's batches without ratings, which count nothing and are listed in the notes.

    It is the judgement of quality raters, not of customers, and is no part of the CSI.
    """
    reason = np.where(shares.ratings > 0, np.int8(Reason.NONE), np.int8(Reason.NO_DATA)).astype(np.int8)
    return replace(
        _node("ratings", shares.mean, shares.satisfied, shares.ratings, reason),
        beside={"batches": shares.batches},
        notes={"weighting": shares.weighting, "fallback": shares.fallback, "empty_batches": empty_batches},
        children=tuple(
            _node(name, shares.shares[:, level], shares.shares[:, level], shares.ratings, reason)
            for level, name in enumerate(LEVELS)
        ),
    )


def _node(name: str, raw: Array, value: Array, n: Array, reason: Codes) -> Node:
    unknown = np.full(value.shape, np.nan)
    return Node(name, raw, value, reason, unknown, unknown, (n > 0).astype(float), unknown, unknown, unknown, n)
