"""What to look at: at most three findings of a report, chosen by simple rules in a fixed order.

1. a component or figure without data, the heaviest first;
2. a figure beyond its floor, and a complaint index held at 0;
3. of the others, the fall that costs the index most, if it is more than chance, rests on 30 cases or more on both sides
   and costs a tenth of a point or more;
4. the groups whose index is worse than that of all other named ones together, if that is more than chance; where there
   are none, those of the first component that has some;
5. the channel with the lowest response rate, if that is below the weights' limit;
6. the heaviest figure that rests on too few cases;
7. days without calls; more than one rejected row in a hundred; more than one contact in twenty without a group.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from csi_service.core.weights import WeightSet
from csi_service.report.figures import Figure
from csi_service.report.groups import Group, GroupColumn
from csi_service.report.quality import Channel, DataQuality

MOST = 3
LEAST_EFFECT = 0.001  # of the index
MOST_REJECTED, MOST_UNASSIGNED = 0.01, 0.05


@dataclass(frozen=True, slots=True)
class Attention:
    """A finding: its rule, and the figure, channel or groups that it is about (None: the data)."""

    rule: str
    figure: Figure | None = None
    channel: Channel | None = None
    groups: tuple[Group, ...] = ()


def what_to_look_at(
    figures: Iterable[Figure],
    columns: Sequence[GroupColumn],
    groups: Sequence[Group],
    channels: Sequence[Channel],
    quality: DataQuality,
    weights: WeightSet,
) -> tuple[Attention, ...]:
    """Return the first findings, by the rules in their order; the groups' cells are those of the columns."""
    heaviest = sorted(figures, key=lambda figure: -figure.overall)
    leaves = [figure for figure in heaviest if figure.key != "csi" and not _has_parts(figure, heaviest)]
    low = [figure for figure in leaves if "below_floor" in figure.flags]
    floored = [figure for figure in leaves if "floored" in figure.flags]
    found = [
        *_missing(heaviest),
        *(Attention("floor", figure) for figure in low),
        *(Attention("floored", figure) for figure in floored),
        *_fall([figure for figure in leaves if figure not in low + floored]),
        *_behind(heaviest, columns, groups),
        *_responses(channels, weights),
        *[Attention("thin", figure) for figure in leaves if figure.too_thin][:1],
        *_data(quality),
    ]
    return tuple(found[:MOST])


def _has_parts(figure: Figure, figures: Iterable[Figure]) -> bool:
    return any(other.key.startswith(f"{figure.key}.") for other in figures)


def _missing(heaviest: Sequence[Figure]) -> Iterator[Attention]:
    """The components without a figure, then the missing figures of those that have one."""
    gone = {figure.key for figure in heaviest if figure.value is None}
    for figure in heaviest:
        parent = figure.key.rpartition(".")[0]
        if figure.key in gone and parent and (figure.key.count(".") == 1 or parent not in gone):
            yield Attention("missing", figure)


def _fall(leaves: Sequence[Figure]) -> Iterator[Attention]:
    falls = [figure for figure in leaves if figure.told and figure.effect is not None]
    worst = min(falls, key=lambda figure: figure.effect or 0.0, default=None)
    if worst is not None and (worst.effect or 0.0) <= -LEAST_EFFECT:
        yield Attention("fall", worst)


def _behind(figures: Iterable[Figure], columns: Sequence[GroupColumn], groups: Sequence[Group]) -> Iterator[Attention]:
    by_key = {figure.key: figure for figure in figures}
    for place, column in enumerate(columns):
        worse = tuple(group for group in groups if group.cells[place].tone < 0)
        if worse and not column.measured:
            yield Attention("groups", by_key[column.key], groups=worse)
            return


def _responses(channels: Sequence[Channel], weights: WeightSet) -> Iterator[Attention]:
    survey = weights.components.get("external")
    rated = [channel for channel in channels if channel.response_rate is not None]
    lowest = min(rated, key=lambda channel: channel.response_rate or 0.0, default=None)
    if survey is not None and lowest is not None and (lowest.response_rate or 0.0) < survey.low_response_rate:
        yield Attention("responses", lowest.figure, lowest)


def _data(quality: DataQuality) -> Iterator[Attention]:
    if quality.days_without_calls:
        yield Attention("days")
    if (quality.rejected_share or 0.0) > MOST_REJECTED:
        yield Attention("rejected")
    if (quality.unassigned_share or 0.0) > MOST_UNASSIGNED:
        yield Attention("unassigned")
