"""Queries for kept scores, and the answers."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from csi_service.core.periods import FORMS, GRAINS
from csi_service.core.told import Told
from csi_service.facts.kinds import DIMENSIONS
from csi_service.schema.calculate import Node, OutlookBody, PeriodField
from csi_service.schema.fields import Choice, Described, StrictSchema, Text, read_text, refusal
from csi_service.schema.paging import MOST_AT_ONCE, Limit
from csi_service.schema.weights import WeightsNamed

MOST_KEYS, MOST_MEMBERS, MOST_CHARACTERS = 2, 100, 200
LISTS = frozenset({"by", *DIMENSIONS})  # may be repeated in a query
_WORDS = "|".join(DIMENSIONS)
_MEMBER = {"type": "string", "minLength": 1, "maxLength": MOST_CHARACTERS, "pattern": "^[^\\x00]*$"}


class Keys(Described, fields.Field[tuple[str, ...]]):
    """At most two dimensions, repeated or with commas between them."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> tuple[str, ...]:
        names = tuple(name for text in value for name in read_text(text, MOST_CHARACTERS).split(","))
        if len(names) > MOST_KEYS or len(set(names)) < len(names) or not set(names) <= set(DIMENSIONS):
            raise refusal(
                Told("must be one or two different ones of {names}", names=", ".join(DIMENSIONS)), "dimension"
            )
        return names

    def describe(self, converter: Any) -> dict[str, Any]:
        """Return the forms."""
        item = {"type": "string", "pattern": f"^({_WORDS})(,({_WORDS}))?$"}
        return {"type": "array", "items": item, "minItems": 1, "maxItems": MOST_KEYS}


class Members(Described, fields.Field[tuple[str, ...]]):
    """The members of a dimension that count."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> tuple[str, ...]:
        if len(value) > MOST_MEMBERS:
            raise refusal(
                Told(
                    "names {count} members; at most {most_members} are taken",
                    count=len(value),
                    most_members=MOST_MEMBERS,
                ),
                "length",
            )
        members = tuple(dict.fromkeys(read_text(text, MOST_CHARACTERS) for text in value))
        if "" in members:
            raise refusal("must not be empty; name a member, or leave it out", "length")
        return members

    def describe(self, converter: Any) -> dict[str, Any]:
        """Return the limits."""
        return {"type": "array", "items": _MEMBER, "minItems": 1, "maxItems": MOST_MEMBERS}


class Depth(Described, fields.Field[int]):
    """How many names of a dotted key are shown, written in a query."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> int:
        if value not in ("1", "2", "3"):
            raise refusal("must be 1, 2 or 3", "range")
        return int(value)

    def describe(self, converter: Any) -> dict[str, Any]:
        """Return the bounds."""
        return {"type": "integer", "minimum": 1, "maximum": 3}


_period = {"description": f"local days: {FORMS}", "example": "2026-01"}


class Narrowed(StrictSchema):
    """What every query for kept scores takes: the weights, and the members of each dimension that count."""

    weights = Text(
        64, 1, metadata={"description": "the name of a set; without it the one valid on a period's last day"}
    )
    site, team, agent, queue, channel, topic = (
        Members(metadata={"description": f"only this {name}; repeat it for several"}) for name in DIMENSIONS
    )


class Grouped(Narrowed):
    """The group keys and the shape of the answer."""

    by = Keys(metadata={"description": f"group by one or two of {', '.join(DIMENSIONS)}; repeated or with a comma"})
    shape = Choice("nested", "flat", load_default="nested", metadata={"description": "trees, or one row a node"})
    depth = Depth(load_default=9, metadata={"description": "1: csi alone, 2: its parts too, 3: and theirs (all)"})


class ScoresQuery(Grouped):
    """The scores of a period."""

    period = PeriodField(required=True, metadata=_period)
    sort = Text(
        MOST_CHARACTERS,
        1,
        metadata={"description": "a group key or a node such as csi.internal.sla; with a minus from the greatest down"},
    )
    limit = Limit(load_default=MOST_AT_ONCE, metadata={"description": "groups at most in an answer; 1000 by default"})
    cursor = Text(2000, 1, metadata={"description": "next_cursor of the page before this one"})


