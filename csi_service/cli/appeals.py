"""csi appeals: disputed evaluations."""

from pathlib import Path

import click

from csi_service.cli.language import heads, say, words
from csi_service.cli.store_option import caller, data_option, services_for
from csi_service.core.periods import parse_period
from csi_service.language import marked
from csi_service.records.tables import UPHELD
from csi_service.report.columns import in_columns, visible
from csi_service.store.appeals import OPEN, REJECTED, STATUSES, AppealFilter, list_appeals

_STATUSES = {OPEN: marked("open"), UPHELD: marked("upheld"), REJECTED: marked("rejected")}


@click.group(short_help="Disputed evaluations.")
def appeals() -> None:
    """List appeals against evaluations; they are filed and decided over the API, each with a person's own key."""


@appeals.command("list")
@click.option("--status", type=click.Choice(STATUSES))
@click.option("--team", help="Of the call.")
@click.option("--rater", help="Who evaluated.")
@click.option("--period", help="The local days on which they were filed, in any form of a period.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="Appeals at most.")
@data_option
def list_(
    status: str | None, team: str | None, rater: str | None, period: str | None, limit: int, data: Path | None
) -> None:
    """List the appeals, the newest first."""
    services = services_for(data)
    zone = services.settings.time_zone
    filed = None if period is None else parse_period(period)
    filters = AppealFilter(status=status, team=team, rater=rater, filed=filed)
    with services.store().database.reading() as connection:
        found, more = list_appeals(connection, filters, caller(), zone, limit=limit)
    rows = [
        (
            str(each.id),
            words(_STATUSES[each.status]),
            *map(visible, (each.evaluation_id, each.team or "", each.rater or "", each.filed_by)),
            each.filed_at.astimezone(zone).strftime("%Y-%m-%d %H:%M"),
            visible(each.decided_by or ""),
            visible(each.reason),
        )
        for each in found
    ]
    head = heads("number", "status", "evaluation", "team", "rater", "filed by", "filed", "decided by", "reason")
    for line in in_columns([head, *rows], range(1, len(head))):
        click.echo(line)
    if more is not None:
        say("There are older appeals; --limit is {limit}.", err=True, limit=limit)
