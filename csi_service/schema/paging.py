"""What every list takes in its query: how many at most, and where to go on."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from csi_service.core.told import Told
from csi_service.schema.fields import Described, StrictSchema, Text, read_text, refusal

MOST_AT_ONCE = 1000


class Limit(Described, fields.Field[int]):
    """A whole number written in a query: from 1 to 1000."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> int:
        text = read_text(value, 64)
        if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MOST_AT_ONCE):
            raise refusal(Told("must be a whole number from 1 to {most_at_once}", most_at_once=MOST_AT_ONCE), "range")
        return int(text)

    def describe(self, converter: Any) -> dict[str, Any]:
        """Return the bounds."""
        return {"type": "integer", "minimum": 1, "maximum": MOST_AT_ONCE}


class Paged(StrictSchema):
    """A query of a list that comes in pages."""

    limit = Limit(load_default=100, metadata={"description": "entries at most in an answer; 100 by default"})
    cursor = Text(64, metadata={"description": "next_cursor of the page before this one"})
