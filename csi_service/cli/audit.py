"""csi audit: who changed what and when."""

import json
from collections.abc import Iterator
from pathlib import Path

import click

from csi_service.cli.language import say
from csi_service.cli.store_option import data_option, services_for
from csi_service.core.periods import parse_period
from csi_service.report.columns import visible
from csi_service.store.audit import AuditEntry, AuditFilter, instants_of, read_audit


@click.command(short_help="Who changed what.")
@click.option("--actor", help="By whom: a key's name, or cli: and a system user's.")
@click.option("--action", help="A verb such as create, replace, delete, import, undo, revoke.")
@click.option("--kind", help="Of what: a record kind, key, import ...")
@click.option("--subject", help="Its number or name.")
@click.option("--period", help="Local days, in any form of a period: 2026-11, 2026-11-24 ...")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="Entries at most.")
@data_option
def audit(
    actor: str | None,
    action: str | None,
    kind: str | None,
    subject: str | None,
    period: str | None,
    limit: int,
    data: Path | None,
) -> None:
    """Print the latest changes, the newest first: when, who, what, and what differs."""
    services = services_for(data)
    zone = services.settings.time_zone
    since, until = (None, None) if period is None else instants_of(parse_period(period), zone)
    filters = AuditFilter(actor, action, kind, subject, since, until)
    with services.store().database.reading() as connection:
        entries, more = read_audit(connection, filters, limit=limit)
    for entry in entries:
        at = entry.at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
        changes = "; ".join(_changes(entry))
        text = f"{at}  {entry.actor}  {entry.action} {entry.kind} {entry.subject}" + (f"  {changes}" if changes else "")
        click.echo(visible(text))
    if more is not None:
        say("There are older entries; --limit is {limit}.", err=True, limit=limit)


def _changes(entry: AuditEntry) -> Iterator[str]:
    """The fields that differ: `score: 4 -> 5`, or `score: 5` where there was nothing."""
    before, after = entry.before or {}, entry.after or {}
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if old != new:
            shown = [json.dumps(value, ensure_ascii=False) for value in (old, new)]
            yield f"{name}: " + (shown[1] if entry.before is None else " -> ".join(shown))
