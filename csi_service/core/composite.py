"""Composite index CSI: the component indices weighed into one figure, and the tree of scores under it."""

from collections.abc import Iterator, Mapping

import numpy as np

from csi_service.core.calculators import CALCULATORS
from csi_service.core.index import aggregate
from csi_service.core.indicator import Array, Calculator, Node, Reason, given, leaf
from csi_service.core.weights import WeightSet

USUAL_ORDER = ("external", "complaint", "internal")  # O > C > I, as the source article expects


class Known(dict[str, Array]):
    """Measures of some groups; what the data do not hold reads as NaN for every group."""

    def __init__(self, measures: Mapping[str, Array], groups: int) -> None:
        """Keep the measures; `groups` is the length of each array."""
        super().__init__(measures)
        self.unknown = np.full(groups, np.nan)

    def __missing__(self, name: str) -> Array:
        """Return NaN for every group."""
        return self.unknown


def components(weights: WeightSet) -> list[Calculator]:
    """Return the calculators that the set weighs, in the order of the registry."""
    return [calculator for calculator in CALCULATORS if calculator.name in weights.csi]


def score(measures: Mapping[str, Array], groups: int, weights: WeightSet) -> Node:
    """Return the score tree of all groups from their measures (name -> one number a group)."""
    known = Known(measures, groups)
    nodes = []
    for calculator in components(weights):
        parameters = weights.components[calculator.name]
        ratios = calculator.evidence(known, parameters)
        nodes.append(
            calculator.index(ratios, parameters, weights.minimum_coverage)
            if ratios
            else bare(calculator.name, known.unknown)
        )
    return compose(nodes, weights)


def bare(name: str, value: Array) -> Node:
    """Return a component that is a finished value, one a group; NaN is `not_given`."""
    return leaf(name, given(value), value)


def compose(nodes: list[Node], weights: WeightSet) -> Node:
    """Return the CSI of the component nodes (one for each component that the set weighs).

    `beside["usual_order"]` is 1 where O > C > I holds, 0 where it does not, NaN where one of the three is missing.
    """
    csi = aggregate("csi", nodes, weights.csi, weights.minimum_coverage, [node.raw for node in nodes])
    values = {node.name: node.value for node in nodes}
    if not values.keys() >= set(USUAL_ORDER):
        return csi
    first, second, third = (values[name] for name in USUAL_ORDER)
    order = np.where(np.isnan(first + second + third), np.nan, (first > second) & (second > third))
    csi.beside = {"usual_order": order}
    return csi


def walk(node: Node, prefix: str = "") -> Iterator[tuple[str, Node]]:
    """Yield each node of the tree with its dotted key, parents first."""
    key = f"{prefix}.{node.name}" if prefix else node.name
    yield key, node
    for child in node.children:
        yield from walk(child, key)


def missing(node: Node, group: int) -> list[str]:
    """Return the names of the parts of a node that have no value in a group."""
    return [child.name for child in node.children if np.isnan(child.value[group])]


def reason(node: Node, group: int) -> str | None:
    """Return why the node has no value in a group; None where it has one."""
    return Reason(int(node.reason[group])).word
