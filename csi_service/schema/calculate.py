"""Bodies of the calculation: a component's evidence, the composite's components, and the scored answers."""

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import Schema, fields

from csi_service.core.indicator import Calculator
from csi_service.core.outlook import LABELS
from csi_service.core.periods import FORMS, Period, parse_period
from csi_service.errors import InvalidInputError
from csi_service.schema.fields import Described, PlainSchema, read_text, refusal
from csi_service.schema.figures import Component, component_fields
from csi_service.schema.weights import WeightsChoice, WeightsNamed

OPTIONS = ("weights", "period")
_PERIOD = "^[0-9]{4}(-W[0-9]{2}|-Q[1-4]|-[0-9]{2}(-[0-9]{2}([.]{2}[0-9]{4}-[0-9]{2}-[0-9]{2})?)?)?$"


class PeriodField(Described, fields.Field[Period]):
    """The period that the figures are of, as people write it."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> Period:
        try:
            return parse_period(read_text(value, 64))
        except InvalidInputError as error:
            raise refusal(error.problems[0].message, error.code) from error

    def describe(self, converter: Any) -> dict[str, Any]:
        """Return the forms."""
        return {
            "type": "string",
            "pattern": _PERIOD,
            "description": f"the set valid on its last day applies: {FORMS}",
            "example": "2026-01",
        }


def options() -> dict[str, fields.Field[Any]]:
    """Return the fields that every calculation takes: which weights, or by the last day of which period."""
    text = "the name of a set or a whole set; without it the set valid on the period's last day, or today"
    return {"weights": WeightsChoice(metadata={"description": text}), "period": PeriodField()}


def evidence_schema(calculator: Calculator) -> PlainSchema:
    """Return the schema of a component's evidence alone, as it stands in the composite's body."""
    return _schema(f"{calculator.name.capitalize()}Evidence", component_fields(calculator))


def component_schema(calculator: Calculator) -> PlainSchema:
    """Return the schema of the body of `calculate/<component>`."""
    return _schema(f"Calculate{calculator.name.capitalize()}", {**component_fields(calculator), **options()})


def composite_schema(calculators: Sequence[Calculator]) -> PlainSchema:
    """Return the schema of the body of `calculate/composite`."""
    components = {calculator.name: Component(evidence_schema(calculator)) for calculator in calculators}
    return _schema("CalculateComposite", {**components, **options()})


def _schema(name: str, found: Mapping[str, fields.Field[Any]]) -> PlainSchema:
    return PlainSchema.from_dict(dict(found), name=name)()  # type: ignore[return-value]  # a class made of PlainSchema


def _figure(text: str) -> fields.Float:
    return fields.Float(required=True, allow_none=True, metadata={"description": text})


class Node(Schema):
    """A scored figure with its parts; null always comes with a reason or missing parts."""

    node = fields.String(required=True, metadata={"description": "dotted key, for instance csi.internal.sla"})
    raw = _figure("as measured, in the figure's unit; of an index: before clamping")
    value = _figure("the score, 0 to 1")
    weight = _figure("declared share of the parent")
    contribution = _figure("what it adds to the parent's value; the parts' contributions sum to it")
    coverage = fields.Float(required=True, metadata={"description": "share of the weight that has data"})
    partial = fields.Boolean(  # type: ignore[assignment]  # a field here; the schema's own option of this name is unused
        required=True, metadata={"description": "there is a value although parts are missing"}
    )
    partial_value = _figure("the rescaled figure where coverage is too small for a value")
    missing = fields.List(fields.String(), required=True, metadata={"description": "parts without a value"})
    reason = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "why there is no value", "enum": ["not_given", "no_data", "coverage", None]},
    )
    evidence = fields.String(required=True, metadata={"enum": ["counts", "value"]})
    numerator = _figure("as counted")
    denominator = _figure("as counted")
    n = _figure("cases it rests on")
    flags = fields.List(
        fields.String(), required=True, metadata={"description": "such as below_floor, floored, provisional"}
    )
    parameters = fields.Dict(
        keys=fields.String(), required=True, metadata={"description": "method and parameters that applied"}
    )
    usual_order = fields.Boolean(
        allow_none=True, metadata={"description": "of csi: external > complaint > internal holds"}
    )
    satisfied_share = fields.Float(allow_none=True, metadata={"description": "of external: satisfied over responses"})
    mean_score = fields.Float(allow_none=True, metadata={"description": "of external: mean of the scales, 0 to 1"})
    mature_share = fields.Float(
        allow_none=True, metadata={"description": "share of the denominator that can no longer change"}
    )
    parts = fields.Dict(keys=fields.String(), values=fields.Nested(lambda: Node()))


class OutlookBody(Schema):
    """The outlook from delight; it stands beside the internal index and never enters it."""

    outlook = fields.String(required=True, metadata={"enum": [*LABELS, "unknown"]})
    value = _figure("share of evaluations in which an excitement need was met")
    numerator = _figure("evaluations in which one was met")
    denominator = _figure("evaluations that say so either way")
    reason = fields.String(required=True, allow_none=True)
    parameters = fields.Dict(keys=fields.String(), required=True)


class Scored(Node):
    """The answer of a calculation: the node, the weights it was made with, and what is worth knowing."""

    outlook = fields.Nested(OutlookBody)
    weights = fields.Nested(WeightsNamed, required=True)
    warnings = fields.List(fields.String(), required=True)
