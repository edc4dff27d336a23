"""csi doctor: whether the data folder is well."""

from pathlib import Path

import click

from csi_service.cli.language import words
from csi_service.cli.store_option import data_option, settings_for
from csi_service.core.told import Told
from csi_service.errors import DamagedError
from csi_service.language import marked
from csi_service.report.columns import padded, visible
from csi_service.services import build_services
from csi_service.store.doctor import Place, examine
from csi_service.store.verdict import FAULT, GOOD, NOTE

_STATES = {GOOD: marked("good"), NOTE: marked("note"), FAULT: marked("FAULT")}


@click.command(short_help="Check the data folder.")
@click.option("--fast", is_flag=True, help="Leave out what reads every call and every record.")
@data_option
def doctor(fast: bool, data: Path | None) -> None:
    """Check the data folder, its database, files of calls and counters, the weights and the clock; mend nothing.

    Prints a line for each check. Any fault makes exit code 2.
    """
    settings = settings_for(data)
    services = build_services(settings)
    place = Place(settings.data, settings.database_url, str(settings.time_zone), services.weights)
    faults = 0
    for verdict in examine(place, services.now(), services.today(), fast):
        state, name = padded(words(_STATES[verdict.state]), 5), padded(words(verdict.name), 16)
        click.echo(visible(f"{state}  {name}  {' '.join(words(verdict.text).split())}"))
        faults += verdict.state == FAULT
    if faults:
        one, several = marked("{count} fault found in {folder}"), marked("{count} faults found in {folder}")
        raise DamagedError(Told(one if faults == 1 else several, count=faults, folder=settings.data))
