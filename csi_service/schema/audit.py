"""The audit trail over the API: which entries are asked for, and a page of them."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from csi_service.schema.calculate import PeriodField
from csi_service.schema.fields import Text, refusal
from csi_service.schema.paging import Paged


class Cursor(Text):
    """The number of the last entry of the page before, as that page's next_cursor gave it."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> str:
        text = super()._deserialize(value, attr, data)
        if not (text.isascii() and text.isdigit()):
            raise refusal("is no cursor of this list; give next_cursor of the page before", "cursor")
        return text

    def describe(self, converter: Any) -> dict[str, Any]:
        """Return the form."""
        return {"type": "string", "pattern": "^[0-9]{1,18}$", "maxLength": self.most}


class AuditQuery(Paged):
    """Which entries to list; a filter that is absent lets all pass."""

    actor = Text(80, metadata={"description": "the key's name, or cli: and the system user's"})
    action = Text(64, metadata={"description": "a verb such as create, replace, delete, import, undo, revoke"})
    kind = Text(64, metadata={"description": "of what: a record kind, key, import ..."})
    subject = Text(200, metadata={"description": "its number or name"})
    period = PeriodField(metadata={"description": "the local days of the entries, in any form of a period"})
    cursor = Cursor(18, metadata={"description": "next_cursor of the page before this one"})


class AuditEntryBody(Schema):
    """One change: who made it, when, of what, and the thing before and after."""

    id = fields.Integer(required=True)
    at = fields.AwareDateTime(required=True)
    actor = fields.String(required=True)
    action = fields.String(required=True)
    kind = fields.String(required=True)
    subject = fields.String(required=True)
    before = fields.Dict(required=True, allow_none=True)
    after = fields.Dict(required=True, allow_none=True)
    revision = fields.Integer(
        required=True, allow_none=True, metadata={"description": "the number of the write; null: no figures changed"}
    )


class AuditPage(Schema):
    """Entries, the newest first."""

    entries = fields.List(fields.Nested(AuditEntryBody), required=True)
    next_cursor = fields.String(required=True, allow_none=True, metadata={"description": "null on the last page"})
