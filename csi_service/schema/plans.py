"""Sampling plans as bodies: which calls of a period, how many, by whom; strict, like records."""

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from csi_service.core.periods import parse_period
from csi_service.core.sample_plans import SamplePlan
from csi_service.core.told import Told
from csi_service.errors import InvalidInputError
from csi_service.facts.kinds import SELECTIONS
from csi_service.language import marked
from csi_service.schema.cells import MOST_ID, Cell, read_cell_text
from csi_service.schema.fields import (
    Choice,
    Described,
    Number,
    StrictSchema,
    fault,
    kind_of,
    read_count,
    read_number,
    refusal,
)
from csi_service.schema.problem import problems_of

STRATA = ("team", "queue", "channel", "agent")
MOST_SIZE, MOST_CALLS, MOST_RATERS, MOST_SEED = 100_000, 10_000, 200, 2**53 - 1
MOST_NAME = MOST_ID - len("/99999999")  # a stratum's batch is named after its plan
_NAME = re.compile(r"[^\s/.\u0000-\u001f\u007f\u0085][^/\u0000-\u001f\u007f]*")
Body = dict[str, Any]


class PlanName(Described, fields.Field[str]):
    """The name of a plan; it stands in addresses, and before a slash in the names of its strata."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> str:
        text = read_cell_text(value, MOST_NAME)
        if _NAME.fullmatch(text) is None:
            raise refusal("must be a name without / and control characters, such as 2026-01-QA", "name")
        return text

    def describe(self, converter: Any) -> dict[str, Any]:
        """Return the limits."""
        pattern = f"^{_NAME.pattern}$"
        return {"type": "string", "minLength": 1, "maxLength": MOST_NAME, "pattern": pattern, "example": "2026-01-QA"}


class Whole(Described, fields.Field[int]):
    """A whole number between two bounds."""

    def __init__(self, least: int, most: int, **options: Any) -> None:
        """Keep the bounds, both included."""
        super().__init__(**options)
        self.least, self.most = least, most

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> int:
        read_number(value, self.least, self.most)
        return int(read_count(value))

    def describe(self, converter: Any) -> dict[str, Any]:
        """Return the bounds."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


class Distinct(Described, fields.Field[tuple[str, ...]]):
    """A list of different texts: any ids, or some of the words that are known."""

    def __init__(self, least: int, most: int, words: tuple[str, ...] = (), **options: Any) -> None:
        """Keep the limits."""
        super().__init__(**options)
        self.least, self.most, self.words = least, most, words

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> tuple[str, ...]:
        if type(value) is not list or not self.least <= len(value) <= self.most:
            found = Told("a list of {count}", count=len(value)) if type(value) is list else kind_of(value)
            raise refusal(
                Told(
                    "must be a list of {least} to {most:,} texts, found {found}",
                    least=self.least,
                    most=self.most,
                    found=found,
                ),
                "length",
            )
        read: list[str] = []
        messages: dict[int, Any] = {}
        known = set[str]()
        for index, item in enumerate(value):
            try:
                text = read_cell_text(item)
            except ValidationError as error:
                messages[index] = error.messages
                continue
            if self.words and text not in self.words:
                messages[index] = [fault(Told("must be one of {names}", names=", ".join(self.words)), "choice")]
            elif text in known:
                messages[index] = [fault("stands twice; give each once", "duplicate")]
            known.add(text)
            read.append(text)
        if messages:
            raise ValidationError(messages)
        return tuple(read)

    def describe(self, converter: Any) -> dict[str, Any]:
        """Return the limits."""
        item = {"enum": list(self.words)} if self.words else Cell("text").describe(converter)
        return {"type": "array", "minItems": self.least, "maxItems": self.most, "uniqueItems": True, "items": item}


