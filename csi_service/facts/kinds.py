"""The record kinds: their fields, types, identities and the rules between their fields."""

from dataclasses import dataclass

from csi_service.core.told import Told

DIMENSIONS = ("site", "team", "agent", "queue", "channel", "topic")
UNASSIGNED = "unassigned"
REFERRING = ("surveys", "complaints", "evaluations")  # kinds whose records may name a call
SELECTIONS = ("random", "targeted", "calibration")
CHANNEL_WORDS = {"短信": "sms", "语音": "ivr", "回访": "callback", "电话回访": "callback", "call-back": "callback"}


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record kind: its name, its type (read by `ingest/coerce.py`) and whether every row must have it."""

    name: str
    type: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule between the fields of a row: SQL that is true where the row breaks it, the field to name, the reason.

    The SQL is of the kind that DuckDB and SQLite read alike: an import asks the one, a single record the other.
    """

    field: str
    broken: str
    reason: Told


@dataclass(frozen=True, slots=True)
class Kind:
    """A record kind; rows with the same `identity` are the same record, of which the last one counts.

    `counted_on` is the field by whose local day a record is counted; None for a kind that belongs to no day.
    """

    name: str
    identity: tuple[str, ...]
    counted_on: str | None
    fields: tuple[Field, ...]
    rules: tuple[Rule, ...] = ()

    def field(self, name: str) -> Field:
        """Return the field of that name."""
        return next(field for field in self.fields if field.name == name)


def _fields(required: str, optional: str) -> tuple[Field, ...]:
    pairs = [(item.split(":"), True) for item in required.split()] + [
        (item.split(":"), False) for item in optional.split()
    ]
    return tuple(Field(name, type_, needed) for (name, type_), needed in pairs)


_SCALE_BOUNDS = (
    "NOT (CASE scale WHEN 'binary' THEN score IN (0, 1) WHEN '3' THEN score BETWEEN 1 AND 3 "
    "WHEN '5' THEN score BETWEEN 1 AND 5 WHEN '7' THEN score BETWEEN 1 AND 7 "
    "WHEN '10' THEN score BETWEEN 1 AND 10 WHEN 'nps' THEN score BETWEEN 0 AND 10 END)"
)

KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "calls",
            ("call_id",),
            "started_at",
            _fields(
                "call_id:text started_at:instant answered:flag",
                "site:text team:text agent:text queue:text channel:text topic:text customer_id:text "
                "wait_seconds:seconds talk_seconds:seconds hold_seconds:seconds wrap_seconds:seconds "
                "ivr_steps:count transfers:count "
                "transfer_succeeded:flag resolved:flag",
            ),
        ),
        Kind(
            "surveys",
            ("survey_id",),
            "answered_at",
            _fields(
                "survey_id:text answered_at:instant channel:word scale:scale score:number",
                "call_id:text customer_id:text team:text agent:text queue:text comment:comment sent_at:instant",
            ),
            (Rule("score", _SCALE_BOUNDS, Told("lies outside its scale")),),
        ),
        Kind(
            "survey_invitations",
            ("day", "channel", "team", "queue"),
            "day",
            _fields("day:day channel:word invited:count", "team:text queue:text"),
        ),
        Kind(
            "complaints",
            ("complaint_id",),
            "received_at",
            _fields(
                "complaint_id:text received_at:instant",
                "call_id:text ticket_id:text customer_id:text team:text agent:text queue:text category:text "
                "severity:text channel:text department:text upheld:flag resolved_at:instant",
            ),
            (Rule("resolved_at", "resolved_at < received_at", Told("lies before received_at")),),
        ),
        Kind(
            "tickets",
            ("ticket_id",),
            "closed_at",
            _fields(
                "ticket_id:text opened_at:instant",
                "closed_at:instant reactivated_at:instants first_contact_at:instant promised_callback:flag "
                "first_callback_at:instant customer_id:text topic:text team:text agent:text progress_views:count",
            ),
            (Rule("closed_at", "closed_at < opened_at", Told("lies before opened_at")),),
        ),
        Kind(
            "evaluations",
            ("evaluation_id",),
            "evaluated_at",
            _fields(
                "evaluation_id:text call_id:text evaluated_at:instant",
                "score:number full_marks:number delight:flag rating:level batch:text rater:text form:text "
                "comment:comment team:text agent:text queue:text",
            ),
            (
                Rule("score", "score IS NULL AND rating IS NULL", Told("is missing; give a score, a rating or both")),
                Rule("full_marks", "full_marks <= 0", Told("must be above 0")),
                Rule(
                    "score", "score < 0 OR score > coalesce(full_marks, 100)", Told("must lie between 0 and full_marks")
                ),
            ),
        ),
        Kind(
            "batches",
            ("batch",),
            None,
            _fields(
                "batch:text period:period", "population:count stratum:text description:comment selection:selection"
            ),
        ),
    )
}
