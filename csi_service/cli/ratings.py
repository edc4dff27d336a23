"""csi ratings and csi rate: the rollup of a period's ratings, and ratings from a file."""

import json
from pathlib import Path

import click

from csi_service.access import Caller
from csi_service.cli.language import say, spoken, words
from csi_service.cli.output import write_whole
from csi_service.cli.store_option import actor, data_option, services_for
from csi_service.core.periods import parse_period
from csi_service.core.told import Told
from csi_service.errors import FileRefusedError
from csi_service.report.rating_shares import rollup_body, rollup_csv, rollup_table
from csi_service.schema.records import STATUSES
from csi_service.store.rate_file import rate_file
from csi_service.store.rating_shares import read_rating_shares
from csi_service.store.reading import Query

_REFUSED_SHOWN = 20


@click.command(short_help="Level shares of a period's ratings.")
@click.argument("period")
@click.option("--by", metavar="KEYS", help="Group by one or two dimensions: site, team, agent, queue, channel, topic.")
@click.option("--format", "format_", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write there instead of to the terminal."
)
@data_option
def ratings(period: str, by: str | None, format_: str, output: Path | None, data: Path | None) -> None:
    """Print the level shares of a period's ratings: 2021-01, 2021-W05, 2021-Q1, 2021, a day or 2021-01-04..2021-01-31.

    Random samples alone enter them, each batch weighing the calls that it stands for; others stand apart.
    """
    services = services_for(data)
    keys = tuple(key.strip() for key in by.split(",")) if by else ()
    found = read_rating_shares(
        services.store(), services.dated_weights(), parse_period(period), Query(keys), services.today()
    )
    if format_ == "csv":
        content = rollup_csv(found)
    elif format_ == "json":
        content = (json.dumps(rollup_body(found), ensure_ascii=False, indent=2) + "\n").encode()
    else:
        content = rollup_table(found, spoken()).encode()
    write_whole(content, output)


@click.command(short_help="Put ratings from a file into the data folder.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--as", "rater", metavar="NAME", help="Whose the ratings are that name no rater; default: your own.")
@data_option
def rate(file: Path, rater: str | None, data: Path | None) -> None:
    """Put ratings from a CSV, XLSX or Parquet file into the data folder.

    Columns: call_id, rating (1 to 5 or the level's name); batch, rater, rated_at, comment where there are any. A time
    without an offset is local time of the centre. Rows that break their rules are left out and named; the others are
    kept.
    """
    services = services_for(data)
    me = Caller(actor(), "admin", 0, "")
    rated = rate_file(services.store(), file, me, rater or me.name, services.settings.unknown_calls, services.now())
    counts = rated.counts
    say(
        "ratings: {created:,} created, {replaced:,} replaced, {unchanged:,} unchanged, {rejected:,} rejected ({file})",
        err=True,
        file=file.name,
        **{name: counts[name] for name in STATUSES},
    )
    for line, column, message in rated.refused[:_REFUSED_SHOWN]:
        told = f"{column} {words(message)}".strip()
        say("  line {line}: {message}", err=True, line="?" if line is None else line, message=told)
    if (more := len(rated.refused) - _REFUSED_SHOWN) > 0:
        say("  and {count:,} more", err=True, count=more)
    if counts["unmatched"]:
        say("  {count:,} of calls that are not kept as yet", err=True, count=counts["unmatched"])
    if rated.ignored:
        say("  columns not used: {names}", err=True, names=", ".join(rated.ignored))
    if rated.unread is not None:
        say(rated.unread, err=True)
    if not counts["created"] + counts["replaced"] + counts["unchanged"]:
        raise FileRefusedError(Told("{file}: no row can be kept", file=file.name))
