"""csi weights: what the sets say, whether a file is right, how two sets differ."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import click

from csi_service.cli.documents import check_files, find_weights, read_weights_file, tell_warnings
from csi_service.cli.language import say, words
from csi_service.core.weights import WeightSet, in_effect
from csi_service.errors import NotFoundError
from csi_service.schema.scores import plain
from csi_service.services import Services, build_services
from csi_service.settings import load_settings


@click.group(short_help="Weights: list, show, check, diff.")
@click.pass_context
def weights(ctx: click.Context) -> None:
    """List, show, check and compare weights."""
    ctx.obj = build_services(load_settings())


@weights.command("list")
@click.pass_obj
def list_(services: Services) -> None:
    """List the sets; the one valid today is marked."""
    sets = services.weights.all()
    try:
        today = in_effect(sets, services.today()).name
    except NotFoundError:
        today = ""
    for item in sets:
        mark = "*" if item.name == today else " "
        title = f"{item.title} {item.title_zh}".rstrip()
        valid = words("valid from {day}", day=item.effective)
        click.echo(f"{mark} {item.name:<12} {valid}  {item.digest[:12]}  {title}")
    say("* valid today. Dated sets and `default` are chosen by date, the others by name.", err=True)


@weights.command()
@click.argument("name")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_obj
def show(services: Services, name: str, format_: str) -> None:
    """Show every value of a set (a name, or a file ending in .toml)."""
    item = find_weights(services, name)
    if format_ == "json":
        body = {"name": item.name, "digest": item.digest, "warnings": item.warnings, "document": item.document}
        click.echo(json.dumps(plain(body), ensure_ascii=False, indent=2))
        return
    for key, value in _flat(item.document):
        click.echo(f"{key} = {value}")
    tell_warnings(item)


@weights.command()
@click.argument("files", nargs=-1, required=True)
def check(files: tuple[str, ...]) -> None:
    """Check weights files; each problem is a line, and any makes exit code 2."""

    def told(item: WeightSet) -> str:
        about = {"title": item.title, "day": item.effective, "digest": item.digest[:12]}
        return words("{title!r}, valid from {day}, digest {digest}", **about)

    check_files(files, read_weights_file, told)


@weights.command()
@click.argument("old")
@click.argument("new")
@click.pass_obj
def diff(services: Services, old: str, new: str) -> None:
    """Show the values that differ between two sets (names, or files ending in .toml)."""
    before, after = (dict(_flat(find_weights(services, name).document)) for name in (old, new))
    for key in dict.fromkeys([*before, *after]):
        if before.get(key) != after.get(key):
            was, now = (found.get(key, words("(not set)")) for found in (before, after))
            click.echo(f"{key}: {was} -> {now}")


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", json.dumps(plain(value), ensure_ascii=False)
