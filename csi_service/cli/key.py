"""csi key: make, list and revoke API keys."""

import datetime as dt
import zoneinfo
from pathlib import Path

import click

from csi_service.access import ROLES
from csi_service.cli.language import heads, say, words
from csi_service.cli.store_option import actor, data_option, services_for
from csi_service.core.told import Told
from csi_service.errors import InvalidInputError, Problem
from csi_service.language import marked
from csi_service.report.columns import in_columns, visible
from csi_service.store.keys import Key, create_key, list_keys, revoke_key

_STATES = {"valid": marked("valid"), "expired": marked("expired"), "revoked": marked("revoked")}


@click.group(short_help="API keys.")
def key() -> None:
    """Make, list and revoke API keys."""


@key.command()
@click.option("--name", required=True, help="The person or system that it is for; what they write bears this name.")
@click.option("--role", required=True, type=click.Choice(ROLES), help="What it permits.")
@click.option("--team", "teams", multiple=True, help="A team that it sees; may be given again. Default: all teams.")
@click.option("--agent", help="The person's own agent number; they may not judge its calls.")
@click.option("--expires", help="Last day of its validity, for instance 2027-01-31. Default: none.")
@data_option
def create(
    name: str, role: str, teams: tuple[str, ...], agent: str | None, expires: str | None, data: Path | None
) -> None:
    """Make a key; it alone is printed on standard output, once."""
    services = services_for(data)
    until = None if expires is None else _end_of(expires, services.settings.time_zone)
    made, text = create_key(
        services.store().database, name, role, actor(), services.now(), teams=teams, agent=agent, expires_at=until
    )
    click.echo(text)
    seen = ", ".join(made.teams) if made.teams else words("all teams")
    about = {"prefix": made.prefix, "name": made.name, "role": made.role, "teams": seen}
    if expires:
        pattern = marked("Key {prefix} for {name}: {role}, {teams}, valid until the end of {day} ({zone}).")
        say(pattern, err=True, **about, day=expires, zone=services.settings.time_zone)
    else:
        say("Key {prefix} for {name}: {role}, {teams}, valid until it is revoked.", err=True, **about)
    say("It is shown only now. Send it as  Authorization: Bearer KEY  and keep it secret.", err=True)


@key.command("list")
@data_option
def list_(data: Path | None) -> None:
    """List all keys without their secrets, revoked and expired ones too."""
    services = services_for(data)
    now, zone = services.now(), services.settings.time_zone
    rows = [_row(each, now, zone) for each in list_keys(services.store().database)]
    head = heads("prefix", "name", "role", "teams", "agent", "state", "made", "expires", "last used")
    for line in in_columns([head, *rows], range(len(head))):
        click.echo(line)


@key.command()
@click.argument("which", metavar="NAME|PREFIX")
@data_option
def revoke(which: str, data: Path | None) -> None:
    """Make a key worthless, everywhere."""
    services = services_for(data)
    gone = revoke_key(services.store().database, which, actor(), services.now())
    say("Revoked {prefix} of {name}.", err=True, prefix=gone.prefix, name=gone.name)


def _end_of(text: str, zone: zoneinfo.ZoneInfo) -> dt.datetime:
    """The first instant after a local day."""
    try:
        day = dt.date.fromisoformat(text)
        return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), zone)
    except (ValueError, OverflowError) as error:
        message = Told("{text!r} is no day; write 2027-01-31", text=text)
        raise InvalidInputError(Problem("--expires", message, text)) from error


def _row(found: Key, now: dt.datetime, zone: zoneinfo.ZoneInfo) -> tuple[str, ...]:
    def minute(at: dt.datetime | None) -> str:
        return "" if at is None else at.astimezone(zone).strftime("%Y-%m-%d %H:%M")

    texts = (found.prefix, found.name, found.role, ", ".join(found.teams or (words("all"),)), found.agent or "")
    times = (minute(found.created_at), minute(found.expires_at), minute(found.last_used_at))
    return (*map(visible, texts), words(_STATES[found.state(now)]), *times)
