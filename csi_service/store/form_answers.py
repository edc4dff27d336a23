"""The answers to QA forms beside the evaluations that they led to, and what they came to."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from csi_service.core.form_scores import FormScore
from csi_service.records.database import chunks, upsert
from csi_service.records.tables import FORM_ANSWERS, RECORDS
from csi_service.store.audit import Change

_AT_ONCE = 500
_SENT = ("evaluation_id", "form", "digest", "answers")
_FIGURES = ("score", "score_before_critical", "earned", "possible", "sections", "critical_failures", "na_share")
Answered = tuple[FormScore, Mapping[str, Any]]  # what the answers came to, and the answers
Body = dict[str, Any]


def keep_answers(connection: sa.Connection, found: Mapping[str, Answered | None]) -> list[Change]:
    """Keep the answers of evaluations that are in their table by now; None where one has no answers (any more).

    Return what changed, for the audit trail.
    """
    table = RECORDS["evaluations"]
    changes: list[Change] = []
    for some in chunks(list(found), _AT_ONCE):
        of_some = FORM_ANSWERS.c.evaluation_id.in_(some)
        query = sa.select(*(FORM_ANSWERS.c[name] for name in _SENT))
        before = {row["evaluation_id"]: dict(row) for row in connection.execute(query.where(of_some)).mappings()}
        connection.execute(sa.delete(FORM_ANSWERS).where(of_some))
        query = sa.select(table.c.evaluation_id, table.c.revision).where(table.c.evaluation_id.in_(some))
        rows = [
            {"evaluation_id": number, "revision": revision} | _row(*answered)
            for number, revision in connection.execute(query)
            if (answered := found[number]) is not None
        ]
        upsert(connection, FORM_ANSWERS, rows)
        after = {row["evaluation_id"]: {name: row[name] for name in _SENT} for row in rows}
        changes += _changes(before, after)
    return changes


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
