"""Judgements of calls from their bodies to records: a rating alone, or an evaluation, by answers to a form perhaps."""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from csi_service.core.form_scores import FormScore, score_answers
from csi_service.core.forms import Form, in_effect
from csi_service.core.told import Told
from csi_service.errors import InvalidInputError, NotFoundError, Problem
from csi_service.facts.kinds import KINDS
from csi_service.facts.rules import Rules
from csi_service.forms_folder import FormsFolder
from csi_service.language import message_of
from csi_service.schema.records import Sent
from csi_service.store.sending import SKEW
from csi_service.store.writes import Record, local_day

EVALUATIONS = KINDS["evaluations"]
_RULES = Rules(EVALUATIONS)
_BLANK: Record = {name.name: None for name in EVALUATIONS.fields}


@dataclass(frozen=True, slots=True)
class Draft:
    """A judgement before it is kept: the record as far as its body tells, and what answers to a form came to."""

    sent: Sent
    scored: FormScore | None = None
    answers: Mapping[str, Any] = field(default_factory=dict)


def draft_rating(item: Sent, now: dt.datetime, usual: dt.datetime | None = None) -> Draft:
    """Return a rating's body as an evaluation without a score; `usual` is its time if it tells none (None: now)."""
    if item.record is None:
        return Draft(item)
    body = dict(item.record)
    at = body.pop("rated_at") or usual or _utc(now)
    if at > _utc(now) + SKEW:
        text = Told(
            "lies in the future; the service's clock says {isoformat}Z",
            isoformat=_utc(now).isoformat(timespec="seconds"),
        )
        return Draft(refused(item, Problem("/rated_at", text, at.isoformat(), "future")))
    given = (item.given - {"rated_at"}) | {"evaluation_id", "evaluated_at", "rater"}
    return Draft(dataclasses.replace(item, record=_BLANK | body | {"evaluated_at": at}, given=given))


def draft_evaluation(
    item: Sent, now: dt.datetime, forms: FormsFolder, time_zone: str, usual: dt.datetime | None = None
) -> Draft:
    """Return an evaluation's body as a record, its score and delight from the answers to a form where it has any.

    Raises:
        FormError: the form that is asked for breaks its rules.
    """
    if item.record is None:
        return Draft(item)
    body = dict(item.record)
    answers, version = body.pop("answers"), body.pop("form_version")
    record = _BLANK | body | {"evaluated_at": body["evaluated_at"] or usual or _utc(now)}
    given = (item.given - {"answers", "form_version"}) | {"evaluation_id", "evaluated_at", "rater"}
    if answers is None:
        problems = [] if version is None else [Problem("/form_version", "is for answers; give them too", code="shape")]
        problems += [Problem(f"/{rule.field}", rule.reason, code="rule") for rule in _RULES.broken_by(record)]
        sent = refused(item, *problems) if problems else dataclasses.replace(item, record=record, given=given)
        return Draft(sent)
    try:
        form = _form(forms, record["form"], local_day(record["evaluated_at"], time_zone))
        scored = _scored(form, answers, version, record)
    except InvalidInputError as error:
        return Draft(refused(item, *error.problems))
    earned = scored.earned
    if scored.score is not None and any(section.weight is not None for section in form.sections):
        earned = scored.score * scored.possible
    judged: Record = {"form": form.name, "delight": scored.delight}
    if scored.score is not None:
        judged |= {"score": earned, "full_marks": scored.possible}
    return Draft(
        dataclasses.replace(item, record=record | judged, given=given | {"form", "score", "full_marks", "delight"}),
        scored,
        answers,
    )


def _utc(now: dt.datetime) -> dt.datetime:
    return now.astimezone(dt.UTC).replace(tzinfo=None)


def _form(forms: FormsFolder, name: str | None, day: dt.date) -> Form:
    try:
        return in_effect(forms.all(), day) if name is None else forms.get(name)
    except NotFoundError as error:
        raise InvalidInputError(Problem("/form", message_of(error), name, "unknown_form")) from error


def _scored(form: Form, answers: Mapping[str, Any], version: str | None, record: Record) -> FormScore:
    """What the answers came to; refuses a version that is not the form's, and figures given beside the answers."""
    if version is not None and version != form.digest:
        text = Told(
            "the form {name} has changed since it was read; its version is {digest} now",
            name=form.name,
            digest=form.digest,
        )
        raise InvalidInputError(Problem("/form_version", text, version, "form_version"))
    beside = [name for name in ("score", "full_marks", "delight") if record[name] is not None]
    if beside:
        text = Told("follows from the answers; leave it out")
        raise InvalidInputError(*(Problem(f"/{name}", text, record[name], "shape") for name in beside))
    scored = score_answers(form, answers)
    if scored.score is None and record["rating"] is None:
        text = Told("nothing of the form applies, so there is no score; give a rating too, or leave the call out")
        raise InvalidInputError(Problem("/answers", text, code="nothing_applies"))
    return scored


def refused(item: Sent, *problems: Problem) -> Sent:
    """Return a judgement without its record, with what is wrong at its places in the body."""
    placed = tuple(dataclasses.replace(problem, where=item.where + problem.where) for problem in problems)
    return dataclasses.replace(item, record=None, problems=placed)
