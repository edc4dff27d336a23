"""Imports over the API: how one is sent, how the list is asked for, how an import is told."""

from marshmallow import Schema, fields

from csi_service.facts.kinds import KINDS
from csi_service.schema.audit import Cursor
from csi_service.schema.paging import Paged

STATUSES = {
    "waiting": "others are before it",
    "running": "is read and put in",
    "done": "counts",
    "unchanged": "the same was imported before and counts still (same_as); nothing was done, what is deleted stays so",
    "failed": "nothing was changed; error tells why",
    "cancelled": "nothing was changed",
    "undoing": "is to be undone, and counts until then",
    "undone": "does not count any more",
}
FORM = {
    "type": "object",
    "required": ["kind", "file"],
    "additionalProperties": False,
    "properties": {
        "kind": {"type": "string", "enum": list(KINDS), "description": "what each row of the files is"},
        "file": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "format": "binary"},
            "description": "CSV (gzipped or not), XLSX or Parquet; several parts of this name are read as one",
        },
        "mapping": {
            "type": "string",
            "description": "the TOML text of a mapping, as a field or a file; without it, columns bear our names",
        },
        "time_zone": {
            "type": "string",
            "description": "IANA name of the zone of the files' local times; default: the mapping's, else the centre's",
        },
    },
}


class ImportsQuery(Paged):
    """Which page of the list."""

    cursor = Cursor(18, metadata={"description": "next_cursor of the page before this one"})


class ReasonBody(Schema):
    """Why rows were rejected."""

    reason = fields.String(required=True)
    rows = fields.Integer(required=True)


class OutcomeBody(Schema):
    """What became of the rows of a record kind."""

    kind = fields.String(required=True)
    loaded = fields.Integer(required=True, metadata={"description": "records that the files hold"})
    created = fields.Integer(required=True, metadata={"description": "of these, those that were not kept before"})
    replaced = fields.Integer(required=True, metadata={"description": "of these, those that changed a kept one"})
    unchanged = fields.Integer(required=True, metadata={"description": "of these, those that are kept just so"})
    repeated = fields.Integer(
        required=True, metadata={"description": "rows beside the loaded ones: a later row has the same number"}
    )
    rejected = fields.Integer(required=True, metadata={"description": "rows that break a rule"})
    reasons = fields.List(fields.Nested(ReasonBody), required=True, metadata={"description": "the most frequent first"})
    ignored_columns = fields.List(fields.String(), required=True)


class ImportBody(Schema):
    """An import: what was asked for, how far it has come, what became of it."""

    id = fields.Integer(required=True)
    kind = fields.String(required=True)
    status = fields.String(
        required=True,
        metadata={
            "enum": list(STATUSES),
            "description": "; ".join(f"{name}: {text}" for name, text in STATUSES.items()),
        },
    )
    files = fields.List(fields.String(), required=True, metadata={"description": "their names as they were sent"})
    time_zone = fields.String(required=True, allow_none=True)
    created_at = fields.AwareDateTime(required=True)
    created_by = fields.String(required=True)
    started_at = fields.AwareDateTime(required=True, allow_none=True)
    finished_at = fields.AwareDateTime(required=True, allow_none=True)
    share_done = fields.Float(required=True, metadata={"description": "of the work, 0 to 1"})
    rows_read = fields.Integer(
        required=True, metadata={"description": "estimated from the files' size while it runs, exact once it is done"}
    )
    cancel_requested = fields.Boolean(required=True)
    outcomes = fields.List(fields.Nested(OutcomeBody), required=True, metadata={"description": "one a record kind"})
    notes = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "what else to know: sheets that were not read, the zone"},
    )
    error = fields.String(required=True, allow_none=True)
    same_as = fields.Integer(
        required=True, allow_none=True, metadata={"description": "the earlier import of the same files"}
    )


class ImportPage(Schema):
    """Imports, the newest first."""

    imports = fields.List(fields.Nested(ImportBody), required=True)
    next_cursor = fields.String(required=True, allow_none=True, metadata={"description": "null on the last page"})
