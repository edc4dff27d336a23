"""Reports over the API: which one is asked for, what was published, what has changed since."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from csi_service.core.told import Told
from csi_service.facts.kinds import DIMENSIONS
from csi_service.schema.fields import Choice, Described, StrictSchema, Text, read_text, refusal
from csi_service.schema.kept_scores import Keys

LISTS = frozenset({"by"})
LIVE = "live"
_MOST_VERSIONS = 9_999


class Version(Described, fields.Field[str]):
    """A published version's number, or `live` for the data as they are now."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> str:
        text = read_text(value, 4)
        if text != LIVE and not (text.isascii() and text.isdigit() and 1 <= int(text) <= _MOST_VERSIONS):
            raise refusal(Told("must be the number of a published version, or {live}", live=LIVE), "version")
        return text

    def describe(self, converter: Any) -> dict[str, Any]:
        """Return the form."""
        return {"type": "string", "pattern": f"^({LIVE}|[1-9][0-9]{{0,3}})$"}


class ReportQuery(StrictSchema):
    """Which report of the period in the path."""

    by = Keys(metadata={"description": f"groups: one or two of {', '.join(DIMENSIONS)}; absent: the whole centre only"})
    compare = Choice("previous", "year", load_default="previous", metadata={"description": "what it compares with"})


class DocumentQuery(ReportQuery):
    """Which document of a report."""

    lang = Choice("en", "zh", metadata={"description": "language; absent: the best of Accept-Language"})
    version = Version(metadata={"description": "absent: the newest published version, or else live"})


class PublishBody(StrictSchema):
    """What to publish; with `reason` a published report is restated."""

    by = fields.List(Choice(*DIMENSIONS), load_default=list, validate=lambda given: len(given) <= 2)
    compare = Choice("previous", "year", load_default="previous")
    reason = Text(500, metadata={"description": "why it is restated; only for a report that was published before"})


class PublishedBody(Schema):
    """A published report: what it was made from, and its figures."""

    period = fields.String(required=True)
    by = fields.List(fields.String(), required=True)
    version = fields.Integer(required=True)
    compare = fields.String(required=True)
    weights = fields.Dict(required=True)
    data_revision = fields.Integer(required=True)
    code_version = fields.String(required=True)
    figures = fields.Dict(required=True, metadata={"description": "value by node, of all groups together"})
    reason = fields.String(required=True, allow_none=True)
    published_at = fields.AwareDateTime(required=True)
    published_by = fields.String(required=True)


class ChangeBody(Schema):
    """A figure that is no longer what was published."""

    node = fields.String(required=True)
    published = fields.Float(required=True, allow_none=True)
    now = fields.Float(required=True, allow_none=True)


class ReportState(Schema):
    """The published versions of a period, the newest first, and what has changed since the newest."""

    period = fields.String(required=True)
    by = fields.List(fields.String(), required=True)
    importing = fields.Boolean(required=True)
    published = fields.List(fields.Nested(PublishedBody), required=True)
    changed = fields.List(fields.Nested(ChangeBody), required=True)


class PublishedList(Schema):
    """Every published report, the newest first."""

    reports = fields.List(fields.Nested(PublishedBody), required=True)
