"""The monthly report as a model: every figure that its documents show, taken from the scores, without words or layout.

The figures are those of the score table, unrounded. None stands for a figure that is missing.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from csi_service import __version__
from csi_service.core.composite import walk
from csi_service.core.indicator import Node
from csi_service.core.levels import whole_percents
from csi_service.core.outlook import label
from csi_service.core.periods import Period
from csi_service.core.weights import WeightSet
from csi_service.report.attention import Attention, what_to_look_at
from csi_service.report.figures import Figure, figures_of
from csi_service.report.groups import Group, GroupColumn, group_columns, groups_of
from csi_service.report.quality import Channel, Counts, DataQuality
from csi_service.schema.scores import number
from csi_service.scoring import PeriodScores


@dataclass(frozen=True, slots=True)
class Outlook:
    """Whether excitement needs were met: the word, and the recordings it rests on."""

    word: str
    met: float | None
    judged: float | None
    optimistic_above: float


@dataclass(frozen=True, slots=True)
class Level:
    """One of the five rating levels: its exact share and the whole per cent that is shown."""

    name: str
    share: float
    percent: float


@dataclass(frozen=True, slots=True)
class Ratings:
    """The five-level ratings of the random samples; without ratings `levels` is empty."""

    levels: tuple[Level, ...]
    mean: float | None
    mean_before: float | None
    satisfied: float | None
    satisfied_before: float | None
    rated: float
    batches: float
    weighting: str
    fallback: bool
    empty_batches: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """The index and its components (by name) in one period; None without a figure, `partial_parts` lack some data."""

    period: Period
    csi: float | None
    partial: bool
    in_progress: bool
    components: Mapping[str, float | None]
    partial_parts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Compared:
    """The period that a report compares with: `how` is `previous` or `year`; no weights where it has no data."""

    how: str
    period: Period | None
    weights: WeightSet | None


@dataclass(frozen=True, slots=True)
class Restatement:
    """What a restated report says of the one published before: its figures by node, when that was, and the reason."""

    figures: Mapping[str, float | None]
    published_on: dt.date
    reason: str


@dataclass(frozen=True, slots=True)
class ReportModel:
    """One period's report; `figures` are the index, its components and their figures in the order of the tree.

    `importing` tells that data were being imported when it was made, `teams` of which alone it tells (None: all).
    """

    period: Period
    in_progress: bool
    empty: bool
    compared: Compared
    keys: tuple[str, ...]
    figures: tuple[Figure, ...]
    usual_order: bool | None
    outlook: Outlook | None
    ratings: Ratings | None
    trend: tuple[TrendPoint, ...]
    attention: tuple[Attention, ...]
    columns: tuple[GroupColumn, ...]
    groups: tuple[Group, ...]
    channels: tuple[Channel, ...]
    counts: Counts
    quality: DataQuality
    weights: WeightSet
    warnings: tuple[str, ...]
    version: str
    importing: bool = False
    teams: tuple[str, ...] | None = None
    restatement: Restatement | None = None

    @property
    def csi(self) -> Figure:
        """The index."""
        return self.figures[0]

    @property
    def components(self) -> tuple[Figure, ...]:
        """The component indices."""
        return tuple(figure for figure in self.figures if figure.key.count(".") == 1)

    def figure(self, key: str) -> Figure | None:
        """Return the figure of a dotted key; None where the weights have none."""
        return next((figure for figure in self.figures if figure.key == key), None)


def build_report(
    groups: PeriodScores | None,
    total: PeriodScores,
    compared: Compared,
    before: PeriodScores | None,
    trend: Sequence[tuple[Period, PeriodScores | None]],
    counts: Counts,
    quality: DataQuality,
    *,
    empty: bool = False,
    warnings: Sequence[str] = (),
) -> ReportModel:
    """Return the report of a period.

    `groups` has one row a group (None: no groups were asked for), `total` and `before` (the compared period; None
    without data) one row in all, each part of `trend` likewise; `empty` tells that the period holds no record.
    """
    every = figures_of(total, before)
    figures = tuple(figure for key, figure in every.items() if not key.startswith("csi.external."))
    channels = _channels(total, before, every, counts)
    order = total.roots[0].beside.get("usual_order")
    holds = None if order is None else number(order, 0)
    columns, shown = group_columns(total), () if groups is None else groups_of(groups, total)
    return ReportModel(
        period=total.period,
        in_progress=total.in_progress,
        empty=empty,
        compared=compared,
        keys=() if groups is None else tuple(map(str, groups.groups.columns)),
        figures=figures,
        usual_order=None if holds is None else bool(holds),
        outlook=_outlook(total),
        ratings=_ratings(total, before),
        trend=tuple(_trend_point(period, part) for period, part in trend),
        attention=() if empty else what_to_look_at(figures, columns, shown, channels, quality, total.weights),
        columns=columns,
        groups=shown,
        channels=channels,
        counts=counts,
        quality=quality,
        weights=total.weights,
        warnings=tuple(warnings),
        version=__version__,
    )


def _root(part: PeriodScores | None, name: str) -> Node | None:
    return None if part is None else next((root for root in part.roots if root.name == name), None)


def _channels(
    total: PeriodScores, before: PeriodScores | None, figures: Mapping[str, Figure], counts: Counts
) -> tuple[Channel, ...]:
    earlier = {} if before is None else dict(walk(before.roots[0]))
    nodes = {key: node for key, node in walk(total.roots[0]) if key.startswith("csi.external.")}

    def view(node: Node | None, name: str) -> float | None:
        return number(node.beside[name], 0) if node is not None and name in node.beside else None

    return tuple(
        Channel(
            figures[key],
            view(node, "satisfied_share"),
            view(earlier.get(key), "satisfied_share"),
            view(node, "mean_score"),
            counts.invitations.get(node.name),
            counts.set_aside.get(node.name),
        )
        for key, node in nodes.items()
    )


def _outlook(total: PeriodScores) -> Outlook | None:
    node = _root(total, "outlook")
    if node is None:
        return None
    counts = (number(node.numerator, 0), number(node.denominator, 0))
    return Outlook(label(node, 0), *counts, float(node.notes["optimistic_above"]))


def _ratings(total: PeriodScores, before: PeriodScores | None) -> Ratings | None:
    node, earlier = _root(total, "ratings"), _root(before, "ratings")
    if node is None:
        return None
    return Ratings(
        levels=_levels(node) if node.n[0] > 0 else (),
        mean=number(node.raw, 0),
        mean_before=None if earlier is None else number(earlier.raw, 0),
        satisfied=number(node.value, 0),
        satisfied_before=None if earlier is None else number(earlier.value, 0),
        rated=float(node.n[0]),
        batches=float(node.beside["batches"][0]),
        weighting=str(node.notes["weighting"]),
        fallback=bool(node.notes["fallback"]),
        empty_batches=tuple(map(str, node.notes["empty_batches"])),
    )


def _levels(node: Node) -> tuple[Level, ...]:
    shares = [float(child.value[0]) for child in node.children]
    return tuple(
        Level(child.name, share, percent)
        for child, share, percent in zip(node.children, shares, whole_percents(shares), strict=True)
    )


def _trend_point(period: Period, part: PeriodScores | None) -> TrendPoint:
    if part is None:
        return TrendPoint(period, None, False, False, {})
    root = part.roots[0]
    values = {child.name: number(child.value, 0) for child in root.children}
    parts = frozenset(child.name for child in root.children if child.partial[0])
    return TrendPoint(period, number(root.value, 0), bool(root.partial[0]), part.in_progress, values, parts)
