"""The first schema: records, imports, counters, keys, audit."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
Instant = sa.DateTime
Ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _index_given(table: str, column: str) -> None:
    """Make an index of the rows that have a value."""
    given = sa.column(column).is_not(None)
    op.create_index(f"ix_{table}_{column}", table, [column], sqlite_where=given, postgresql_where=given)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "answers",
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("body_digest", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("caller", "key", name="pk_answers"),
    )
    op.create_index("ix_answers_at", "answers", ["at"], unique=False)
    op.create_table(
        "appeals",
        sa.Column("id", Number, nullable=False),
        sa.Column("evaluation_id", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("team", sa.Text(), nullable=True),
        sa.Column("agent", sa.Text(), nullable=True),
        sa.Column("rater", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("filed_at", Instant(), nullable=False),
        sa.Column("filed_by", sa.Text(), nullable=False),
        sa.Column("decided_at", Instant(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("revision", Number, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_appeals"),
        sa.UniqueConstraint("evaluation_id", name="uq_appeals_evaluation_id"),
    )
    op.create_index("ix_appeals_status", "appeals", ["status"], unique=False)
    op.create_table(
        "audit",
        sa.Column("id", Number, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("before", Json, nullable=True),
        sa.Column("after", Json, nullable=True),
        sa.Column("revision", Number, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_at", "audit", ["at"], unique=False)
    op.create_index("ix_audit_kind_subject", "audit", ["kind", "subject"], unique=False)
    op.create_table(
        "batches",
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("population", sa.Float(), nullable=True),
        sa.Column("stratum", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("selection", sa.Text(), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("import_id", Number, nullable=True),
        sa.Column("revision", Number, nullable=False),
        sa.PrimaryKeyConstraint("batch", name="pk_batches"),
    )
    op.create_index("ix_batches_day", "batches", ["day"], unique=False)
    _index_given("batches", "import_id")
    op.create_table(
        "call_parts",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("calls", Number, nullable=False),
        sa.Column("least_id", Ordered, nullable=False),
        sa.Column("greatest_id", Ordered, nullable=False),
        sa.Column("latest_at", Instant(), nullable=True),
        sa.Column("revision", Number, nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_call_parts"),
    )
    op.create_table(
        "call_places",
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("found", sa.Boolean(), nullable=False),
        sa.Column("site", sa.Text(), nullable=True),
        sa.Column("team", sa.Text(), nullable=True),
        sa.Column("agent", sa.Text(), nullable=True),
        sa.Column("queue", sa.Text(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("topic", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("call_id", name="pk_call_places"),
    )
    op.create_table(
        "complaints",
        sa.Column("complaint_id", sa.Text(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=True),
        sa.Column("ticket_id", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("team", sa.Text(), nullable=True),
        sa.Column("agent", sa.Text(), nullable=True),
        sa.Column("queue", sa.Text(), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("severity", sa.Text(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("upheld", sa.Boolean(), nullable=True),
        sa.Column("resolved_at", Instant(), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("import_id", Number, nullable=True),
        sa.Column("revision", Number, nullable=False),
        sa.PrimaryKeyConstraint("complaint_id", name="pk_complaints"),
    )
    _index_given("complaints", "call_id")
    _index_given("complaints", "customer_id")
    op.create_index("ix_complaints_day", "complaints", ["day"], unique=False)
    _index_given("complaints", "import_id")
    _index_given("complaints", "ticket_id")
    op.create_table(
        "counted",
        sa.Column("output", sa.Text(), nullable=False),
        sa.Column("variant", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("revision", Number, nullable=False),
        sa.Column("horizon", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("output", "variant", "day", name="pk_counted"),
    )
    op.create_table(
        "counters",
        sa.Column("output", sa.Text(), nullable=False),
        sa.Column("variant", sa.Text(), nullable=False),
        sa.Column("grouping", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("rows", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("output", "variant", "grouping", "day", name="pk_counters"),
    )
    op.create_table(
        "days",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("revision", Number, nullable=False),
        sa.PrimaryKeyConstraint("kind", "day", name="pk_days"),
    )
    op.create_table(
        "evaluations",
        sa.Column("evaluation_id", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("evaluated_at", Instant(), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("full_marks", sa.Float(), nullable=True),
        sa.Column("delight", sa.Boolean(), nullable=True),
        sa.Column("rating", sa.SmallInteger(), nullable=True),
        sa.Column("batch", sa.Text(), nullable=True),
        sa.Column("rater", sa.Text(), nullable=True),
        sa.Column("form", sa.Text(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("team", sa.Text(), nullable=True),
        sa.Column("agent", sa.Text(), nullable=True),
        sa.Column("queue", sa.Text(), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("import_id", Number, nullable=True),
        sa.Column("revision", Number, nullable=False),
        sa.PrimaryKeyConstraint("evaluation_id", name="pk_evaluations"),
    )
    _index_given("evaluations", "batch")
    op.create_index("ix_evaluations_call_id", "evaluations", ["call_id"], unique=False)
    op.create_index("ix_evaluations_day", "evaluations", ["day"], unique=False)
    _index_given("evaluations", "import_id")
    op.create_table(
        "form_answers",
        sa.Column("evaluation_id", sa.Text(), nullable=False),
        sa.Column("revision", Number, nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("answers", Json, nullable=False),
        sa.Column("shares", Json, nullable=False),
        sa.Column("sections", Json, nullable=False),
        sa.Column("earned", sa.Float(), nullable=False),
        sa.Column("possible", sa.Float(), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("score_before_critical", sa.Float(), nullable=True),
        sa.Column("critical_failures", Json, nullable=False),
        sa.Column("na_share", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("evaluation_id", name="pk_form_answers"),
    )
    op.create_table(
        "held_fields",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("import_id", Number, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("kind", "field", "import_id", name="pk_held_fields"),
    )
    op.create_table(
        "imports",
        sa.Column("id", Number, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("files", Json, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("mapping", sa.Text(), nullable=True),
        sa.Column("time_zone", sa.Text(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("started_at", Instant(), nullable=True),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.Column("share_done", sa.Float(), server_default="0", nullable=False),
        sa.Column("rows_read", Number, server_default="0", nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("outcomes", Json, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("revision", Number, nullable=True),
        sa.Column("same_as", Number, nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("settled_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_imports"),
    )
    op.create_index("ix_imports_digest", "imports", ["digest"], unique=False)
    op.create_table(
        "keys",
        sa.Column("id", Number, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("teams", Json, nullable=True),
        sa.Column("agent", sa.Text(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=True),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.Column("last_used_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_keys"),
        sa.UniqueConstraint("prefix", name="uq_keys_prefix"),
    )
    op.create_table(
        "plan_calls",
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("rater", sa.Text(), nullable=False),
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("position", Number, nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("team", sa.Text(), nullable=True),
        sa.Column("agent", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("plan", "call_id", "rater", name="pk_plan_calls"),
    )
    op.create_index("ix_plan_calls_call_id", "plan_calls", ["call_id"], unique=False)
    op.create_table(
        "plan_raters",
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("rater", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("away", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("plan", "rater", name="pk_plan_raters"),
    )
    op.create_table(
        "plan_strata",
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("members", Json, nullable=False),
        sa.Column("calls", Number, nullable=False),
        sa.Column("evaluated", Number, nullable=False),
        sa.Column("sample", Number, nullable=False),
        sa.PrimaryKeyConstraint("batch", name="pk_plan_strata"),
    )
    op.create_index("ix_plan_strata_plan", "plan_strata", ["plan"], unique=False)
    op.create_table(
        "plans",
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("selection", sa.Text(), nullable=False),
        sa.Column("plan", Json, nullable=False),
        sa.Column("seed", Number, nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("teams", Json, nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("drawn_at", Instant(), nullable=True),
        sa.Column("drawn_by", sa.Text(), nullable=True),
        sa.Column("revision", Number, nullable=False),
        sa.PrimaryKeyConstraint("batch", name="pk_plans"),
    )
    op.create_table(
        "posted_calls",
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("answered", sa.Boolean(), nullable=False),
        sa.Column("site", sa.Text(), nullable=True),
        sa.Column("team", sa.Text(), nullable=True),
        sa.Column("agent", sa.Text(), nullable=True),
        sa.Column("queue", sa.Text(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("topic", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("wait_seconds", sa.Float(), nullable=True),
        sa.Column("talk_seconds", sa.Float(), nullable=True),
        sa.Column("hold_seconds", sa.Float(), nullable=True),
        sa.Column("wrap_seconds", sa.Float(), nullable=True),
        sa.Column("ivr_steps", sa.Float(), nullable=True),
        sa.Column("transfers", sa.Float(), nullable=True),
        sa.Column("transfer_succeeded", sa.Boolean(), nullable=True),
        sa.Column("resolved", sa.Boolean(), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("import_id", Number, nullable=True),
        sa.Column("revision", Number, nullable=False),
        sa.PrimaryKeyConstraint("call_id", name="pk_posted_calls"),
    )
    _index_given("posted_calls", "customer_id")
    op.create_index("ix_posted_calls_day", "posted_calls", ["day"], unique=False)
    _index_given("posted_calls", "import_id")
    op.create_table(
        "published",
        sa.Column("id", Number, nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("grouping", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("compare", sa.Text(), nullable=False),
        sa.Column("weights", Json, nullable=False),
        sa.Column("data_revision", Number, nullable=False),
        sa.Column("code_version", sa.Text(), nullable=False),
        sa.Column("figures", Json, nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("published_at", Instant(), nullable=False),
        sa.Column("published_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_published"),
        sa.UniqueConstraint("period", "grouping", "version", name="uq_published_period_grouping_version"),
    )
    op.create_table(
        "published_files",
        sa.Column("published_id", Number, autoincrement=False, nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("published_id", "format", "language", name="pk_published_files"),
    )
    op.create_table(
        "replaced_parts",
        sa.Column("import_id", Number, autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("file", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("import_id", "day", name="pk_replaced_parts"),
    )
    op.create_table(
        "replaced_records",
        sa.Column("import_id", Number, autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("record", Json, nullable=False),
        sa.PrimaryKeyConstraint("import_id", "kind", "identity", name="pk_replaced_records"),
    )
    op.create_table(
        "state",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("revision", Number, nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_state"),
    )
    op.create_table(
        "survey_invitations",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("invited", sa.Float(), nullable=False),
        sa.Column("team", sa.Text(), server_default="", nullable=False),
        sa.Column("queue", sa.Text(), server_default="", nullable=False),
        sa.Column("import_id", Number, nullable=True),
        sa.Column("revision", Number, nullable=False),
        sa.PrimaryKeyConstraint("day", "channel", "team", "queue", name="pk_survey_invitations"),
    )
    op.create_index("ix_survey_invitations_day", "survey_invitations", ["day"], unique=False)
    _index_given("survey_invitations", "import_id")
    op.create_table(
        "surveys",
        sa.Column("survey_id", sa.Text(), nullable=False),
        sa.Column("answered_at", Instant(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("scale", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("team", sa.Text(), nullable=True),
        sa.Column("agent", sa.Text(), nullable=True),
        sa.Column("queue", sa.Text(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("sent_at", Instant(), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("import_id", Number, nullable=True),
        sa.Column("revision", Number, nullable=False),
        sa.PrimaryKeyConstraint("survey_id", name="pk_surveys"),
    )
    _index_given("surveys", "call_id")
    op.create_index("ix_surveys_channel", "surveys", ["channel"], unique=False)
    _index_given("surveys", "customer_id")
    op.create_index("ix_surveys_day", "surveys", ["day"], unique=False)
    _index_given("surveys", "import_id")
    op.create_table(
        "tickets",
        sa.Column("ticket_id", sa.Text(), nullable=False),
        sa.Column("opened_at", Instant(), nullable=False),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.Column("reactivated_at", Json, nullable=True),
        sa.Column("first_contact_at", Instant(), nullable=True),
        sa.Column("promised_callback", sa.Boolean(), nullable=True),
        sa.Column("first_callback_at", Instant(), nullable=True),
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("topic", sa.Text(), nullable=True),
        sa.Column("team", sa.Text(), nullable=True),
        sa.Column("agent", sa.Text(), nullable=True),
        sa.Column("progress_views", sa.Float(), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("latest_at", Instant(), nullable=True),
        sa.Column("import_id", Number, nullable=True),
        sa.Column("revision", Number, nullable=False),
        sa.PrimaryKeyConstraint("ticket_id", name="pk_tickets"),
    )
    _index_given("tickets", "customer_id")
    op.create_index("ix_tickets_day", "tickets", ["day"], unique=False)
    _index_given("tickets", "import_id")
    op.create_index("ix_tickets_latest_at", "tickets", ["latest_at"], unique=False)
