"""From checked bodies to the core's evidence: figures as ratios, contradictions as problems."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from csi_service.core.indicator import Array, Calculator, Indicator, Ratio, Reason, given, ratio
from csi_service.core.told import Told
from csi_service.errors import InvalidInputError, Problem
from csi_service.schema.figures import Numbers
from csi_service.schema.problem import at, pointer

Path = tuple[object, ...]


class Figure(NamedTuple):
    """The evidence of one figure as sent (None: missing), its place in the body, the parameters it falls under."""

    name: str
    indicator: Indicator
    numbers: Numbers | None
    path: Path
    parameters: Any


def one(number: float) -> Array:
    """Return the array of a single group."""
    return np.array((number,))


NOTHING = one(np.nan)
_MISSING = ratio(NOTHING, NOTHING)


def figures(calculator: Calculator, body: Mapping[str, Any], parameters: Any, path: Path) -> list[Figure]:
    """Return the figures of a component's evidence that stands at a path of the body."""
    if calculator.per_channel is None:
        return [
            Figure(indicator.name, indicator, body.get(indicator.name), (*path, indicator.name), parameters)
            for indicator in calculator.indicators
        ]
    channels: dict[str, Numbers] = body.get("channels") or {}
    return [
        Figure(name, calculator.per_channel, numbers, (*path, "channels", name), parameters)
        for name, numbers in channels.items()
    ]


def measure(asked: Sequence[Figure]) -> list[Ratio]:
    """Return the evidence of each figure.

    All numerators and denominators are divided together, as if they were groups: a tenth of the time of one by one.

    Raises:
        InvalidInputError: one problem for each numerator above its denominator and each count that a method needs.
    """
    found = [_MISSING] * len(asked)
    problems: list[Problem] = []
    pairs: list[int] = []
    for index, figure in enumerate(asked):
        numbers = figure.numbers
        if numbers is None:
            continue
        if "numerator" in numbers:
            pairs.append(index)
        elif "value" in numbers:
            found[index] = given(one(numbers["value"]))
        else:
            found[index] = _from_counts(figure, numbers, problems)
    if pairs:
        _divide(asked, pairs, found, problems)
    if problems:
        raise InvalidInputError(*problems)
    return found


def _divide(asked: Sequence[Figure], indexes: list[int], found: list[Ratio], problems: list[Problem]) -> None:
    numbers = [asked[index].numbers or {} for index in indexes]
    numerators = np.array([pair["numerator"] for pair in numbers])
    denominators = np.array([pair["denominator"] for pair in numbers])
    shares = np.array([asked[index].indicator.share for index in indexes])
    try:
        whole = ratio(numerators, denominators, share=shares)
    except InvalidInputError as error:
        if len(indexes) == 1:
            problems.extend(at((*asked[indexes[0]].path, "numerator"), error).problems)
        else:
            for index in indexes:
                _divide(asked, [index], found, problems)
        return
    for place, index in enumerate(indexes):
        single = slice(place, place + 1)
        found[index] = Ratio(
            whole.numerator[single], whole.denominator[single], whole.value[single], whole.reason[single]
        )


class Counts(Mapping[str, Array]):
    """Named counts of one group; what is absent reads as NaN and is remembered."""

    def __init__(self, numbers: Numbers) -> None:
        """Take the numbers."""
        self.given = {name: one(number) for name, number in numbers.items()}
        self.absent: list[str] = []

    def __getitem__(self, name: str) -> Array:
        """Return a count, NaN where it was not given."""
        if name not in self.given:
            if name not in self.absent:
                self.absent.append(name)
            return NOTHING
        return self.given[name]

    def __iter__(self) -> Iterator[str]:
        """Yield the names given."""
        return iter(self.given)

    def __len__(self) -> int:
        """Return how many were given."""
        return len(self.given)


def _from_counts(figure: Figure, numbers: Numbers, problems: list[Problem]) -> Ratio:
    counts = Counts(numbers)
    try:
        found = figure.indicator.formula(counts, figure.parameters)
    except InvalidInputError as error:
        problems.extend(at(figure.path, error).problems)
        return _MISSING
    if found.reason[0] == Reason.NOT_GIVEN:
        text = Told("is missing; the weights' method needs it for {name}", name=figure.name)
        names = _needed(figure, numbers, counts.absent) or counts.absent
        problems.extend(Problem(pointer((*figure.path, name)), text, code="missing_count") for name in names)
    return found


def _needed(figure: Figure, numbers: Numbers, absent: list[str]) -> list[str]:
    """The absent counts without which there is no figure, whatever the other absent ones were."""
    needed = []
    for name in absent:
        others = dict.fromkeys(absent, 0.0) | numbers
        del others[name]
        try:
            if figure.indicator.formula(Counts(others), figure.parameters).reason[0] == Reason.NOT_GIVEN:
                needed.append(name)
        except InvalidInputError:
            continue  # it has a figure, if an impossible one
    return needed
