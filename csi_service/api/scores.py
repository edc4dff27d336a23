"""The scored nodes of a checked body: one component, the composite, the outlook."""

import math
from collections.abc import Mapping
from typing import Any

from csi_service.api.evidence import NOTHING, Figure, Path, figures, measure, one
from csi_service.core.composite import bare, components, compose
from csi_service.core.indicator import Calculator, Node, Ratio
from csi_service.core.outlook import outlook
from csi_service.core.told import Told
from csi_service.core.weights import WeightSet
from csi_service.errors import InvalidInputError, Problem
from csi_service.schema.figures import OUTLOOK_BESIDE
from csi_service.schema.problem import at

Body = Mapping[str, Any]


def component(calculator: Calculator, body: Body, weights: WeightSet, warnings: list[str]) -> Node:
    """Return the scored component of its evidence.

    Raises:
        InvalidInputError: evidence that contradicts itself, or weights without this component.
    """
    asked = figures(calculator, body, _parameters(calculator, weights), ())
    return _index(calculator, asked, measure(asked), weights, (), warnings)


def composite(body: Body, calculators: tuple[Calculator, ...], weights: WeightSet, warnings: list[str]) -> Node:
    """Return the composite of the components' evidence or finished values.

    Raises:
        InvalidInputError: as `component`, and for weights that weigh no component.
    """
    if not weights.csi:
        text = Told("have no table [csi], which the composite needs; weigh the components there")
        raise InvalidInputError(Problem("/weights", text, weights.name, "weights_keys"))
    weighed = components(weights)
    asked = {}
    for calculator in weighed:
        evidence = body.get(calculator.name)
        if evidence is not None and "value" not in evidence:
            asked[calculator.name] = figures(calculator, evidence, _parameters(calculator, weights), (calculator.name,))
    found = iter(measure([figure for of_one in asked.values() for figure in of_one]))
    nodes = []
    for calculator in weighed:
        name = calculator.name
        if name in asked:
            ratios = [next(found) for _ in asked[name]]
            nodes.append(_index(calculator, asked[name], ratios, weights, (name,), warnings))
        else:
            value = body.get(name)
            nodes.append(bare(name, NOTHING if value is None else one(value["value"])))
    for calculator in calculators:
        if calculator.name not in weights.csi and body.get(calculator.name) is not None:
            warnings.append(
                Told(
                    "{component} is given, but the weights {weights} do not weigh it in csi",
                    component=calculator.name,
                    weights=weights.name,
                )
            )
    return compose(nodes, weights)


def _parameters(calculator: Calculator, weights: WeightSet) -> Any:
    if calculator.name not in weights.components:
        names = ", ".join(weights.components) or Told("none")
        text = Told(
            "have no table [{name}], which this evidence needs; there are {names}", name=calculator.name, names=names
        )
        raise InvalidInputError(Problem("/weights", text, weights.name, "weights_keys"))
    return weights.components[calculator.name]


def _index(
    calculator: Calculator, asked: list[Figure], found: list[Ratio], weights: WeightSet, path: Path, warnings: list[str]
) -> Node:
    if not asked:
        return bare(calculator.name, NOTHING)
    ratios = {figure.name: evidence for figure, evidence in zip(asked, found, strict=True)}
    try:
        node = calculator.index(ratios, asked[0].parameters, weights.minimum_coverage)
    except InvalidInputError as error:
        where = error.problems[0].where
        raise at(next((figure.path for figure in asked if figure.name == where), path), error) from error
    if math.isinf(node.raw.item(0)):
        text = Told("make {name} pass every number; give a smaller multiplier or target", name=calculator.name)
        raise InvalidInputError(Problem("/weights", text, weights.name, "range"))
    if node.children and len(node.children) < len(asked):
        used = {child.name for child in node.children}
        for figure in asked:
            if figure.numbers is not None and figure.name not in used:
                text = Told(
                    "{name} is given, but the weights {name2} do not weigh it in {name3}",
                    name=figure.name,
                    name2=weights.name,
                    name3=calculator.name,
                )
                warnings.append(text)
    return node


def outlook_node(name: str, body: Body, weights: WeightSet, path: Path) -> Node | None:
    """Return the outlook of a component's evidence; None where nothing is said of delight."""
    delight = body.get("delight") if name == OUTLOOK_BESIDE else None
    if delight is None:
        return None
    try:
        return outlook(one(delight["numerator"]), one(delight["denominator"]), weights.optimistic_above)
    except InvalidInputError as error:
        raise at((*path, "delight", "numerator"), error) from error
