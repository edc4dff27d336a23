"""Five-level ratings of groups as nodes of the score tree: the level shares, their mean, the satisfied share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from csi_service.core.groups import Groups, Places
from csi_service.core.indicator import Array, Codes, Node, Reason
from csi_service.core.levels import LEVELS, LevelShares, level_shares_apart
from csi_service.core.periods import Period

if TYPE_CHECKING:
    import pandas as pd

LEVEL_COLUMNS = [f"level_{level}" for level in range(1, len(LEVELS) + 1)]


@dataclass(frozen=True, slots=True)
class RandomRatings:
    """The rated calls of random samples in some periods; each batch weighs the calls that it stands for.

    `rows` are the rated calls by key, `period`, `batch` and `counts` the place of each row's period and batch and its
    calls by level, `populations` what the batches stand for. `empty` names by period the batches without ratings.
    """

    rows: pd.DataFrame
    period: Places
    batch: Places
    counts: Array
    populations: Array
    empty: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, rated: pd.DataFrame, period: Places, batches: pd.DataFrame, periods: Sequence[Period]) -> RandomRatings:
        """Return the ratings of random samples, given the place of each row's period (-1: in none).

        `rated` has the rated calls by key, batch, selection and level, `batches` the batch, its first and last day, its
        population and selection.
        """
        import pandas as pd

        wanted = np.flatnonzero((rated["selection"] == "random").to_numpy(dtype=np.bool_) & (period >= 0))
        rows, period = rated.iloc[wanted], period[wanted]
        batch, names = pd.factorize(rows["batch"], sort=True)
        known = pd.Index(batches["batch"]).get_indexer(names)
        populations = np.append(batches["population"].to_numpy(dtype=np.float64), np.nan)[known]
        counts = np.stack([rows[name].to_numpy(dtype=np.float64) for name in LEVEL_COLUMNS], axis=1)
        first, last = (batches[name].to_numpy() for name in ("first", "last"))
        firsts, lasts = (np.array(days, "datetime64[D]")[:, None] for days in
                         ([some.first for some in periods], [some.last for some in periods]))  # fmt: skip
        due = (first <= lasts) & (last >= firsts) & (batches["selection"] == "random").to_numpy(dtype=np.bool_)
        place = known[batch]
        due[period[place >= 0], place[place >= 0]] = False
        labels = batches["batch"].to_numpy(dtype=object)
        return cls(rows, period, batch, counts, populations, tuple(tuple(labels[some]) for some in due))

    def nodes(self, groups: Groups, weighting: str, satisfied_from: int) -> list[Node]:
        """Return the node `ratings` of the groups of each period."""
        group = groups.places(self.rows, self.period)
        placed = group >= 0
        several = max(len(self.populations), 1)
        pairs, pair = np.unique(group[placed] * several + self.batch[placed], return_inverse=True)
        counts = np.stack([np.bincount(pair, level[placed], len(pairs)) for level in self.counts.T], axis=1).astype(
            np.float64
        )
        weight = self.populations[pairs % several]
        found = level_shares_apart(counts, weight, pairs // several, groups.sizes, weighting, satisfied_from)
        return [rating_nodes(shares, empty) for shares, empty in zip(found, self.empty, strict=True)]


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