class Yes(Described, fields.Field[bool]):
    """A condition that is there or is not: true."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> bool:
        if value is not True:
            raise refusal("must be true; leave it out where it does not matter", "choice")
        return True

    def describe(self, converter: Any) -> dict[str, Any]:
        """Return the one value."""
        return {"type": "boolean", "enum": [True]}


class PlanRater(StrictSchema):
    """Somebody who listens, by the name of their key, and their share of the work."""

    name = Cell("text", required=True, metadata={"description": "the name of the rater's key"})
    share = Number(
        least=0.001, most=1000, load_default=1.0, metadata={"description": "beside the others' shares; 1 by default"}
    )


class PlanRule(StrictSchema):
    """Which calls are picked; all that is given must be so."""

    answered = Cell("flag", metadata={"description": "false: abandoned calls"})
    resolved = Cell("flag")
    handle_seconds_from = Cell("seconds", metadata={"description": "talk, hold and wrap together at least"})
    transfers_from = Cell("count", metadata={"description": "transfers at least"})
    dissatisfied = Yes(metadata={"description": "a survey after the call was not satisfied"})
    complained = Yes(metadata={"description": "a complaint names the call"})

    @validates_schema(skip_on_field_errors=True)
    def some(self, data: Body, **_: Any) -> None:
        """Refuse a rule that picks nothing in particular."""
        if not data:
            raise ValidationError([fault("is empty; name at least one condition", "missing")])


def _about(text: str) -> dict[str, Any]:
    return {"description": text}


class PlanBody(StrictSchema):
    """How the calls of a batch are chosen, and who rates them."""

    selection = Choice(*SELECTIONS, load_default="random", metadata=_about("only random ones enter estimates"))
    strata = Distinct(0, len(STRATA), STRATA, load_default=(), metadata=_about("each combination is a stratum"))
    size = Whole(1, MOST_SIZE, metadata=_about("calls in all, in proportion to the strata"))
    min_per = Whole(1, MOST_SIZE, metadata=_about("calls of each stratum at least; all of one that has fewer"))
    calls = Distinct(1, MOST_CALLS, metadata=_about("the calls, picked by hand"))
    rule = fields.Nested(PlanRule, metadata=_about("the calls, picked by rule"))
    seed = Whole(0, MOST_SEED, metadata=_about("the same seed and calls give the same draw; made up where absent"))
    expected_share = Number(0, 1, load_default=0.5, metadata=_about("for the interval; 0.5 is the worst case"))
    raters = fields.List(
        fields.Nested(PlanRater),
        required=True,
        error_messages={"invalid": fault("must be a list of raters", "type")},
        metadata={"minItems": 1, "maxItems": MOST_RATERS},
    )
    due_on = Cell("day", metadata=_about("the last day to rate them; afterwards they are overdue"))

    @validates_schema(skip_on_field_errors=True)
    def fits(self, data: Body, **_: Any) -> None:
        """Refuse what does not fit together."""
        messages: dict[str, Any] = {}
        for name, text, code in _misfits(data):
            messages.setdefault(name, []).append(fault(text, code))
        if names := _repeated([rater["name"] for rater in data["raters"]]):
            messages["raters"] = {index: {"name": [fault("stands twice", "duplicate")]} for index in names}
        if messages:
            raise ValidationError(messages)


def _misfits(data: Body) -> list[tuple[str, str, str]]:
    """The fields that do not fit the selection: name, message, code."""
    selection = data["selection"]
    sources = [name for name in ("calls", "rule") if name in data]
    sized = "size" in data or "min_per" in data
    allowed = {"random": (), "targeted": ("calls", "rule"), "calibration": ("calls",)}[selection]
    found: list[tuple[str, str, str]] = []
    found += [
        (name, Told("cannot be given with the selection {selection}", selection=selection), "shape")
        for name in {*sources} - {*allowed}
    ]
    if selection == "targeted" and not sources:
        found.append(("calls", marked("is missing; give calls, or a rule"), "missing"))
    if not sources and not sized and selection != "targeted":
        text = Told("is missing; give {size}, {least} or both", size="size", least="min_per")
        found.append(("size", text, "missing"))
    if len(sources) == 2:
        found.append(("rule", marked("stands beside calls; give one of the two"), "shape"))
    if "calls" in data or selection == "targeted":
        drawn = ("strata", "min_per", *(["size"] if "calls" in data else []))
        found += [(name, marked("is for calls that are drawn at random"), "shape") for name in drawn if data.get(name)]
    least = 2 if selection == "calibration" else 1
    if not least <= len(data["raters"]) <= MOST_RATERS:
        found.append(
            (
                "raters",
                Told("holds {count}; give {least} to {most}", count=len(data["raters"]), least=least, most=MOST_RATERS),
                "shape",
            )
        )
    return found


def _repeated(names: list[str]) -> list[int]:
    return [index for index, name in enumerate(names) if name in names[:index]]


class PlannedBatch(StrictSchema):
    """A batch that is planned: the service counts its population and draws its calls."""

    batch = PlanName(required=True, metadata=_about("the plan's name; of several strata each is a batch: name/1 ..."))
    period = Cell("period", required=True)
    plan = fields.Nested(PlanBody, required=True)


def plan_of(loaded: Body) -> SamplePlan:
    """Return the plan of a loaded body."""
    plan = loaded["plan"]
    return SamplePlan(
        period=parse_period(loaded["period"]),
        selection=plan["selection"],
        strata=tuple(plan["strata"]),
        size=plan.get("size"),
        min_per=plan.get("min_per"),
        calls=tuple(plan.get("calls", ())),
        rule=plan.get("rule", {}),
        expected_share=plan["expected_share"],
        raters={rater["name"]: rater["share"] for rater in plan["raters"]},
        due_on=plan.get("due_on"),
    )


def load_plan(body: Any) -> Body:
    """Return a loaded body of a planned batch.

    Raises:
        InvalidInputError: one `Problem` for each place that breaks its rules.
    """
    try:
        return dict(_PLANNED.load(body))
    except ValidationError as error:
        raise InvalidInputError(*problems_of(error, body)) from error


_PLANNED = PlannedBatch()
