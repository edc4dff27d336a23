"""QA forms over the API: the list, and one with all its items."""

from typing import Any

from marshmallow import Schema, fields

from csi_service.core.forms import CRITICAL, NEEDS, ZEROES, Form

Body = dict[str, Any]


class FormNamed(Schema):
    """What is told of a form in a list; a form that breaks its rules has problems instead of a version."""

    name = fields.String(required=True)
    title, title_zh, author, source, version = (fields.String(required=True, allow_none=True) for _ in range(5))
    effective = fields.Date(required=True, allow_none=True, metadata={"description": "first day of validity"})
    problems = fields.List(fields.String(), required=True)


class FormsList(Schema):
    """All forms."""

    today = fields.Date(required=True)
    current = fields.String(required=True, allow_none=True, metadata={"description": "name of the one in effect today"})
    forms = fields.List(fields.Nested(FormNamed), required=True)


class FormItemBody(Schema):
    """One thing to judge."""

    name, text, text_zh = (fields.String(required=True) for _ in range(3))
    kano = fields.String(required=True, metadata={"enum": list(NEEDS)})
    points = fields.Float(required=True)
    critical = fields.String(required=True, allow_none=True, metadata={"enum": [*CRITICAL, None]})
    zeroes = fields.String(required=True, allow_none=True, metadata={"enum": [*ZEROES, None]})
    na_allowed = fields.Boolean(required=True, metadata={"description": '"na" is an answer'})


class FormSectionBody(Schema):
    """The items of one subject."""

    name, title, title_zh = (fields.String(required=True) for _ in range(3))
    weight = fields.Float(
        required=True, allow_none=True, metadata={"description": "share of the form; null: the points weigh"}
    )
    items = fields.List(fields.Nested(FormItemBody), required=True)


class FormWhole(FormNamed):
    """A form with all its items; version is what answers are sent with as form_version."""

    warnings = fields.List(fields.String(), required=True)
    sections = fields.List(fields.Nested(FormSectionBody), required=True)


def named_body(name: str, form: Form | None, problems: list[str]) -> Body:
    """Return what a list tells of a form; None where it cannot be read."""
    known = ("title", "title_zh", "author", "source")
    return {
        "name": name,
        **{key: None if form is None else getattr(form, key) for key in known},
        "version": None if form is None else form.digest,
        "effective": None if form is None else form.effective.isoformat(),
        "problems": problems,
    }


def whole_body(form: Form) -> Body:
    """Return a form with all its items."""
    keys = ("name", "text", "text_zh", "kano", "points", "critical", "zeroes", "na_allowed")
    return named_body(form.name, form, []) | {
        "warnings": list(form.warnings),
        "sections": [
            {
                "name": section.name,
                "title": section.title,
                "title_zh": section.title_zh,
                "weight": section.weight,
                "items": [{key: getattr(item, key) for key in keys} for item in section.items],
            }
            for section in form.sections
        ],
    }
