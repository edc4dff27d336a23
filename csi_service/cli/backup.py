"""csi backup and csi restore."""

from pathlib import Path

import click

from csi_service.cli.language import say, words
from csi_service.cli.store_option import data_option, services_for, settings_for
from csi_service.store.backup import Manifest, back_up
from csi_service.store.restore import restore as restore_backup


@click.command(short_help="Back the data folder up.")
@click.argument("target", type=click.Path(path_type=Path))
@data_option
def backup(target: Path, data: Path | None) -> None:
    """Write a backup of the data folder and its database to TARGET, a new folder or a new .tar file.

    The service may run meanwhile; the backup is its state at one moment. Weights and forms are not in it.
    """
    services = services_for(data)
    click.echo(f"{target}: {_told(back_up(services.store(), target, services.now()))}")


@click.command(short_help="Restore a backup.")
@click.argument("backup", type=click.Path(path_type=Path))
@data_option
def restore(backup: Path, data: Path | None) -> None:
    """Make the data folder of a BACKUP: a folder or .tar file that csi backup wrote.

    The data folder must be empty or not there, and so must be the PostgreSQL database where CSI_DATABASE_URL names one.
    The backup may have been made with the other kind of database.
    """
    settings = settings_for(data)
    manifest = restore_backup(backup, settings.data, settings.database_url)
    click.echo(f"{settings.data}: {_told(manifest)}")
    if manifest.time_zone != str(settings.time_zone):
        say("Its days are cut in {zone}: set CSI_TIME_ZONE to that.", err=True, zone=manifest.time_zone)


def _told(manifest: Manifest) -> str:
    calls = sum(name.startswith("calls/") for name in manifest.files)
    made = {"number": manifest.revision, "at": manifest.made_at, "size": manifest.bytes / 2**20}
    return words("write {number} of {at}, {calls:,} files of calls, {size:,.1f} MiB", calls=calls, **made)
