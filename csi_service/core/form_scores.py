"""From the answers to a QA form to its score: points, items that do not apply, critical items, delight."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from csi_service.core.forms import Form, FormItem, FormSection
from csi_service.core.told import Told
from csi_service.errors import InvalidInputError, Problem

NOT_APPLICABLE = "na"
NOTHING_APPLIES = "not_applicable"  # the reason where every item was answered "na"


@dataclass(frozen=True, slots=True)
class ItemScore:
    """What an item came to: `earned` of its points, None where it did not apply."""

    item: FormItem
    earned: float | None

    @property
    def share(self) -> float | None:
        """The earned share of the item's points, 0..1."""
        return None if self.earned is None else self.earned / self.item.points

    @property
    def met(self) -> bool:
        """Whether all the points were earned."""
        return self.earned == self.item.points


@dataclass(frozen=True, slots=True)
class SectionScore:
    """What a section came to: `earned` after its critical items, of `possible` points.

    `weight` is the share of the form's score that the section really had: 0 where nothing in it applied, where `score`
    is None.
    """

    name: str
    score: float | None
    earned: float
    possible: float
    weight: float


@dataclass(frozen=True, slots=True)
class FormScore:
    """What the answers to a form came to; `score` is a fraction, None with its `reason` where nothing applied.

    `score_before_critical` is the score as if no critical item zeroed anything. `critical_failures` are the critical
    items that failed. `delight` tells whether any excitement need was met, None where none applied. `na_share` is the
    share of the form's items answered "na". `items` holds every item of the form, in its order, before critical items.
    """

    form: str
    digest: str
    score: float | None
    reason: str | None
    score_before_critical: float | None
    earned: float
    possible: float
    sections: tuple[SectionScore, ...]
    critical_failures: tuple[FormItem, ...]
    delight: bool | None
    na_share: float
    items: tuple[ItemScore, ...]


def score_answers(form: Form, answers: Mapping[str, object]) -> FormScore:
    """Return the score of a whole set of answers, one an item: true or false, points of 0 to the item's, or "na".

    An item that does not apply leaves earned and possible points. A section scores earned / possible. Where the form
    weighs its sections, the score is their weighted mean, the weights rescaled over the sections that apply; else it is
    all earned / all possible points. An item is met with all its points. A critical item that is not met takes its
    section or the whole form to 0; it is judged by yes or no, not by a part of its points.

    Raises:
        InvalidInputError: one `Problem` for each item that is unknown, not answered, or answered wrongly.

    Source: earned / possible points without what does not apply, and critical errors beside the score, as contact
    centre quality programmes do (COPC Customer Experience Standard; evaluation forms of Genesys and Amazon Connect).
    """
    items = _read_answers(form, answers)
    applied = [found for found in items if found.earned is not None]
    failures = tuple(found.item for found in applied if found.item.critical and not found.met)
    zeroed = {item.section for item in failures}
    if any(item.zeroes == "form" for item in failures):
        zeroed = {section.name for section in form.sections}
    sections = _score_sections(form.sections, applied, zeroed)
    delights = [found.met for found in applied if found.item.kano == "excitement"]
    return FormScore(
        form=form.name,
        digest=form.digest,
        score=_mean(sections),
        reason=None if applied else NOTHING_APPLIES,
        score_before_critical=_mean(_score_sections(form.sections, applied, set())),
        earned=math.fsum(section.earned for section in sections),
        possible=math.fsum(section.possible for section in sections),
        sections=sections,
        critical_failures=failures,
        delight=any(delights) if delights else None,
        na_share=(len(items) - len(applied)) / len(items),
        items=items,
    )


def _score_sections(
    sections: Sequence[FormSection], applied: Sequence[ItemScore], zeroed: set[str]
) -> tuple[SectionScore, ...]:
    found = []
    for section in sections:
        inside = [score for score in applied if score.item.section == section.name]
        possible = math.fsum(score.item.points for score in inside)
        earned = math.fsum(score.earned or 0.0 for score in inside)
        weight = possible if section.weight is None else section.weight * bool(inside)
        found.append((section.name, 0.0 if section.name in zeroed else earned, possible, weight))
    total = math.fsum(weight for *_, weight in found) or 1.0
    return tuple(
        SectionScore(name, earned / possible if possible else None, earned, possible, weight / total)
        for name, earned, possible, weight in found
    )


def _mean(sections: Sequence[SectionScore]) -> float | None:
    scored = [(section.weight, section.score) for section in sections if section.score is not None]
    return min(1.0, math.fsum(weight * score for weight, score in scored)) if scored else None


def _read_answers(form: Form, answers: Mapping[str, object]) -> tuple[ItemScore, ...]:
    items = form.items
    read = []
    problems: list[Problem] = []
    for item in items.values():
        try:
            read.append(ItemScore(item, _read_answer(item, answers)))
        except InvalidInputError as error:
            problems += error.problems
    for name in answers:
        if name not in items:
            text = Told(
                "is not an item of the form {name}; its items are {names}", name=form.name, names=", ".join(items)
            )
            problems.append(Problem(_where(name), text, name, "unknown_item"))
    if problems:
        raise InvalidInputError(*problems)
    return tuple(read)


def _read_answer(item: FormItem, answers: Mapping[str, object]) -> float | None:
    """Return the points that an item earned, None where it does not apply."""
    where, accepted = _where(item.name), _accepted(item)
    if item.name not in answers:
        raise InvalidInputError(
            Problem(where, Told("is not answered; give {accepted}", accepted=accepted), None, "missing")
        )
    answer = answers[item.name]
    if isinstance(answer, bool):
        return item.points * answer
    if answer == NOT_APPLICABLE and item.na_allowed:
        return None
    if not isinstance(answer, int | float):
        raise InvalidInputError(
            Problem(
                where, Told("must be {accepted}, found {answer!r}", accepted=accepted, answer=answer), answer, "type"
            )
        )
    if not 0 <= answer <= item.points or (item.critical and answer not in (0, item.points)):
        code = "non_finite" if isinstance(answer, float) and not math.isfinite(answer) else "range"
        raise InvalidInputError(
            Problem(where, Told("is {answer}; give {accepted}", answer=answer, accepted=accepted), answer, code)
        )
    return float(answer)


def _accepted(item: FormItem) -> str:
    numbers = (
        Told("0 or {points:g} points", points=item.points)
        if item.critical
        else Told("0 to {points:g} points", points=item.points)
    )
    return (
        Told('true, false, {numbers} or "{na}"', numbers=numbers, na=NOT_APPLICABLE)
        if item.na_allowed
        else Told("true, false or {numbers}", numbers=numbers)
    )


def _where(item: object) -> str:
    """Return the JSON pointer (RFC 6901) of an item's answer."""
    return "/answers/" + str(item).replace("~", "~0").replace("/", "~1")
