"""POST /calculate/<component> and /calculate/composite: a route for each registered calculator."""

from typing import Any

import numpy as np
from flask import Response

from csi_service.api.blueprint import BodyBlueprint
from csi_service.api.body import answer, told
from csi_service.api.examples import component_example, composite_example
from csi_service.api.scores import component, composite, outlook_node
from csi_service.api.weights_choice import choose
from csi_service.core import calculators
from csi_service.core.indicator import Calculator, Node
from csi_service.core.weights import WeightSet
from csi_service.schema.calculate import Scored, component_schema, composite_schema
from csi_service.schema.figures import OUTLOOK_BESIDE
from csi_service.schema.scores import node_body, outlook_body, weights_body
from csi_service.services import Services


def blueprint(services: Services) -> BodyBlueprint:
    """Return the routes of all registered calculators and of the composite."""
    found = BodyBlueprint(
        "calculate", __name__, url_prefix="/api/v1", description="Evidence in, scores out; nothing is kept."
    )
    registered = calculators.CALCULATORS
    for calculator in registered:
        _add_component(found, services, calculator)

    @found.calculation(
        "composite",
        composite_schema(registered),
        Scored,
        composite_example(registered),
        summary="CSI, the composite index",
        description="The components' evidence, or their finished values, weighed into one index; one may be absent.",
    )
    def view(body: dict[str, Any]) -> Response:
        warnings: list[str] = []
        weights = choose(services, body, warnings)
        with np.errstate(all="ignore"):
            node = composite(body, registered, weights, warnings)
            outlook = outlook_node(OUTLOOK_BESIDE, body.get(OUTLOOK_BESIDE) or {}, weights, (OUTLOOK_BESIDE,))
        return answer(told(_scored(node, "", outlook, weights, warnings)))

    return found


def _add_component(found: BodyBlueprint, services: Services, calculator: Calculator) -> None:
    figures = (
        "one for each survey channel"
        if calculator.per_channel
        else ", ".join(part.name for part in calculator.indicators)
    )

    @found.calculation(
        calculator.name,
        component_schema(calculator),
        Scored,
        component_example(calculator),
        summary=f"{calculator.title}, the {calculator.name} index",
        description=(
            f"Figures: {figures}. Each is given as numerator and denominator, as a bare value in its unit, "
            "or as the named counts; one that is absent or null is missing."
        ),
    )
    def view(body: dict[str, Any]) -> Response:
        warnings: list[str] = []
        weights = choose(services, body, warnings)
        with np.errstate(all="ignore"):
            node = component(calculator, body, weights, warnings)
            outlook = outlook_node(calculator.name, body, weights, ())
        return answer(told(_scored(node, "csi", outlook, weights, warnings)))


def _scored(node: Node, key: str, outlook: Node | None, weights: WeightSet, warnings: list[str]) -> dict[str, Any]:
    body = node_body(node, 0, key)
    if outlook is not None:
        body["outlook"] = outlook_body(outlook, 0)
    return {**body, "weights": weights_body(weights), "warnings": warnings}
