"""csi serve and csi settings."""

import dataclasses
from pathlib import Path

import click

from csi_service.cli.language import say, words
from csi_service.cli.store_option import data_option, settings_for
from csi_service.server import run
from csi_service.settings import SETTINGS, load_settings


@click.command(short_help="Serve the API.")
@click.option("--host", help="Address to listen on; default: CSI_HOST, else 127.0.0.1.")
@click.option("--port", type=click.IntRange(1, 65_535), help="Port to listen on; default: CSI_PORT, else 8000.")
@click.option("--workers", type=click.IntRange(1, 64), help="Worker processes; default: CSI_WORKERS, else 2.")
@data_option
def serve(host: str | None, port: int | None, workers: int | None, data: Path | None) -> None:
    """Serve the API with gunicorn until it is told to stop (Ctrl-C or SIGTERM)."""
    found = settings_for(data)
    run(dataclasses.replace(found, host=host or found.host, port=port or found.port, workers=workers or found.workers))


@click.command(short_help="Print the settings.")
def settings() -> None:
    """Print each setting: its variable, its value now, and what it does."""
    values = load_settings()
    for setting in SETTINGS:
        click.echo(f"{setting.name}={setting.shown(values)}")
        default = setting.default or words("none")
        say("    {text} (default: {default})", text=words(setting.help), default=default)
