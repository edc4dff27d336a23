"""The answers to QA forms beside the evaluations that they led to, and what they came to."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from csi_service.core.form_scores import FormScore
from csi_service.records.database import upsert
from csi_service.records.prepared import among, fetch, run
from csi_service.records.tables import FORM_ANSWERS, RECORDS
from csi_service.store.audit import Change

_SENT = ("evaluation_id", "form", "digest", "answers")
_FIGURES = ("score", "score_before_critical", "earned", "possible", "sections", "critical_failures", "na_share")
_EVALUATIONS = RECORDS["evaluations"]
_OF_THESE = among(FORM_ANSWERS.c.evaluation_id, "evaluations")
_KEPT = sa.select(*(FORM_ANSWERS.c[name] for name in _SENT)).where(_OF_THESE)
_FORGET = sa.delete(FORM_ANSWERS).where(_OF_THESE)
_NUMBERS = sa.select(_EVALUATIONS.c.evaluation_id, _EVALUATIONS.c.revision).where(
    among(_EVALUATIONS.c.evaluation_id, "evaluations")
)
Answered = tuple[FormScore, Mapping[str, Any]]  # what the answers came to, and the answers
Body = dict[str, Any]


def keep_answers(connection: sa.Connection, found: Mapping[str, Answered | None]) -> list[Change]:
    """Keep the answers of evaluations that are in their table by now; None where one has no answers (any more).

    Return what changed, for the audit trail.
    """
    before = {row["evaluation_id"]: row for row in fetch(connection, _KEPT, {"evaluations": list(found)})}
    if before:
        run(connection, _FORGET, [{"evaluations": list(before)}])
    answered = {number: each for number, each in found.items() if each is not None}
    numbers = fetch(connection, _NUMBERS, {"evaluations": list(answered)}) if answered else []
    rows = [row | _row(*answered[row["evaluation_id"]]) for row in numbers]
    upsert(connection, FORM_ANSWERS, rows)
    after = {row["evaluation_id"]: {name: row[name] for name in _SENT} for row in rows}
    return list(_changes(before, after))


def _changes(before: Mapping[str, Body], after: Mapping[str, Body]) -> Iterator[Change]:
    for number in {**before, **after}:
        old, new = before.get(number), after.get(number)
        if old != new:
            yield Change("create" if old is None else "delete" if new is None else "replace", number, old, new)


def _row(scored: FormScore, answers: Mapping[str, Any]) -> Body:
    found = result_of(scored)
    return {name: found[name] for name in _FIGURES} | {
        "form": scored.form,
        "digest": scored.digest,
        "answers": dict(answers),
        "shares": {score.item.name: score.share for score in scored.items},
    }


def result_of(scored: FormScore) -> Body:
    """Return what answers came to, as it is told: points, sections with the weights that applied, critical failures."""
    figures: Body = {name: getattr(scored, name) for name in _FIGURES}
    return figures | {
        "form": scored.form,
        "version": scored.digest,
        "sections": [asdict(section) for section in scored.sections],
        "critical_failures": {item.name: item.critical for item in scored.critical_failures},
    }


def kept_result(row: Mapping[str, Any]) -> Body:
    """Return what a kept row of answers came to, as it is told."""
    return {"form": row["form"], "version": row["digest"]} | {name: row[name] for name in _FIGURES}
