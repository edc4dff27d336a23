"""QA forms (质检规则): from parsed text to sections and items, strictly; the form in effect on a day."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from csi_service.core import dated
from csi_service.core.index import shares_of
from csi_service.core.tables import Table, read_toml
from csi_service.core.told import Told
from csi_service.errors import FormError, Problem

NEEDS = ("basic", "expected", "excitement")
CRITICAL = ("customer", "business", "compliance")
ZEROES = ("section", "form")
MOST_POINTS = 10_000  # of an item
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class FormItem:
    """One thing that a rater judges, worth `points` (above 0).

    `kano` is the kind of need that it serves (basic, expected, excitement). `critical` says whom a failure hurts
    (customer, business, compliance) and `zeroes` what it takes to 0 (section, form); both are None where the item is
    not critical. `na_allowed` tells whether "does not apply" is an answer.
    """

    name: str
    section: str
    text: str
    text_zh: str
    kano: str
    points: float
    critical: str | None
    zeroes: str | None
    na_allowed: bool


@dataclass(frozen=True, slots=True)
class FormSection:
    """The items of one subject; `weight` is its share of the form, None where the points alone weigh."""

    name: str
    title: str
    title_zh: str
    weight: float | None
    items: tuple[FormItem, ...]


@dataclass(frozen=True, slots=True)
class Form:
    """A whole form: sections with their items, in the order of the document.

    `digest` is the SHA-256 of the document's content: the form's version, kept with each evaluation. `document` is the
    content itself.
    """

    name: str
    title: str
    title_zh: str
    effective: dt.date
    author: str
    source: str
    sections: tuple[FormSection, ...]
    warnings: tuple[str, ...]
    digest: str
    document: Mapping[str, Any]

    @property
    def items(self) -> dict[str, FormItem]:
        """Every item by its name, in the order of the form."""
        return {item.name: item for section in self.sections for item in section.items}


def parse_form(text: str, name: str) -> Form:
    """Return the form that a TOML text describes; `name` is the file's name without its ending.

    Raises:
        FormError: not TOML, or one `Problem` for each key that breaks its rules.
    """
    form = read_form(read_toml(text, name, FormError), name)
    if problem := dated.name_problem(name, form.effective, Told("form")):
        raise FormError(name, (problem,))
    return form


def read_form(document: Mapping[str, Any], name: str) -> Form:
    """Return the form that a document (nested tables) describes.

    Raises:
        FormError: one `Problem` for each key that breaks its rules.
    """
    problems: list[Problem] = []
    warnings: list[str] = []
    table = Table(document, "", problems, warnings)
    title, source = table.text("title"), table.text("source")
    title_zh, author = table.text("title_zh", ""), table.text("author", "")
    effective = table.day("effective")
    sections = _read_sections(table)
    table.close()
    items = [item for section in sections for item in section.items]
    for item in items:
        first = next(other for other in items if other.name == item.name)
        if first is not item:
            text = Told("stands in the section {section} too; each item has a name of its own", section=first.section)
            table.report(f"sections.{item.section}.items.{item.name}", text, item.name, "duplicate")
    if items and not any(item.kano == "excitement" for item in items):
        table.warn("sections", Told("no item is an excitement need, so no evaluation by this form tells of delight"))
    if problems:
        raise FormError(name, tuple(problems))
    return Form(
        name=name,
        title=title,
        title_zh=title_zh,
        effective=effective,
        author=author,
        source=source,
        sections=sections,
        warnings=tuple(warnings),
        digest=dated.digest_of(document),
        document=document,
    )


def _read_sections(table: Table) -> tuple[FormSection, ...]:
    listed = table.table("sections", required=True)
    tables = {name: listed.table(name) for name in listed.keys() if _named(listed, name)}
    weights = _read_weights(table, listed, tables)
    sections = tuple(_read_section(part, name, weights.get(name)) for name, part in tables.items())
    listed.close()
    if "sections" in table and not listed.keys():
        listed.report("", "names no section; a form has at least one, with items", None, "missing")
    return sections


def _read_weights(table: Table, listed: Table, tables: Mapping[str, Table]) -> dict[str, float]:
    """Return the sections' shares of the form; none where the form weighs by points."""
    stated = [table.peek("total"), *(part.peek("parts") for part in tables.values())]
    if all(number is None for number in stated):
        return {}
    total = table.number("total", above=0)
    parts = {name: part.number("parts", above=0) for name, part in tables.items()}
    return shares_of(listed, parts, total)


def _read_section(table: Table, name: str, weight: float | None) -> FormSection:
    title, title_zh = table.text("title"), table.text("title_zh", "")
    listed = table.table("items", required=True)
    items = tuple(_read_item(listed.table(item), item, name) for item in listed.keys() if _named(listed, item))
    listed.close()
    table.close()
    if "items" in table and not listed.keys():
        listed.report("", "names no item; a section has at least one", None, "missing")
    return FormSection(name, title, title_zh, weight, items)


def _read_item(table: Table, name: str, section: str) -> FormItem:
    critical = zeroes = None
    if [key for key in ("critical", "zeroes") if table.peek(key) is not None]:
        critical, zeroes = table.choice("critical", CRITICAL), table.choice("zeroes", ZEROES)
    item = FormItem(
        name=name,
        section=section,
        text=table.text("text"),
        text_zh=table.text("text_zh", ""),
        kano=table.choice("kano", NEEDS),
        points=table.number("points", above=0, most=MOST_POINTS),
        critical=critical,
        zeroes=zeroes,
        na_allowed=table.flag("na_allowed", False),
    )
    if item.kano == "excitement" and critical:
        text = Told(
            "is an excitement need and critical; a customer does not miss what delights, so failing it is no fault"
        )
        table.warn("", text)
    table.close()
    return item


def _named(table: Table, name: str) -> bool:
    """Tell whether a name can be used as a key in files and addresses; reports one that can't."""
    fits = _NAME.fullmatch(name) is not None
    if not fits:
        table.peek(name)
        text = Told("is named {name!r}; write small letters, digits and _, a letter first, at most 64", name=name)
        table.report(name, text, name, "name")
    return fits


def in_effect(forms: Iterable[Form], day: dt.date) -> Form:
    """Return the form valid on a day: of the dated forms and the default, the latest whose first day is not after it.

    Raises:
        NotFoundError: no form is valid yet on that day; the message names the first day of the first one.
    """
    return dated.in_effect(forms, day, Told("forms"), Told("form"))
