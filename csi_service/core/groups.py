"""The groups of several periods, numbered through, so that the figures of all of them are made in one go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from csi_service.core.indicator import Array
from csi_service.core.periods import Period

if TYPE_CHECKING:
    import pandas as pd

Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of some periods: those of the first one, then those of the second one ..., each in order.

    `frame` has the key columns, one row a group, `period` the place of each group's period, `sizes` how many groups
    each period has.
    """

    frame: pd.DataFrame
    period: Places
    sizes: tuple[int, ...]
    _members: Mapping[str, pd.Index]
    _numbers: Places

    @classmethod
    def of(cls, rows: pd.DataFrame, period: Places, periods: int, keys: Sequence[str]) -> Groups:
        """Return the groups that some rows make, given the place of each row's period among `periods`."""
        import pandas as pd

        members = {key: pd.Index(rows[key].unique()).sort_values() for key in keys}
        numbers, first = np.unique(_numbered(rows, period, members)[0], return_index=True)
        frame = rows[list(keys)].iloc[first] if keys else pd.DataFrame(index=range(len(first)))
        of_groups = period[first]
        sizes = tuple(np.bincount(of_groups, minlength=periods).tolist())
        return cls(frame.reset_index(drop=True), of_groups, sizes, members, numbers)

    @property
    def parts(self) -> list[slice]:
        """Where the groups of each period stand."""
        return parts_of(self.sizes)

    def frames(self) -> list[pd.DataFrame]:
        """Return the key columns of each period's groups."""
        return [self.frame.iloc[part].reset_index(drop=True) for part in self.parts]

    def places(self, rows: pd.DataFrame, period: Places) -> Places:
        """Return the place of the group of each row, given the place of its period; -1 where it is none of them."""
        found, known = _numbered(rows, period, self._members)
        place = np.searchsorted(self._numbers, found)
        known &= place < len(self._numbers)
        known[known] = self._numbers[place[known]] == found[known]
        return np.where(known, place, -1)


def parts_of(sizes: Sequence[int]) -> list[slice]:
    """Return where parts of some sizes stand, one behind the other.

    >>> parts_of((2, 1))
    [slice(0, 2, None), slice(2, 3, None)]
    """
    ends = np.cumsum(sizes, dtype=np.intp).tolist()
    return [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]


def _numbered(rows: pd.DataFrame, period: Places, members: Mapping[str, pd.Index]) -> tuple[Places, NDArray[np.bool_]]:
    """A number of each row's period and members, in their order, and whether all of its members are known."""
    import pandas as pd

    number, known = period, np.ones(len(period), dtype=np.bool_)
    for key, of_key in members.items():
        place = of_key.get_indexer(pd.Index(rows[key]))
        known &= place >= 0
        number = number * len(of_key) + place
    return number, known


def periods_of(rows: pd.DataFrame, periods: Sequence[Period]) -> Places:
    """Return the place of the period of each row's `day`; -1 where it is in none.

    `periods` are in order and do not overlap.
    """
    firsts, lasts = (
        np.array(days, "datetime64[D]") for days in zip(*((p.first, p.last) for p in periods), strict=True)
    )
    days = rows["day"].to_numpy()
    place = np.searchsorted(firsts, days, side="right") - 1
    return np.where((place >= 0) & (days <= lasts[place]), place, -1)


def sums(measures: Mapping[str, Array], place: Places, groups: int) -> dict[str, Array]:
    """Return the sums of measures by group, given the place of each row's group.

    >>> sums({"calls": np.array([1.0, 2.0, 4.0])}, np.array([0, 1, 0]), 2)["calls"].tolist()
    [5.0, 2.0]
    """
    return {name: np.bincount(place, values, groups).astype(np.float64) for name, values in measures.items()}


def others(measures: Mapping[str, Array]) -> dict[str, Array]:
    """Return for each group the sums over all the other groups.

    Added up from both sides, not taken away from the whole, so that nothing is left of rounding where there is nothing.

    >>> others({"calls": np.array([1.0, 2.0, 4.0])})["calls"].tolist()
    [6.0, 5.0, 3.0]
    """
    return {name: _before(values) + _before(values[::-1])[::-1] for name, values in measures.items()}


def _before(values: Array) -> Array:
    return np.concatenate(([0.0], np.cumsum(values)))[:-1]
