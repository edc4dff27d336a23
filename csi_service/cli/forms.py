"""csi forms: what the QA forms say, whether a file is right."""

import json
from collections.abc import Iterator
from pathlib import Path

import click

from csi_service.cli.documents import check_files, read_form_file, tell_warnings
from csi_service.cli.language import heads, say, words
from csi_service.cli.store_option import data_option, settings_for
from csi_service.core.forms import Form, in_effect
from csi_service.errors import NotFoundError
from csi_service.language import marked
from csi_service.report.columns import in_columns, visible
from csi_service.report.numbers import percent
from csi_service.schema.forms import whole_body
from csi_service.services import build_services

_NEEDS = {"basic": marked("basic"), "expected": marked("expected"), "excitement": marked("excitement")}
_CRITICAL = {"customer": marked("customer"), "business": marked("business"), "compliance": marked("compliance")}
_ZEROES = {"section": marked("{critical}, zeroes the section"), "form": marked("{critical}, zeroes the form")}


@click.group(short_help="QA forms: list, show, check.")
def forms() -> None:
    """List, show and check QA forms (质检规则)."""


@forms.command("list")
@data_option
def list_(data: Path | None) -> None:
    """List the forms; the one valid today is marked."""
    services = build_services(settings_for(data))
    found = services.forms.all()
    try:
        today = in_effect(found, services.today()).name
    except NotFoundError:
        today = ""
    for form in found:
        mark = "*" if form.name == today else " "
        title = visible(f"{form.title} {form.title_zh}".rstrip())
        valid = words("valid from {day}", day=form.effective)
        click.echo(f"{mark} {form.name:<12} {valid}  {form.digest[:12]}  {title}")
    say("* valid today. Dated forms and `default` are chosen by date, the others by name.", err=True)


@forms.command()
@click.argument("name")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
@data_option
def show(name: str, format_: str, data: Path | None) -> None:
    """Show the items of a form (a name, or a file ending in .toml)."""
    form = read_form_file(Path(name)) if name.endswith(".toml") else build_services(settings_for(data)).forms.get(name)
    if format_ == "json":
        click.echo(json.dumps(whole_body(form), ensure_ascii=False, indent=2))
        return
    title = f"{form.title} {form.title_zh}"
    say("{title}, valid from {day}, version {version}", title=title, day=form.effective, version=form.digest)
    head = heads("item", "points", "need", "critical", "n/a", "text")
    for line in in_columns([head, *_rows(form)], (0, 2, 3, 4, 5)):
        click.echo(line)
    tell_warnings(form)


def _rows(form: Form) -> Iterator[tuple[str, ...]]:
    for section in form.sections:
        share = "" if section.weight is None else percent(section.weight)
        yield (f"[{section.name}]", share, "", "", "", visible(f"{section.title} {section.title_zh}".rstrip()))
        for item in section.items:
            critical = ""
            if item.critical is not None:
                critical = words(_ZEROES[str(item.zeroes)], critical=words(_CRITICAL[item.critical]))
            text = visible(f"{item.text} {item.text_zh}".rstrip())
            allowed = words("yes") if item.na_allowed else ""
            yield (item.name, f"{item.points:g}", words(_NEEDS[item.kano]), critical, allowed, text)


@forms.command()
@click.argument("files", nargs=-1, required=True)
def check(files: tuple[str, ...]) -> None:
    """Check form files; each problem is a line, and any makes exit code 2."""

    def told(form: Form) -> str:
        about = {"title": form.title, "count": len(form.items), "day": form.effective, "version": form.digest[:12]}
        return words("{title!r}, {count} items, valid from {day}, version {version}", **about)

    check_files(files, read_form_file, told)
