"""The option --data of all commands that touch the store, what it opens, and in whose name they write."""

import dataclasses
import os
import pwd
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from csi_service.access import Caller
from csi_service.services import Services, build_services
from csi_service.settings import Settings, load_settings

Command = TypeVar("Command", bound=Callable[..., Any])


def data_option(command: Command) -> Command:
    """Add --data to a command; it arrives as `data`."""
    option = click.option(
        "--data",
        type=click.Path(file_okay=False, path_type=Path),
        help="Data folder; default: that of CSI_DATA.",
    )
    return option(command)


def settings_for(data: Path | None) -> Settings:
    """Return the settings, with this data folder where one was given."""
    settings = load_settings()
    return settings if data is None else dataclasses.replace(settings, data=data)


def services_for(data: Path | None) -> Services:
    """Return the services with their store open; the end of the command closes it."""
    services = build_services(settings_for(data))
    click.get_current_context().call_on_close(services.store().database.close)
    return services


def actor() -> str:
    """Return the name under which the audit trail shows a command: cli: and the system user's."""
    try:
        return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:  # a container may run under a number without a name
        return f"cli:{os.getuid()}"


def caller() -> Caller:
    """Return who runs a command, for what the API asks of its callers: an administrator of that name."""
    return Caller(actor(), "admin", 0, "")
