"""The tables: one a record kind, made from the kinds' own fields, and the store's own books.

Columns that every record has besides its fields: `day` (the local day that it is counted on, NULL for none),
`import_id` (NULL where it was sent alone) and `revision` (the number of the write that put it there).
"""

import datetime as dt
import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from csi_service.core.told import told_as_body, told_from_body
from csi_service.facts.kinds import KINDS, Kind

METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


class Instant(sa.types.TypeDecorator[dt.datetime]):
    """An instant: in UTC without a zone inside (as facts keep it), and in the columns."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: sa.Dialect) -> dt.datetime | None:
        """Turn an instant with a zone into UTC."""
        return value.astimezone(dt.UTC).replace(tzinfo=None) if value is not None and value.tzinfo else value


class ToldText(sa.types.TypeDecorator[str]):
    """A text for people that can be told in another language when it is read."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """Turn the text into JSON."""
        return None if value is None else json.dumps(told_as_body(value), ensure_ascii=False)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """Turn JSON into the text; the first folders held it ready made."""
        return told_from_body(json.loads(value)) if value is not None and value.startswith("{") else value


Ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")  # as Python and the engine order texts
_TYPES: dict[str, Any] = {
    "instant": Instant,
    "instants": Json,  # texts as isoformat() writes them, UTC
    "flag": sa.Boolean,
    "seconds": sa.Float,
    "number": sa.Float,
    "count": sa.Float,
    "day": sa.Date,
    "level": sa.SmallInteger,
}
_REFERRED = ("call_id", "ticket_id", "customer_id", "batch", "import_id")
TABLE_NAMES = {"calls": "posted_calls"}  # calls lie in Parquet; those sent one by one wait here


def _record_table(kind: Kind) -> sa.Table:
    key = kind.identity
    fields = [
        sa.Column(
            field.name,
            _TYPES.get(field.type, sa.Text),
            primary_key=field.name in key,
            nullable=field.name not in key and not field.required,
            server_default="" if field.name in key and not field.required else None,
        )
        for field in kind.fields
    ]
    latest = [sa.Column("latest_at", Instant, index=True)] if kind.name == "tickets" else []  # of all its instants
    day = [] if "day" in {field.name for field in kind.fields} else [sa.Column("day", sa.Date)]
    table = sa.Table(
        TABLE_NAMES.get(kind.name, kind.name),
        METADATA,
        *fields,
        *day,
        *latest,
        sa.Column("import_id", Number),
        sa.Column("revision", Number, nullable=False),
    )
    sa.Index(None, table.c["day"])
    for name in _REFERRED:
        if name in table.c and (name,) != key:
            given = table.c[name].is_not(None) if table.c[name].nullable else None
            sa.Index(None, table.c[name], sqlite_where=given, postgresql_where=given)
    return table


RECORDS: dict[str, sa.Table] = {name: _record_table(kind) for name, kind in KINDS.items()}
sa.Index(None, RECORDS["surveys"].c.channel)  # which channels there are is asked with every reading

# One row: the number of the last write, the time zone in which days are cut, the schema's own facts.
STATE = sa.Table(
    "state",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("revision", Number, nullable=False),
    sa.Column("time_zone", sa.Text, nullable=False),
)
# What a day's counters must be as new as: the last write that touched a kind's records of that day.
DAYS = sa.Table(
    "days",
    METADATA,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("revision", Number, nullable=False),
)
# Which counters are there: of an output (rollup.outputs), a day and a variant (the parameters counted with).
COUNTED = sa.Table(
    "counted",
    METADATA,
    sa.Column("output", sa.Text, primary_key=True),
    sa.Column("variant", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("revision", Number, nullable=False),
    sa.Column("horizon", Instant),  # the last instant known when it was decided whose window has passed
)
# The counters: per grouping (the kept dimensions, joined by commas) a table of sums, as an Arrow stream.
COUNTERS = sa.Table(
    "counters",
    METADATA,
    sa.Column("output", sa.Text, primary_key=True),
    sa.Column("variant", sa.Text, primary_key=True),
    sa.Column("grouping", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("rows", sa.LargeBinary, nullable=False),
)
# The file of each day's calls, below the folder `calls`; the least and the greatest call number tell where to look.
CALL_PARTS = sa.Table(
    "call_parts",
    METADATA,
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("file", sa.Text, nullable=False),
    sa.Column("calls", Number, nullable=False),
    sa.Column("least_id", Ordered, nullable=False),
    sa.Column("greatest_id", Ordered, nullable=False),
    sa.Column("latest_at", Instant),  # of its answered calls whose customer is known
    sa.Column("revision", Number, nullable=False),
)
# What an import put aside, so that it can be undone: the day's file before it (NULL: none) ...
REPLACED_PARTS = sa.Table(
    "replaced_parts",
    METADATA,
    sa.Column("import_id", Number, primary_key=True, autoincrement=False),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("file", sa.Text),
)
# ... and the records as they were.
REPLACED_RECORDS = sa.Table(
    "replaced_records",
    METADATA,
    sa.Column("import_id", Number, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("identity", sa.Text, primary_key=True),
    sa.Column("record", Json, nullable=False),
)
# The dimensions of the calls that other records name; found is false where no such call is kept as yet.
CALL_PLACES = sa.Table(
    "call_places",
    METADATA,
    sa.Column("call_id", sa.Text, primary_key=True),
    sa.Column("found", sa.Boolean, nullable=False),
    *(sa.Column(name, sa.Text) for name in ("site", "team", "agent", "queue", "channel", "topic")),
)
# The fields that the records of a kind were ever given: by an import, or one by one (import_id 0).
HELD_FIELDS = sa.Table(
    "held_fields",
    METADATA,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("field", sa.Text, primary_key=True),
    sa.Column("import_id", Number, primary_key=True, autoincrement=False),
)
IMPORTS = sa.Table(
    "imports",
    METADATA,
    sa.Column("id", Number, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),  # one of import_books.STATUSES
    sa.Column("files", Json, nullable=False),  # names as they were given
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("mapping", sa.Text),  # the document's text
    sa.Column("time_zone", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("started_at", Instant),
    sa.Column("finished_at", Instant),
    sa.Column("share_done", sa.Float, nullable=False, server_default="0"),
    sa.Column("rows_read", Number, nullable=False, server_default="0"),
    sa.Column("cancel_requested", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("outcomes", Json),  # one a kind, as store/import_told.py makes them
    sa.Column("error", ToldText),
    sa.Column("revision", Number),  # of the write that made it count
    sa.Column("same_as", Number),  # the import of the same files that still stands, where nothing was to be done
    sa.Column("undone_by", sa.Text),  # who asked for its undoing
    sa.Column("attempts", sa.SmallInteger, nullable=False, server_default="0"),  # how often a process began with it
    sa.Column("settled_at", Instant),  # when what it had put aside was dropped; it cannot be undone any more
)
sa.Index(None, IMPORTS.c.digest)
KEYS = sa.Table(
    "keys",
    METADATA,
    sa.Column("id", Number, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),  # of a person or system; one valid key has it at a time
    sa.Column("prefix", sa.Text, nullable=False, unique=True),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("teams", Json),  # NULL: all
    sa.Column("agent", sa.Text),  # the person's own agent number, whose calls they may not judge
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant),
    sa.Column("revoked_at", Instant),
    sa.Column("last_used_at", Instant),
)
AUDIT = sa.Table(
    "audit",
    METADATA,
    sa.Column("id", Number, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),  # the key's name, or "cli:" and the system user's
    sa.Column("action", sa.Text, nullable=False),  # a verb: create, replace, delete, import, undo, revoke ...
    sa.Column("kind", sa.Text, nullable=False),  # of what: a record kind, key, import ...
    sa.Column("subject", sa.Text, nullable=False),  # its number or name
    sa.Column("before", Json),
    sa.Column("after", Json),
    sa.Column("revision", Number),
)
sa.Index(None, AUDIT.c.kind, AUDIT.c.subject)
sa.Index(None, AUDIT.c.at)
ANSWERS = sa.Table(  # given to requests with an Idempotency-Key
    "answers",
    METADATA,
    sa.Column("caller", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("route", sa.Text, nullable=False),
    sa.Column("body_digest", sa.Text, nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
)
sa.Index(None, ANSWERS.c.at)
# Published reports: what they were made from and their headline figures; a restatement is a further version ...
PUBLISHED = sa.Table(
    "published",
    METADATA,
    sa.Column("id", Number, primary_key=True),
    sa.Column("period", sa.Text, nullable=False),
    sa.Column("grouping", sa.Text, nullable=False),  # the group keys, joined by commas
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("compare", sa.Text, nullable=False),
    sa.Column("weights", Json, nullable=False),  # name, title, first day and digest
    sa.Column("data_revision", Number, nullable=False),
    sa.Column("code_version", sa.Text, nullable=False),
    sa.Column("figures", Json, nullable=False),  # of all groups together, by node
    sa.Column("reason", sa.Text),  # of a restatement
    sa.Column("published_at", Instant, nullable=False),
    sa.Column("published_by", sa.Text, nullable=False),
    sa.UniqueConstraint("period", "grouping", "version"),
)
# ... and their documents, byte for byte.
PUBLISHED_FILES = sa.Table(
    "published_files",
    METADATA,
    sa.Column("published_id", Number, primary_key=True, autoincrement=False),
    sa.Column("format", sa.Text, primary_key=True),
    sa.Column("language", sa.Text, primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
# Sampling plans: as they were sent, with what they leave to the service filled in ...
PLANS = sa.Table(
    "plans",
    METADATA,
    sa.Column("batch", sa.Text, primary_key=True),
    sa.Column("period", sa.Text, nullable=False),
    sa.Column("selection", sa.Text, nullable=False),
    sa.Column("plan", Json, nullable=False),
    sa.Column("seed", Number, nullable=False),
    sa.Column("due_on", sa.Date),
    sa.Column("teams", Json),  # whose calls it may draw: those of its author's key; NULL: all
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("drawn_at", Instant),
    sa.Column("drawn_by", sa.Text),
    sa.Column("revision", Number, nullable=False),
)
# ... their strata, as last counted: each becomes the batch of that name ...
PLAN_STRATA = sa.Table(
    "plan_strata",
    METADATA,
    sa.Column("batch", sa.Text, primary_key=True),
    sa.Column("plan", sa.Text, nullable=False, index=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("members", Json, nullable=False),  # one a dimension that the plan is stratified by
    sa.Column("calls", Number, nullable=False),
    sa.Column("evaluated", Number, nullable=False),  # of these: left out
    sa.Column("sample", Number, nullable=False),
)
# ... who listens ...
PLAN_RATERS = sa.Table(
    "plan_raters",
    METADATA,
    sa.Column("plan", sa.Text, primary_key=True),
    sa.Column("rater", sa.Text, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("share", sa.Float, nullable=False),
    sa.Column("away", sa.Boolean, nullable=False),
)
# ... and the drawn calls with their raters ('': nobody can rate it).
PLAN_CALLS = sa.Table(
    "plan_calls",
    METADATA,
    sa.Column("plan", sa.Text, primary_key=True),
    sa.Column("call_id", sa.Text, primary_key=True),
    sa.Column("rater", sa.Text, primary_key=True),
    sa.Column("batch", sa.Text, nullable=False),
    sa.Column("position", Number, nullable=False),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("team", sa.Text),
    sa.Column("agent", sa.Text),
)
sa.Index(None, PLAN_CALLS.c.call_id)
APPEALS = sa.Table(
    "appeals",
    METADATA,
    sa.Column("id", Number, primary_key=True),
    sa.Column("evaluation_id", sa.Text, nullable=False, unique=True),  # it is appealed against once
    sa.Column("call_id", sa.Text, nullable=False),
    sa.Column("team", sa.Text),
    sa.Column("agent", sa.Text),
    sa.Column("rater", sa.Text),  # who evaluated, when it was filed
    sa.Column("status", sa.Text, nullable=False),  # open, upheld, rejected
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("filed_at", Instant, nullable=False),
    sa.Column("filed_by", sa.Text, nullable=False),
    sa.Column("decided_at", Instant),
    sa.Column("decided_by", sa.Text),
    sa.Column("note", sa.Text),
    sa.Column("revision", Number, nullable=False),
)
sa.Index(None, APPEALS.c.status)
UPHELD = "upheld"
DECIDED = sa.select(APPEALS.c.evaluation_id).where(APPEALS.c.status == UPHELD)  # what became of these stands
# What the answers to a QA form came to; it counts as long as the evaluation's own revision is this one.
FORM_ANSWERS = sa.Table(
    "form_answers",
    METADATA,
    sa.Column("evaluation_id", sa.Text, primary_key=True),
    sa.Column("revision", Number, nullable=False),
    sa.Column("form", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),  # the form's version
    sa.Column("answers", Json, nullable=False),
    sa.Column("shares", Json, nullable=False),  # of each item's points, null where it did not apply
    sa.Column("sections", Json, nullable=False),  # name, score, earned, possible, weight that really applied
    sa.Column("earned", sa.Float, nullable=False),
    sa.Column("possible", sa.Float, nullable=False),
    sa.Column("score", sa.Float),  # a fraction
    sa.Column("score_before_critical", sa.Float),
    sa.Column("critical_failures", Json, nullable=False),  # item: customer, business or compliance
    sa.Column("na_share", sa.Float, nullable=False),
)