class SeriesQuery(Grouped):
    """The scores of each day, week or month."""

    from_ = PeriodField(required=True, data_key="from", metadata={"description": "first day, or a period's first"})
    to = PeriodField(required=True, metadata={"description": "last day, or a period's last"})
    grain = Choice(*GRAINS, load_default="day", metadata={"description": "how the time is cut; by days by default"})


class EvidenceQuery(Narrowed):
    """The evidence of a period."""

    period = PeriodField(required=True, metadata=_period)


class Span(Schema):
    """The days of scores, and their weights."""

    period = fields.String(required=True)
    first = fields.Date(required=True, metadata={"description": "local day"})
    last = fields.Date(required=True, metadata={"description": "local day, included"})
    in_progress = fields.Boolean(required=True, metadata={"description": "the last day is not over"})
    weights = fields.Nested(WeightsNamed, required=True)


class About(Schema):
    """What is worth knowing besides the figures."""

    by = fields.List(fields.String(), required=True)
    filters = fields.Dict(keys=fields.String(), values=fields.List(fields.String()), required=True)
    revision = fields.Integer(required=True, metadata={"description": "number of the last write that counts here"})
    warnings = fields.List(fields.String(), required=True)
    slow = fields.Boolean(required=True, metadata={"description": "counted from the records, not from counters"})
    slow_because = fields.String(required=True, allow_none=True)
    hint = fields.String(
        required=True, allow_none=True, metadata={"description": "why something is empty, and what there is"}
    )


class Trees(Schema):
    """The trees of a group: csi, and beside it outlook and ratings where there are any."""

    csi = fields.Nested(Node, required=True)
    outlook = fields.Nested(OutlookBody)
    ratings = fields.Nested(Node)


class GroupTrees(Trees):
    """A group with its trees."""

    group = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


class Row(Schema):
    """A group's node; the group keys stand beside these."""

    period = fields.String(required=True)
    node = fields.String(required=True, metadata={"description": "dotted key, for instance csi.internal.sla"})
    raw, value, coverage, partial_value, numerator, denominator, n = (
        fields.Float(required=True, allow_none=True) for _ in range(7)
    )
    partial = fields.Boolean(required=True)  # type: ignore[assignment]  # a field here, as in Node
    reason = fields.String(required=True, allow_none=True)


class KeptScores(Span, About):
    """The scores of a period: groups and total (nested), or rows (flat)."""

    groups = fields.List(fields.Nested(GroupTrees))
    total = fields.Nested(Trees, allow_none=True)
    rows = fields.List(fields.Nested(Row))
    next_cursor = fields.String(required=True, allow_none=True, metadata={"description": "null on the last page"})


class PointBody(Span):
    """The scores of one point of a series."""

    groups = fields.List(fields.Nested(GroupTrees), required=True)
    total = fields.Nested(Trees, required=True, allow_none=True)


class Series(About):
    """Scores by day, week or month: points (nested), or rows (flat)."""

    first = fields.Date(required=True)
    last = fields.Date(required=True)
    grain = fields.String(required=True)
    points = fields.List(fields.Nested(PointBody))
    rows = fields.List(fields.Nested(Row))


class CounterBody(Schema):
    """An additive counter that a figure reads."""

    name = fields.String(required=True)
    unit = fields.String(required=True)
    meaning = fields.String(required=True)
    total = fields.Float(required=True)


class LeftOutBody(Schema):
    """What the records hold but the figure does not count."""

    count = fields.Float(required=True)
    unit = fields.String(required=True)
    why = fields.String(required=True)


class EvidenceBody(Span, About):
    """What a figure rests on, down to the counters of each day."""

    node = fields.Nested(Node, required=True, allow_none=True)
    counters = fields.List(fields.Nested(CounterBody), required=True)
    days = fields.List(
        fields.Dict(keys=fields.String()), required=True, metadata={"description": "the day, then each counter by name"}
    )
    left_out = fields.List(fields.Nested(LeftOutBody), required=True)
