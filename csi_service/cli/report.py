"""csi report: a period's report as a document, and its publication."""

import sys
from pathlib import Path

import click

from csi_service.cli.language import say, spoken, words
from csi_service.cli.output import write_whole
from csi_service.cli.store_option import actor, data_option, services_for
from csi_service.core.periods import parse_period
from csi_service.core.told import Told
from csi_service.errors import InvalidInputError, Problem
from csi_service.language import marked
from csi_service.report.collect import COMPARED, Asked
from csi_service.report.columns import visible
from csi_service.report.kept import Wanted, changes_since, live_report, made_report, note_of_nothing, publish
from csi_service.report.writers import WRITERS
from csi_service.services import Services
from csi_service.store.published import find_published, list_published, read_file


class _Default(click.Group):
    """A group whose first word may be a period: `csi report 2021-01` makes the report."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["make", *args]
        return super().parse_args(ctx, args)


_by = click.option("--by", help="Groups, for instance team or team,queue; without: the whole centre only.")
_compare = click.option("--compare", type=click.Choice(tuple(COMPARED)), default="previous", show_default=True)


@click.group(cls=_Default, short_help="A period's report as HTML, PDF or XLSX; publish it.")
def report() -> None:
    """Make, publish and list reports.

    csi report 2021-01 --format pdf --output report.pdf makes the report of January 2021.
    """


@report.command()
@click.argument("period")
@_by
@_compare
@click.option(
    "--format", "format_", type=click.Choice(tuple(WRITERS)), help="Default: by the output's ending, or html."
)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write; default: standard output."
)
@click.option("--live", is_flag=True, help="Of the data as they are now, also where the report was published.")
@data_option
def make(
    period: str, by: str | None, compare: str, format_: str | None, output: Path | None, live: bool,
    data: Path | None,
) -> None:  # fmt: skip
    """Write the report of PERIOD: the published one, or else one of the data as they are now."""
    chosen = _format(format_, output)
    services = services_for(data)
    wanted = _wanted(services, period, by, compare)
    versions = [] if live else find_published(services.store(), wanted.asked.period.label, wanted.asked.keys)
    found = read_file(services.store(), versions[0], chosen, spoken()) if versions else None
    if found is None:
        found = made_report(services.store(), services.dated_weights(), wanted, chosen, spoken())
    if output is None and chosen != "html" and sys.stdout.isatty():
        raise click.UsageError(Told("--format {format_} needs --output FILE", format_=chosen))
    write_whole(found, output)
    if (nothing := note_of_nothing(services.store(), wanted.asked.period)) is not None:
        say("Note: {text}.", err=True, text=nothing)
    if versions:
        at = versions[0].published_at
        say("Version {version}, published {at:%Y-%m-%d}.", err=True, version=versions[0].version, at=at)


@report.command("publish")
@click.argument("period")
@_by
@_compare
@click.option("--restate", is_flag=True, help="Publish a further version beside the published one.")
@click.option("--reason", help="Why it is restated; stands in the report.")
@data_option
def publish_(period: str, by: str | None, compare: str, restate: bool, reason: str | None, data: Path | None) -> None:
    """Freeze the report of PERIOD: figures, weights and documents stay as they are."""
    if restate != (reason is not None):
        raise click.UsageError("--restate and --reason belong together")
    services = services_for(data)
    wanted = _wanted(services, period, by, compare)
    store, sets = services.store(), services.dated_weights()
    before = find_published(store, wanted.asked.period.label, wanted.asked.keys)
    made = publish(store, sets, wanted, services.now(), actor(), reason)
    if before and reason is None:
        changed = changes_since(made, live_report(store, sets, wanted))
        pattern = marked("{period} was published as version {version} already; it stays as it is.")
        say(pattern, period=made.period, version=made.version)
        for key, (old, now) in changed.items():
            say("  {key}: published {old}, now {now}", key=key, old=_shown(old), now=_shown(now))
        if changed:
            say("The data or the weights have changed since; publish it anew with --restate --reason TEXT.")
    else:
        pattern = marked("{period} published as version {version}; weights {weights}.")
        say(pattern, period=made.period, version=made.version, weights=made.weights["name"])


@report.command("list")
@data_option
def list_(data: Path | None) -> None:
    """List the published reports, the newest first."""
    for each in list_published(services_for(data).store()):
        period = (
            words("{period} by {keys}", period=each.period, keys=", ".join(each.keys)) if each.keys else each.period
        )
        version = words("version {version}", version=each.version)
        reason = f": {each.reason}" if each.reason else ""
        line = f"{period}  {version}  {each.published_at:%Y-%m-%d %H:%M} UTC  {each.published_by}{reason}"
        click.echo(visible(line))


def _format(given: str | None, output: Path | None) -> str:
    ending = output.suffix.lower().removeprefix(".") if output is not None else ""
    if given is not None:
        if ending in WRITERS and ending != given:
            text = Told(
                "ends in {ending!r}, and --format is {format_}; let the two agree", ending=ending, format_=given
            )
            raise InvalidInputError(Problem("output", text, str(output), "format"))
        return given
    if ending and ending not in WRITERS:
        text = Told(
            "ends in {ending!r}; accepted are {names}, or give --format", ending=ending, names=", ".join(WRITERS)
        )
        raise InvalidInputError(Problem("output", text, str(output), "format"))
    return ending or "html"


def _wanted(services: Services, period: str, by: str | None, compare: str) -> Wanted:
    keys = tuple(key.strip() for key in by.split(",")) if by else ()
    return Wanted(Asked(parse_period(period), keys, compare), services.today())


def _shown(value: float | None) -> str:
    return words("none") if value is None else f"{value:.6f}"
